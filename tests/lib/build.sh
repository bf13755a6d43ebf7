# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by tests/run and tests/demo.

# build_obbackup SOURCE-TREE [SANITIZE]: builds and exports OBBACKUP_BUILD; SANITIZE is "address",
# "thread" or nothing. Quiet unless it fails.
# Where it had to make a temporary directory, OBBACKUP_TEMPORARY_BUILD names it, for the caller to
# remove.
build_obbackup ()
{
  local source_tree=$1 sanitize=${2-} suffix='' directory log
  local options=()

  directory=${OBBACKUP_BUILD:-$source_tree/build}
  if [[ -z ${OBBACKUP_BUILD-} ]] && ! { mkdir -p "$directory" && [[ -w $directory ]]; } 2> /dev/null
  then
    directory=$(mktemp -d /tmp/obbackup-build-XXXXXX)
    OBBACKUP_TEMPORARY_BUILD=$directory
  fi
  case $sanitize in
    address)
      suffix=-sanitize
      options+=("-Db_sanitize=address,undefined" -Db_lundef=false)
      # A test puts the clock forward with a library that is loaded before the sanitizer's.
      export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:exitcode=99:verify_asan_link_order=0}
      export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1:halt_on_error=1:exitcode=99}
      ;;
    thread)
      suffix=-tsan
      options+=(-Db_sanitize=thread -Db_lundef=false)
      export TSAN_OPTIONS=${TSAN_OPTIONS-exitcode=99:suppressions=$source_tree/tests/lib/tsan.supp}
      ;;
  esac
  if [[ -n $sanitize ]]; then
    # GLib's own allocator hides from them what is freed.
    export G_SLICE=always-malloc
  fi
  [[ -n ${OBBACKUP_TEMPORARY_BUILD-} ]] || directory+=$suffix
  export OBBACKUP_BUILD=$directory

  if [[ $sanitize == thread ]]; then
    # A sandbox has it beside its programs.
    options+=("-Dc_link_args=-Wl,-rpath,\$ORIGIN/../glib:$(realpath -m "$directory")/glib")
    "$source_tree/tests/lib/thread-glib" "$directory/glib" || return 1
  fi
  log=$(mktemp)
  if [[ ! -e $directory/build.ninja ]] \
     && ! meson setup "${options[@]}" "$directory" "$source_tree" > "$log" 2>&1; then
    cat "$log"
    rm -f "$log"
    echo "meson could not set up $directory; the lines above tell why."
    return 1
  fi
  if ! ninja -C "$directory" > "$log" 2>&1; then
    tail -n 60 "$log"
    rm -f "$log"
    echo "The build in $directory failed; the lines above tell why."
    return 1
  fi
  rm -f "$log"
  if [[ $sanitize == thread
        && $(ldd "$directory/service/obbackupd") != */glib/libglib-2.0.so.0* ]]; then
    echo "The programs in $directory do not use the GLib that is built for ThreadSanitizer." \
         "Remove that directory, and it is made anew."
    return 1
  fi
}

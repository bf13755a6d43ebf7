# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by what measures the whole service: run_in_sandbox PROGRAM [OPTION…] installs what is
# missing, builds, and runs the Python program of this directory in a sandbox; where
# $own_file_system is not empty, in a file system made for it (see tests/lib/own-file-system). Needs
# $bench and $source_tree; leaves nothing running and nothing behind but packages and the build
# directory.

if ((EUID != 0)); then
  echo "tests/bench: it makes a system bus and users of its own, for which it needs root" >&2
  exit 2
fi

directory=
OBBACKUP_TEMPORARY_BUILD=
clean_up ()
{
  rm -rf ${directory:+"$directory"} ${OBBACKUP_TEMPORARY_BUILD:+"$OBBACKUP_TEMPORARY_BUILD"}
}
trap clean_up EXIT

# The peers, which building and testing do not need. Without borg or pgbackrest their rows are
# missing; time(1) has to be there, since it tells the memory of the others.
install_peers ()
{
  local program missing=()
  for program in time borg pgbackrest; do
    [[ -n $(type -P "$program") ]] || missing+=("$program")
  done
  if ((${#missing[@]} > 0)); then
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
      install --yes --no-install-recommends time borgbackup pgbackrest > /dev/null 2>&1 || true
  fi
  if [[ ! -x /usr/bin/time ]]; then
    echo "tests/bench: the package \"time\" is missing and could not be installed" >&2
    return 1
  fi
}

run_in_sandbox ()
{
  exec < /dev/null
  umask 022
  "$source_tree/tests/lib/packages"
  install_peers
  . "$source_tree/tests/lib/build.sh"
  echo "Building obbackup."
  build_obbackup "$source_tree"

  # Readable for every user: the database server lives below it.
  directory=$(mktemp -d "${TMPDIR:-/tmp}/obbackup-bench-XXXXXX")
  chmod 755 "$directory"
  local place=()
  if [[ -n ${own_file_system-} ]]; then
    place=(unshare --mount --propagation private -- "$source_tree/tests/lib/own-file-system"
           "$directory")
  fi
  "${place[@]}" "$source_tree/tests/sandbox" "$directory" -- /usr/bin/python3 -B "$bench/$1" "${@:2}" &
  sandbox=$!
  local status=0
  # A signal for this script alone has to reach the sandbox, and what lies in the directory may go
  # only when all in there has ended.
  trap 'kill -TERM "$sandbox"' TERM INT HUP
  wait "$sandbox" || status=$?
  while kill -0 "$sandbox" 2> /dev/null; do
    wait "$sandbox" || status=$?
  done
  return "$status"
}

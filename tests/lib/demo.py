# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario of tests/demo, run in a sandbox."""

import os
import pwd
import shlex
import subprocess
import sys
import time
from pathlib import Path

import compare
from installation import Installation, Size
from postgres import Postgres

SANDBOX = Path(os.environ["OBBACKUP_SANDBOX"])
COLOUR = sys.stdout.isatty()
SIZE = Size(orders=8000, images=40, image_bytes=100_000, extra_tables=120, source_files=3000,
            webapp_files=900, attachments=400, large_file=40 << 20)


def styled(text, code):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def heading(text):
    print("\n" + styled(text, "1;34") + ("" if COLOUR else "\n" + "-" * len(text)))


def say(text):
    print(text, flush=True)


def show(*words, user="root", expected=0, environment=None):
    """Runs a command for everyone to see, as another user if asked for."""
    prompt = "#" if user == "root" else f"{user}$"
    print(styled(f"\n{prompt} {shlex.join(map(str, words))}", "1"), flush=True)
    who = {}
    if user != "root":
        entry = pwd.getpwnam(user)
        who = {"user": entry.pw_uid, "group": entry.pw_gid,
               "extra_groups": os.getgrouplist(user, entry.pw_gid), "cwd": "/"}
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, check=False,
                          env=dict(os.environ, **(environment or {})), **who)
    if done.returncode != 0:
        print(styled(f"(exit status {done.returncode})", "2"), flush=True)
    if done.returncode != expected:
        sys.exit(f"The demonstration ends here: an exit status of {expected} was expected.")


def describe(installation):
    return (compare.describe_database(installation.server, installation.database),
            {part: compare.describe_tree(tree) for part, tree in installation.trees().items()})


def tell_application(installation):
    try:
        answer = installation.ask_application()
    except OSError as error:
        return say(styled(f"The application: {error}", "31"))
    say(f"The application: {answer['orders']} orders worth {answer['total']}, "
        f"{len(answer['lost'])} attachments lost.")
    return answer


def prove_equal(before, after):
    """Says how much was compared; ends the demonstration where something differs."""
    differences = compare.database_differences(before[0], after[0])
    for part, tree in before[1].items():
        differences += compare.tree_differences(tree, after[1][part])
    if differences:
        say(styled("\n".join(differences[:20]), "31"))
        sys.exit("It is not what it was.")
    tables = sum(name.startswith("table ") for name in before[0])
    entries = sum(len(tree) for tree in before[1].values())
    say(f"{tables} tables and sequences, the whole schema, owner, settings and rights of the "
        f"database:\n  the same, by checksum.")
    say(f"{entries} files, directories and links with their owners, modes, times, attributes and "
        "ACLs:\n  the same.")


def play(server):
    began = time.monotonic()
    heading("An Openbravo-shaped installation, with a real PostgreSQL and an application on top")
    installation = Installation(SANDBOX / "srv", server, size=SIZE).make()
    installation.start_application()
    show("du", "-sh", *installation.trees().values())
    size = server.value(f"SELECT pg_size_pretty (pg_database_size ('{installation.database}'))")
    say(f"Database {installation.database}: {size}")
    answer = tell_application(installation)

    heading("obbackup gets to know it, and a place for the backups")
    start, stop = map(shlex.join, installation.application_commands())
    show("obbackupctl", "destination", "add", "disk", "--path", SANDBOX / "backups")
    show("obbackupctl", "instance", "add", "erp", "--properties", installation.properties,
         "--webapp", installation.webapp, "--start-command", start, "--stop-command", stop)

    heading("polkit decides who may: an ordinary user may not")
    show("obbackupctl", "backup", "erp", user="clerk", expected=4)

    heading("The application's own user may, as a member of the group obbackup; it goes on running")
    before = describe(installation)
    show("obbackupctl", "backup", "erp", "--label", "before the disaster", user="openbravo")
    show("obbackupctl", "list", user="openbravo")

    heading("An independent program agrees: the repository is restic's format")
    show("restic", "--no-cache", "--quiet", "--repo", SANDBOX / "backups", "check", "--read-data",
         environment={"RESTIC_PASSWORD_FILE": str(SANDBOX / "etc" / "keys" / "disk.key")})
    say("No errors.")

    heading("The disaster")
    environment = {"PGPASSFILE": str(SANDBOX / "pgpass")}
    show("psql", "-q", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-c",
         f"DROP DATABASE {installation.database} WITH (FORCE)", environment=environment)
    show("rm", "-rf", *installation.trees().values())
    tell_application(installation)

    heading("And back")
    show("obbackupctl", "restore", "latest", "--yes")

    heading("Is it whole?")
    prove_equal(before, describe(installation))
    if tell_application(installation) != answer:
        sys.exit("The application answers otherwise than before.")
    show("obbackupctl", "jobs")
    installation.stop_application()
    say(styled(f"\nWhole again. All of this took {time.monotonic() - began:.0f} seconds.", "1;32"))


def main():
    with Postgres(SANDBOX) as server:
        passwords = SANDBOX / "pgpass"
        passwords.touch(0o600)
        passwords.write_text(f"127.0.0.1:{server.port}:*:postgres:postgres-password\n")
        play(server)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest as one of those compared. It copies the files of a whole cluster, so its backup holds
the indexes, and its restore begins with an empty data directory and ends with a server; of a
cluster with one large database that is the nearest to what the others do."""

import os
import shutil
import signal
import subprocess
import time

from measuring import run, size_of
from postgres import PROGRAMS, SUPERUSER, SUPERUSER_PASSWORD, free_port

STANZA = "bench"
PROCESSES = 2
CIPHER = "of the measurements"
SECONDS_TO_ANSWER = 300


class PgBackRest:
    """Backs up with what obbackup does too: compressed with zstd 3, encrypted, two processes."""

    def __init__(self, directory, server):
        self.server = server
        self.directory = directory / "pgbackrest"
        self.repository = self.directory / "repository"
        self.restored = self.directory / "restored"
        self.configuration = self.directory / "pgbackrest.conf"
        self.directory.mkdir()
        self.write_configuration()
        self.own(self.directory, self.configuration)
        self.let_archive()

    @staticmethod
    def own(*paths):
        for path in paths:
            shutil.chown(path, SUPERUSER, SUPERUSER)

    def write_configuration(self):
        options = {
            "repo1-path": self.repository, "repo1-cipher-type": "aes-256-cbc",
            "repo1-cipher-pass": CIPHER, "compress-type": "zst", "compress-level": 3,
            "process-max": PROCESSES, "start-fast": "y", "log-level-file": "off",
            "log-level-console": "warn", "lock-path": self.directory / "lock",
            "spool-path": self.directory / "spool"}
        cluster = {"pg1-path": self.server.data, "pg1-port": self.server.port,
                   "pg1-socket-path": self.server.directory, "pg1-user": SUPERUSER}
        lines = ["[global]", *(f"{name}={value}" for name, value in options.items()),
                 f"[{STANZA}]", *(f"{name}={value}" for name, value in cluster.items())]
        self.configuration.write_text("\n".join(lines) + "\n")
        self.configuration.chmod(0o600)

    def command(self, *words):
        return ["setpriv", f"--reuid={SUPERUSER}", f"--regid={SUPERUSER}", "--clear-groups",
                "pgbackrest", f"--config={self.configuration}", f"--stanza={STANZA}", *words]

    # the server's part

    def let_archive(self):
        """The server is started anew with an archive, since without one there is no backup; what
        nobody has asked to keep is thrown away, so that the others' measurements do not pay."""
        self.server.query("ALTER SYSTEM SET archive_command = 'true'")
        self.server.stop()
        self.server.settings["archive_mode"] = "on"
        self.server.start()

    def archive_with(self, command):
        self.server.query("ALTER SYSTEM SET archive_command = %s", (command,))
        self.server.query("SELECT pg_reload_conf ()")

    # what is measured

    def run(self, *words):
        return run(self.command(*words), environment={"PGPASSWORD": SUPERUSER_PASSWORD})

    def renew(self):
        shutil.rmtree(self.repository, ignore_errors=True)
        self.repository.mkdir()
        self.own(self.repository)
        self.run("stanza-create")

    def back_up(self):
        self.archive_with(f"pgbackrest --config={self.configuration} --stanza={STANZA} "
                          "archive-push %p")
        try:
            figure = self.run("--type=full", "backup")
        finally:
            self.archive_with("true")
        figure.stored = size_of(self.repository)
        return figure

    def restore(self):
        """Until a server on what was restored answers."""
        self.restored.mkdir(mode=0o700)
        self.own(self.restored)
        try:
            figure = self.run(f"--pg1-path={self.restored}", "--archive-mode=off", "restore")
            figure.seconds += self.start_restored()
            figure.synced = figure.seconds
            return figure
        finally:
            shutil.rmtree(self.restored)

    def start_restored(self):
        """Returns the seconds until it answers; stops it again."""
        port, began = free_port(), time.monotonic()
        server = subprocess.Popen(
            [PROGRAMS / "postgres", "-D", self.restored, "-c", f"port={port}",
             "-c", "listen_addresses=127.0.0.1",
             "-c", f"unix_socket_directories={self.directory}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=SUPERUSER, group=SUPERUSER, extra_groups=[], cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"})
        try:
            while subprocess.run(
                    [PROGRAMS / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={port}"],
                    check=False).returncode != 0:
                if server.poll() is not None or time.monotonic() - began > SECONDS_TO_ANSWER:
                    raise RuntimeError("the server on pgBackRest's restore does not answer")
                # Asked often, since the time until it answers is what is measured.
                time.sleep(0.02)
            return time.monotonic() - began
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()

# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away PostgreSQL 15 server on loopback, stopped exactly as it was started."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from waiting import wait_until

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SUPERUSER = "postgres"
SUPERUSER_PASSWORD = "postgres-password"

SECONDS_TO_START = 120
SECONDS_TO_STOP = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A cluster in a directory of its own; use it as a context manager, or start() and stop().

    sync=False is for tests that do not ask what survives a crash of the machine; everything else
    is as in production. Reachable only on 127.0.0.1, with passwords."""

    def __init__(self, parent=None, sync=True, settings=None):
        self.directory = Path(tempfile.mkdtemp(prefix="postgresql-", dir=parent))
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.port = None
        self.process = None
        self.settings = dict(settings or {})
        if not sync:
            self.settings |= {"fsync": "off", "synchronous_commit": "off",
                              "full_page_writes": "off"}
        os.chmod(self.directory, 0o755)
        shutil.chown(self.directory, SUPERUSER, SUPERUSER)
        self._make_cluster()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *ignored):
        self.remove()

    def _as_postgres(self):
        return {"user": SUPERUSER, "group": SUPERUSER, "extra_groups": [], "cwd": "/",
                "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}}

    def _make_cluster(self):
        password = self.directory / "password"
        password.write_text(SUPERUSER_PASSWORD + "\n")
        shutil.chown(password, SUPERUSER)
        done = subprocess.run(
            [PROGRAMS / "initdb", "--pgdata", self.data, "--username", SUPERUSER,
             "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8",
             "--locale", "C.UTF-8", "--no-sync"],
            capture_output=True, text=True, check=False, **self._as_postgres())
        password.unlink()
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def start(self):
        """Starts the server, on the port it had before if there was one."""
        for attempt in range(5):
            self.port = self.port if attempt == 0 and self.port else free_port()
            if self._start_once():
                return self
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()}")

    def _start_once(self):
        options = {"port": self.port, "listen_addresses": "127.0.0.1",
                   "unix_socket_directories": self.directory, **self.settings}
        command = [PROGRAMS / "postgres", "-D", self.data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True,
                                            **self._as_postgres())
        wait_until(lambda: self.process.poll() is not None or self._answers(),
                   f"PostgreSQL on port {self.port} does not answer", SECONDS_TO_START)
        return self.process.poll() is None

    def _answers(self):
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            return False

    def stop(self, number=signal.SIGINT):
        """Stops the server: SIGINT is PostgreSQL's fast shutdown, SIGQUIT a crash."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    # encryption

    def encrypt(self):
        """Connections may be encrypted from now on, with a certificate that nobody knows, as in a
        cluster that Debian makes."""
        certificate, key = self.data / "server.crt", self.data / "server.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-out", certificate, "-keyout", key],
            capture_output=True, check=True)
        for file in (certificate, key):
            shutil.chown(file, SUPERUSER, SUPERUSER)
        self.query("ALTER SYSTEM SET ssl TO on")
        self._reload()

    def admit(self, kind, addresses="127.0.0.1/32"):
        """Lets in over TCP what pg_hba.conf calls this: "host", or "hostssl" for encrypted
        connections alone."""
        (self.data / "pg_hba.conf").write_text(f"{kind} all all {addresses} scram-sha-256\n")
        self._reload()

    @contextlib.contextmanager
    def wanting_encryption(self):
        """Meanwhile it lets nobody in over TCP who does not encrypt."""
        file = self.data / "pg_hba.conf"
        text = file.read_text()
        file.write_text(re.sub("^host ", "hostssl ", text, flags=re.MULTILINE))
        self._reload()
        try:
            yield
        finally:
            file.write_text(text)
            self._reload()

    def read_log(self, start=0):
        """What it wrote from this byte on."""
        with open(self.log, "rb") as log:
            log.seek(start)
            return log.read().decode()

    def count_connections(self, start):
        """The connections of obbackup and of the programs that it starts, as log_connections has
        them from this byte of the log on: how many were encrypted, and how many were not."""
        lines = [line for line in self.read_log(start).splitlines()
                 if re.search("connection authorized: .*application_name=obbackup", line)]
        encrypted = [line for line in lines if "SSL enabled" in line]
        return len(encrypted), len(lines) - len(encrypted)

    def _reload(self):
        before = self.value("SELECT pg_conf_load_time()")
        self.query("SELECT pg_reload_conf()")
        wait_until(lambda: self.value("SELECT pg_conf_load_time()") != before,
                   "PostgreSQL does not read its configuration again")

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # reaching it

    def url(self):
        """What bbdd.url holds."""
        return f"jdbc:postgresql://localhost:{self.port}"

    def connect(self, database="postgres", user=SUPERUSER, password=SUPERUSER_PASSWORD):
        """A psycopg2 connection in autocommit mode."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, dbname=database,
                                      user=user, password=password, connect_timeout=10)
        connection.autocommit = True
        return connection

    def query(self, statement, arguments=None, **who):
        """Runs one statement and returns its rows, if it has any."""
        connection = self.connect(**who)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def value(self, statement, arguments=None, **who):
        return self.query(statement, arguments, **who)[0][0]

    def environment(self, user=SUPERUSER, password=SUPERUSER_PASSWORD):
        """For PostgreSQL's own programs."""
        return dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER=user,
                    PGPASSWORD=password, LC_ALL="C.UTF-8", TZ="UTC")

    def run_file(self, file, database, variables=None, **who):
        """Runs a file of SQL through psql, which stops at the first error."""
        command = ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1",
                   "--dbname", database, "--file", "-", "--output", "/dev/null"]
        for name, value in (variables or {}).items():
            command += ["--set", f"{name}={value}"]
        with open(file, "rb") as text:
            done = subprocess.run(command, stdin=text, capture_output=True, check=False,
                                  env=self.environment(**who))
        if done.returncode != 0:
            raise RuntimeError(f"{file}: {done.stderr.decode(errors='replace')}")

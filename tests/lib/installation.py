# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an installation in the shape of an Openbravo one, of a chosen size, from a seed.

The database has every kind of object that Openbravo's has (schema*.sql); the trees have what real
ones have, and every kind of name and file that a file system allows (trees.py). A small real
application (application.py) answers over HTTP from the database as bbdd.user does."""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

from postgres import SUPERUSER, SUPERUSER_PASSWORD, free_port
from trees import TreeMaker

HERE = Path(__file__).resolve().parent


@dataclasses.dataclass
class Size:
    """How much of everything there is; lines, invoices and facts follow from the orders."""

    orders: int = 400
    images: int = 4
    image_bytes: int = 40_000
    extra_tables: int = 20
    source_files: int = 250
    webapp_files: int = 80
    attachments: int = 60
    large_file: int = 9 << 20
    sparse_file: int = 64 << 20

    @classmethod
    def middle(cls):
        """A middle-sized real installation: 200 MB of database, 22,600 files of source."""
        return cls(orders=40_000, images=200, image_bytes=200_000, extra_tables=580,
                   source_files=22_000, webapp_files=9_800, attachments=3_000,
                   large_file=60 << 20, sparse_file=1 << 30)

    @classmethod
    def tiny(cls):
        """For tests that are not about content."""
        return cls(orders=40, images=1, image_bytes=2000, extra_tables=2, source_files=30,
                   webapp_files=10, attachments=12, large_file=1 << 20, sparse_file=8 << 20)


@dataclasses.dataclass
class Installation:
    """An installation below directory, its database in server. make() brings it into being."""

    directory: Path
    server: object
    database: str = "openbravo"
    owner: str = "tad"
    password: str = "tad-contraseña"
    reader: str = "ob_report"
    uid: int = 61002
    gid: int = 61002
    seed: int = 1
    size: Size = dataclasses.field(default_factory=Size)
    nested_attachments: bool = False
    activation_key: str = None
    odd_names: bool = True

    def __post_init__(self):
        self.directory = Path(self.directory)
        self.source = self.directory / "opt" / "OpenbravoERP"
        self.webapp = self.directory / "tomcat" / "webapps" / "openbravo"
        self.attachments = (self.source / "attachments" if self.nested_attachments
                            else self.directory / "attachments")
        self.properties = self.source / "config" / "Openbravo.properties"
        self.http_port = free_port()
        self.programs = self.directory / "programs"

    # making it

    def make(self):
        self.make_directories()
        self.make_roles()
        self.make_database()
        self.make_trees()
        return self

    def make_directories(self):
        for path in (self.directory, self.source.parent, self.webapp.parent.parent,
                     self.webapp.parent):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
        # In production these belong to the application's user, who can then swap what is below.
        for path in (self.source.parent, self.webapp.parent):
            os.chown(path, self.uid, self.gid)

    def make_roles(self):
        existing = {name for name, in self.server.query("SELECT rolname FROM pg_roles")}
        if self.owner not in existing:
            self.server.query(f'CREATE ROLE "{self.owner}" LOGIN CREATEDB CREATEROLE PASSWORD %s',
                              [self.password])
            self.server.query(f"ALTER ROLE \"{self.owner}\" SET lock_timeout TO '10min'")
        if self.reader not in existing:
            self.server.query(f'CREATE ROLE "{self.reader}" LOGIN PASSWORD %s', ["reader"])

    def make_database(self):
        self.server.query(f'CREATE DATABASE "{self.database}" OWNER "{self.owner}" '
                          "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' "
                          "LC_CTYPE 'C.UTF-8' CONNECTION LIMIT 80")
        names = {"database": self.database, "owner": self.owner, "reader": self.reader}
        owner = {"user": self.owner, "password": self.password}
        self.server.run_file(HERE / "schema-superuser.sql", self.database, names)
        self.server.run_file(HERE / "schema.sql", self.database, names, **owner)
        self.server.run_file(HERE / "schema-superuser-after.sql", self.database, names)
        self.server.run_file(HERE / "data.sql", self.database, {
            "seed": self.seed, "reader": self.reader, "orders": self.size.orders,
            "images": self.size.images, "imagebytes": self.size.image_bytes}, **owner)
        self.make_extra_tables()
        if self.activation_key is not None:
            self.query("UPDATE ad_system SET activation_key = %s, instance_key = 'instance'",
                       [self.activation_key])

    def make_extra_tables(self):
        """The many other tables, half of them empty, as in the original."""
        connection = self.connect()
        with connection.cursor() as cursor:
            for number in range(self.size.extra_tables):
                name = f"obmod_{number:04d}"
                cursor.execute(
                    f"CREATE TABLE {name} ({name}_id varchar(32) PRIMARY KEY, name varchar(60), "
                    "ad_client_id ob_uuid REFERENCES ad_client, created timestamp DEFAULT now ())")
                if number % 2 == 0:
                    cursor.execute(
                        f"INSERT INTO {name} SELECT md5 (i::text), 'row ' || i, '0', "
                        "timestamp '2020-01-01' FROM generate_series (1, 20) AS i")
        connection.close()

    def make_trees(self):
        maker = TreeMaker(self.seed, self.size, self.uid, self.gid, self.odd_names)
        maker.make_source(self.source)
        files = maker.make_attachments(self.attachments)
        maker.make_webapp(self.webapp)
        self.write_properties(self.properties)
        self.write_properties(self.webapp / "WEB-INF" / "Openbravo.properties")
        maker.finish(self.source, self.webapp, self.attachments)
        self.record_attachments(files)

    def write_properties(self, path):
        """Partly escaped as java.util.Properties does, partly raw as Openbravo's own setup."""
        text = f"""\
# Openbravo properties (año 2024)
bbdd.rdbms=POSTGRE
bbdd.driver=org.postgresql.Driver
bbdd.url=jdbc\\:postgresql\\://localhost\\:{self.server.port}
bbdd.sid={self.database}
bbdd.user={self.owner}
bbdd.password={self.password}
bbdd.systemUser={SUPERUSER}
bbdd.systemPassword={SUPERUSER_PASSWORD}
bbdd.sessionConfig=select update_dateFormat('DD-MM-YYYY')
context.name : openbravo
source.path={self.source}
attach.path={self.attachments}
deploy.mode=class
safe.mode=false
"""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
        path.chmod(0o644)
        os.chown(path, self.uid, self.gid)

    def record_attachments(self, files):
        """Writes the C_FILE rows; old attachments have no path there."""
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO c_file (c_file_id, ad_client_id, created, name, seqno, ad_table_id, "
                "ad_record_id, path) VALUES (%s, '0', '2024-06-01', %s, 10, %s, %s, %s)",
                [(file.identifier, file.name, file.table, file.record, file.path)
                 for file in files])
        connection.close()

    # using it

    def connect(self):
        return self.server.connect(self.database, self.owner, self.password)

    def query(self, statement, arguments=None):
        """Runs a statement as bbdd.user."""
        return self.server.query(statement, arguments, database=self.database, user=self.owner,
                                 password=self.password)

    def value(self, statement, arguments=None):
        return self.query(statement, arguments)[0][0]

    def trees(self):
        return {"sources": self.source, "webapp": self.webapp, "attachments": self.attachments}

    def wreck(self):
        """Drops the database and removes every tree."""
        self.drop_database()
        for tree in self.trees().values():
            shutil.rmtree(tree, ignore_errors=True)

    def drop_database(self):
        self.server.query(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def remove(self):
        self.stop_application()
        self.wreck()
        shutil.rmtree(self.directory, ignore_errors=True)

    # the application

    def application_commands(self):
        """The start and the stop command, each an argument vector, to be run as the user."""
        program = self.programs / "application.py"
        if not program.exists():
            self.programs.mkdir(exist_ok=True)
            self.programs.chmod(0o755)
            shutil.copy(HERE / "application.py", program)
            program.chmod(0o755)
            run = self.programs / "run"
            run.mkdir()
            os.chown(run, self.uid, self.gid)
        common = [str(program), "--port", str(self.http_port), "--run", str(self.programs / "run")]
        return ([*common, "--webapp", str(self.webapp), "start"], [*common, "stop"])

    def hold_application(self, verb):
        """The application's start or stop takes until the second file is there; returns the file in
        which it leaves a line when it is called, that other one, and what lets all be as before."""
        program, run = self.programs / "application.py", self.programs / "run"
        text = program.read_text()
        called, may = run / f"{verb}-called", run / f"{verb}-may"

        def let_go():
            program.write_text(text)
            for file in (called, may):
                file.unlink(missing_ok=True)

        # What is held when all is let go gives up: else it would start the application at any later time.
        program.write_text(text.replace(f"def {verb}(options):", f"""def {verb}(options):
    with open("{called}", "a") as file:
        file.write("called\\n")
    while not Path("{may}").exists():
        if not Path("{called}").exists():
            sys.exit("let go")
        time.sleep(0.01)"""))
        return called, may, let_go

    def break_application(self, words):
        """Whatever it is asked for fails with these; returns what mends it."""
        program = self.programs / "application.py"
        text = program.read_text()
        program.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 3\n")
        return lambda: program.write_text(text)

    def run_application_command(self, command):
        return subprocess.run(command, user=self.uid, group=self.gid, extra_groups=[], cwd="/",
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def start_application(self):
        done = self.run_application_command(self.application_commands()[0])
        if done.returncode != 0:
            raise RuntimeError(f"the application did not start: {done.stdout}{done.stderr}")

    def stop_application(self):
        if (self.programs / "application.py").exists():
            self.run_application_command(self.application_commands()[1])

    def application_runs(self):
        try:
            with socket.create_connection(("127.0.0.1", self.http_port), 5):
                return True
        except OSError:
            return False

    def ask_application(self, path="/", data=None):
        """What the application answers, as an object; data makes it a POST."""
        body = None if data is None else json.dumps(data).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", body, 60) as answer:
            return json.load(answer)

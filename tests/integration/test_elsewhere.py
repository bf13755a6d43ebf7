# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of a part of a part, as a copy that runs beside the living installation and never against it,
and on a clean host, whose paths, database and server are others than those of the backup."""

import os
import shutil

import psycopg2
from gi.repository import GLib

from application import read_properties
from harness import (FAILED, NOT_FOUND, SANDBOX, USAGE, InstallationTest, Installation, compare,
                     ctl, server, wait_until)
from postgres import Postgres

KEYS = ("bbdd.url", "bbdd.sid", "bbdd.user", "bbdd.password", "source.path", "attach.path")


class ElsewhereTest(InstallationTest):
    application = True

    def properties_of(self, tree):
        return read_properties(tree / "Openbravo.properties")


class Files(ElsewhereTest):
    odd_names = True

    def restored(self, identifier, only, **how):
        into = self.directory / "into"
        self.json("restore", identifier, "--only", only, "--into", into, **how)
        return into

    def assert_equal_tree(self, part, path, into):
        living = self.installation.trees()[part] / path
        self.assert_same_tree(compare.describe_tree(living),
                              compare.describe_tree(into / part / path))

    def test_directory(self):
        identifier = self.backup()
        before = self.describe()
        module = sorted((self.installation.source / "modules").iterdir())[0].name
        into = self.restored(identifier, f"sources/modules/{module}")
        self.assert_equal_tree("sources", f"modules/{module}", into)
        self.assertEqual(os.listdir(into), ["sources"])
        self.assertEqual(os.listdir(into / "sources"), ["modules"])
        self.assertEqual(os.listdir(into / "sources" / "modules"), [module])
        for path in ("", "modules"):
            living, copy = ((tree / path).stat() for tree in (self.installation.source,
                                                              into / "sources"))
            self.assertEqual((living.st_uid, living.st_mode, living.st_mtime_ns),
                             (copy.st_uid, copy.st_mode, copy.st_mtime_ns))
        self.assert_same_installation(before, self.describe())

    def test_files_of_several_parts(self):
        identifier = self.backup()
        into = self.restored(identifier, "sources/build.xml,webapp/WEB-INF/web.xml,attachments")
        self.assertEqual(sorted(os.listdir(into)), ["attachments", "sources", "webapp"])
        self.assertEqual(os.listdir(into / "sources"), ["build.xml"])
        self.assertEqual((into / "sources" / "build.xml").read_bytes(),
                         (self.installation.source / "build.xml").read_bytes())
        self.assert_equal_tree("attachments", "", into)
        web = (into / "webapp" / "WEB-INF")
        self.assertEqual(os.listdir(web), ["web.xml"])

    def test_of_an_instance_that_is_not_known(self):
        """On a host that has the repository and nothing else, files can be had."""
        identifier = self.backup()
        words = self.instance_words(self.installation, self.application)
        self.ok("instance", "remove", "erp")
        self.addCleanup(self.ok, "instance", "add", "erp", *words)
        into = self.restored(identifier, "sources,sources/build.xml")
        self.assert_equal_tree("sources", "", into)

    def test_what_is_not_there(self):
        identifier = self.backup()
        into = self.directory / "into"
        self.refused(NOT_FOUND, "modules/no-such", "restore", identifier, "--only",
                     "sources/modules/no-such", "--into", into)
        self.assertEqual(os.listdir(into) if into.exists() else [], [])

    def test_wrong_paths(self):
        identifier = self.backup()
        for path in ("sources/../etc", "sources//x", "sources/x//", "sources/./x", "elsewhere/x",
                     "database/schema.dump", "/etc/passwd"):
            with self.subTest(path=path):
                self.refused(FAILED, "", "restore", identifier, "--only", path, "--into",
                             self.directory / "into")
        self.refused(FAILED, "into a directory", "restore", identifier, "--only", "sources/build.xml",
                     "--yes")


class Listed(ElsewhereTest):
    odd_names = True

    def test_directories(self):
        identifier = self.backup()
        self.assertLessEqual({"database", "sources", "webapp", "attachments", "manifest.json"},
                             {file["name"] for file in self.json("ls", identifier)})
        for path in ("", "config", "modules"):
            with self.subTest(path=path):
                told = self.json("ls", identifier, f"sources/{path}")
                living = self.installation.source / path
                self.assertEqual(
                    {file["name"] for file in told if file["type"] != "socket"},
                    {os.fsencode(name).decode(errors="replace") for name in os.listdir(living)
                     if not (living / name).is_socket()})
        file, = self.json("ls", identifier, "sources/build.xml")
        status = (self.installation.source / "build.xml").stat()
        self.assertEqual((file["type"], file["size"], file["uid"], file["mtime"]),
                         ("file", status.st_size, status.st_uid, int(status.st_mtime)))
        out = self.ok("ls", "latest", "sources")
        self.assertIn("modules/", out)
        self.assertRegex(out, rf"(?m)^-rw-r--r-- +{status.st_uid}:{status.st_gid} .* build\.xml$")

    def test_pages(self):
        identifier = self.backup()
        whole = [file["name"] for file in self.json("ls", identifier, "sources")]
        paged = []
        while True:
            page = self.bus.manager("ListFiles", "(ssa{sv})", identifier, "sources", {
                "offset": GLib.Variant("t", len(paged)), "limit": GLib.Variant("u", 3)})[0]
            if not page:
                break
            self.assertLessEqual(len(page), 3)
            paged += [file["name"] for file in page]
        self.assertEqual(paged, whole)

    def test_not_there(self):
        self.backup()
        self.refused(NOT_FOUND, "no-such", "ls", "latest", "sources/no-such")
        self.refused(NOT_FOUND, "", "ls", "latest", "sources/../../etc")


class Copy(ElsewhereTest):
    def test_runs_against_itself(self):
        identifier = self.backup()
        backed_up = self.describe()
        into, name = self.directory / "copy", f"{self.installation.database}_copy"
        self.addCleanup(server().query, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.ok("restore", identifier, "--into", into, "--into-database", name)
        for directory in (into / "sources" / "config", into / "webapp" / "WEB-INF"):
            said = self.properties_of(directory)
            self.assertEqual(said["bbdd.sid"], name)
            self.assertEqual(said["source.path"], str(into / "sources"))
            self.assertEqual(said["attach.path"], str(into / "attachments"))
            with psycopg2.connect(host="127.0.0.1", port=said["bbdd.url"].rpartition(":")[2],
                                  dbname=said["bbdd.sid"], user=said["bbdd.user"],
                                  password=said["bbdd.password"]) as connection:
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE c_bpartner SET name = 'of the copy'")
            connection.close()
        self.assert_same_installation(backed_up, self.describe())
        self.assertEqual(server().query("SELECT DISTINCT name FROM c_bpartner", database=name),
                         [("of the copy",)])
        # Beside what has to be another, every byte is as it was.
        for part, file in (("sources", "config"), ("webapp", "WEB-INF")):
            one = (self.installation.trees()[part] / file / "Openbravo.properties").read_bytes()
            other = (into / part / file / "Openbravo.properties").read_bytes()
            differing = {line.partition(b"=")[0] for line, copy in
                         zip(one.splitlines(), other.splitlines(), strict=True) if line != copy}
            self.assertEqual(differing, {b"bbdd.sid", b"source.path", b"attach.path"})

    def test_files_alone_keep_their_settings(self):
        identifier = self.backup()
        into = self.directory / "files"
        self.ok("restore", identifier, "--only", "sources,webapp", "--into", into)
        self.assert_same_tree(compare.describe_tree(self.installation.source),
                              compare.describe_tree(into / "sources"))

    def test_original_settings(self):
        identifier = self.backup()
        into, name = self.directory / "copy", f"{self.installation.database}_original"
        self.addCleanup(server().query, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.ok("restore", identifier, "--into", into, "--into-database", name,
                "--original-settings")
        self.assert_same_tree(compare.describe_tree(self.installation.source),
                              compare.describe_tree(into / "sources"))


class OwnHost(ElsewhereTest):
    def test_living_settings_stay(self):
        """The password was changed since the backup."""
        identifier = self.backup()
        self.addCleanup(server().query, f'ALTER ROLE "{self.installation.owner}" PASSWORD %s',
                        [self.installation.password])
        server().query(f'ALTER ROLE "{self.installation.owner}" PASSWORD %s', ["new: \\ ñ"])
        former, self.installation.password = self.installation.password, "new: \\ ñ"
        text = self.installation.properties.read_bytes()
        new = text.replace(f"bbdd.password={former}".encode("latin-1"),
                           "bbdd.password=new: \\\\ ñ".encode("latin-1"))
        self.assertNotEqual(new, text)
        for file in (self.installation.properties,
                     self.installation.webapp / "WEB-INF" / "Openbravo.properties"):
            file.write_bytes(new)
        self.ok("instance", "edit", "erp")
        try:
            self.ok("restore", identifier, "--yes")
            for tree in (self.installation.source / "config", self.installation.webapp / "WEB-INF"):
                written = (tree / "Openbravo.properties").read_bytes().decode("latin-1")
                self.assertIn("bbdd.password=new: \\\\ \\u00f1\n", written)
            done = self.json("restore", identifier, "--yes", "--original-settings", status=(0, 1, 3))
            written = self.installation.properties.read_bytes()
            self.assertEqual(written, text, done)
        finally:
            type(self).installation.password = former
            ctl("release-previous", "erp", "--yes")


class CleanHost(ElsewhereTest):
    """Everything is another: directories, the database's name, its server, which has no role."""

    def test_restore(self):
        identifier = self.backup()
        backed_up = self.describe()
        (SANDBOX / "other-host").mkdir()
        self.addCleanup(shutil.rmtree, SANDBOX / "other-host")
        other = Postgres(SANDBOX / "other-host", sync=False)
        other.start()
        self.addCleanup(other.remove)
        new = Installation(SANDBOX / "other-host" / "erp", other, database="production",
                           password="another one")
        new.directory.mkdir()
        given = SANDBOX / "other-host" / "root" / "Openbravo.properties"
        new.write_properties(given)
        self.ok("instance", "add", "new", "--properties", given, "--webapp", new.webapp)
        self.addCleanup(ctl, "instance", "remove", "new")
        plan = self.json("restore", identifier, "--instance", "new", "--plan")
        self.assertFalse([entry for entry in plan["replaces"] if entry["exists"]])
        self.assertFalse(new.source.exists())
        done = self.json("restore", identifier, "--instance", "new", "--yes")
        self.assertEqual(done["previous"], {})

        self.assert_same_database(backed_up[0], compare.describe_database(other, "production"))
        for part, tree in new.trees().items():
            with self.subTest(part=part):
                differences = compare.tree_differences(backed_up[1][part],
                                                       compare.describe_tree(tree))
                # The properties: their content, not their owner and mode.
                self.assertLessEqual({text.rpartition(": ")[0] and text.split(" was ")[0]
                                      for text in differences}, {
                    f"b'{file}/Openbravo.properties': {fact}" for file in ("config", "WEB-INF")
                    for fact in ("content", "mtime", "size")})
        for directory in (new.source / "config", new.webapp / "WEB-INF"):
            said = self.properties_of(directory)
            self.assertEqual({key: said[key] for key in KEYS}, {
                key: self.properties_of(given.parent)[key] for key in KEYS})
        # The role was made, with the password that the new properties have; the application answers.
        self.assertEqual(new.value("SELECT count(*) FROM c_order"),
                         self.installation.value("SELECT count(*) FROM c_order"))
        new.start_application()
        self.addCleanup(new.stop_application)
        wait_until(new.application_runs, "the application does not run")
        self.assertEqual(new.ask_application()["lost"], [])
        path = [job["job"] for job in self.json("jobs") if job["Operation"] == "restore"][0]
        log = "\n".join(self.bus.log(path))
        for difference in (
                f"The place of the sources is {self.installation.source} in the backup, and "
                f"{new.source} here.",
                f"The database is {self.installation.database} in the backup, and production here."):
            self.assertIn(difference, plan["notes"])
            self.assertIn(difference, log)


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_elsewhere")

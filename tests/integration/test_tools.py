# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools of the tests themselves: a comparison that misses a difference would make every test
that leans on it worthless."""

import os
import pwd
import signal
import subprocess
from pathlib import Path

from harness import SANDBOX, SOURCE, Installation, SandboxTest, Size, compare, run, server, unittest
from waiting import wait_until


class Trees(unittest.TestCase):
    def setUp(self):
        self.root = SANDBOX / "work" / "tree"
        self.root.mkdir(parents=True)
        self.addCleanup(run, "rm", "-rf", self.root)
        (self.root / "file").write_text("content")
        (self.root / "other").write_text("other")
        (self.root / "directory").mkdir()
        (self.root / "link").symlink_to("file")
        os.link(self.root / "file", self.root / "directory" / "hard")
        with open(self.root / "sparse", "wb") as sparse:
            sparse.truncate(1 << 20)
        self.before = compare.describe_tree(self.root)

    def assert_seen(self, *words):
        """A difference is found, and told in these words."""
        found = " ".join(compare.tree_differences(self.before, compare.describe_tree(self.root)))
        for word in words:
            self.assertIn(word, found)

    def restore_times(self, path):
        """Sets the time back that the change set, so that nothing but the change is seen."""
        name = os.fsencode(os.path.relpath(path, self.root))
        time = self.before[name]["mtime"]
        os.utime(path, ns=(time, time), follow_symlinks=False)

    def test_nothing(self):
        self.assertEqual(compare.tree_differences(self.before, compare.describe_tree(self.root)), [])

    def test_content(self):
        (self.root / "file").write_text("CONTENT")
        self.restore_times(self.root / "file")
        self.assert_seen("'file'", "content was")

    def test_time(self):
        status = (self.root / "file").stat()
        os.utime(self.root / "file", ns=(0, status.st_mtime_ns + 1))
        self.assert_seen("mtime")

    def test_mode(self):
        (self.root / "file").chmod(0o600)
        self.assert_seen("mode")

    def test_owner(self):
        os.chown(self.root / "file", 7, -1)
        self.assert_seen("uid")

    def test_missing(self):
        (self.root / "link").unlink()
        self.assert_seen("'link' is missing")

    def test_new(self):
        (self.root / "directory" / "new").touch()
        self.assert_seen("'directory/new' is new")

    def test_link_target(self):
        (self.root / "link").unlink()
        (self.root / "link").symlink_to("file2")
        self.restore_times(self.root / "link")
        self.assert_seen("target")

    def test_broken_hard_link(self):
        (self.root / "directory" / "hard").unlink()
        (self.root / "directory" / "hard").write_text("content")
        self.assert_seen("links")

    def test_attribute(self):
        os.setxattr(self.root / "other", "user.x", b"y")
        self.assert_seen("attributes")

    def test_acl(self):
        run("setfacl", "-m", "u:7:r", self.root / "other")
        self.assert_seen("attributes", "posix_acl")

    def test_filled_hole(self):
        (self.root / "sparse").write_bytes(bytes(1 << 20))
        self.restore_times(self.root / "sparse")
        self.assert_seen("sparse was True")


class Databases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installation = Installation(SANDBOX / "installations" / "tools", server(),
                                        database="tools", size=Size.tiny())
        cls.installation.directory.parent.mkdir(exist_ok=True)
        cls.addClassCleanup(cls.installation.remove)
        cls.installation.make_directories()
        cls.installation.make_roles()
        cls.installation.make_database()
        cls.before = compare.describe_database(server(), "tools")

    def assert_seen(self, change, undo, word, with_superuser=False):
        """The change is seen, and after it is undone nothing is."""
        ask = ((lambda text: server().query(text, database="tools")) if with_superuser
               else self.installation.query)
        ask(change)
        found = compare.database_differences(self.before,
                                             compare.describe_database(server(), "tools"))
        ask(undo)
        self.assertIn(word, " ".join(found))
        self.assertEqual([], compare.database_differences(
            self.before, compare.describe_database(server(), "tools")))

    def test_one_value_in_a_row(self):
        self.assert_seen("UPDATE c_bpartner SET name = name || 'x' WHERE value = ' BP-3 '",
                         "UPDATE c_bpartner SET name = left (name, -1) WHERE value = ' BP-3 '",
                         "table public.c_bpartner")

    def test_null_or_empty(self):
        self.assert_seen("UPDATE ad_image SET bindarydata = '' WHERE name = 'null'",
                         "UPDATE ad_image SET bindarydata = NULL WHERE name = 'null'", "ad_image")

    def test_sequence(self):
        last = self.installation.value("SELECT last_value FROM ob_lineno")
        self.assert_seen("SELECT nextval ('ob_lineno')", f"SELECT setval ('ob_lineno', {last})",
                         "table public.ob_lineno")

    def test_large_object(self):
        flip = ("SELECT lo_put (content, 0, set_byte (lo_get (content, 0, 1), 0,"
                " get_byte (lo_get (content, 0, 1), 0) # 1)) FROM ob_document WHERE id = 3")
        self.assert_seen(flip, flip, "large objects")

    def test_owner_of_a_table(self):
        self.assert_seen("ALTER TABLE c_file OWNER TO postgres", "ALTER TABLE c_file OWNER TO tad",
                         "c_file OWNER TO", True)

    def test_function_setting(self):
        self.assert_seen("ALTER FUNCTION get_uuid () RESET ALL",
                         "ALTER FUNCTION get_uuid () SET search_path TO public", "search_path")

    def test_database_setting(self):
        self.assert_seen("ALTER DATABASE tools SET work_mem TO '1MB'",
                         "ALTER DATABASE tools RESET work_mem", "database settings", True)

    def test_database_acl(self):
        self.assert_seen("GRANT TEMPORARY ON DATABASE tools TO ob_report",
                         "REVOKE TEMPORARY ON DATABASE tools FROM ob_report", "database acl")

    def test_unpopulated_view(self):
        self.assert_seen("REFRESH MATERIALIZED VIEW c_order_year WITH NO DATA",
                         "REFRESH MATERIALIZED VIEW c_order_year", "c_order_year")

    def test_same_seed_same_database(self):
        other = Installation(self.installation.directory, server(), database="tools2",
                             size=Size.tiny())
        other.make_database()
        self.addCleanup(other.drop_database)
        found = compare.database_differences(
            self.before, compare.describe_database(server(), "tools2"))
        # The numbers of large objects, and the times of the run, are of each database.
        names = {line.partition(":")[0] for line in found}
        self.assertLessEqual(names, {
            "large objects", "schema", "table public.ob_document", "table public.ad_audit_trail",
            "table public.ad_session_usage", "table public.ad_user"})


class SandboxItself(SandboxTest):
    def sandbox(self, *command, **how):
        """A sandbox within this one."""
        return subprocess.Popen([SOURCE / "tests" / "sandbox", self.directory / "inner", "--",
                                 *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, **how)

    def test_exit_status(self):
        for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", -signal.SIGKILL)):
            process = self.sandbox("sh", "-c", script)
            process.communicate()
            self.assertEqual(process.returncode, status, script)

    def test_command_that_is_not_there(self):
        process = self.sandbox("/no/such/command")
        self.assertIn("No such file", process.communicate()[1])
        self.assertEqual(process.returncode, 127)

    def test_signal_reaches_the_command(self):
        ready = self.directory / "ready"
        process = self.sandbox("sh", "-c", f"trap 'exit 9' TERM; touch {ready};"
                                           " while :; do sleep 0.05; done")
        wait_until(ready.exists, "the command did not start")
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, 9)

    def test_nothing_is_left_behind(self):
        process = self.sandbox("sh", "-c", "sleep 12345 & nohup setsid sleep 12345 > /dev/null &"
                                           " obbackupctl status; exit 3")
        process.communicate()
        self.assertEqual(process.returncode, 3)
        self.assertEqual(self.processes("sleep 12345"), [])
        self.assertEqual(self.processes(str(self.directory / "inner")), [])
        self.assertNotIn(str(self.directory / "inner"), Path("/proc/mounts").read_text())

    @staticmethod
    def processes(word):
        """The command lines that hold this word."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = file.read_bytes().decode(errors="replace").replace("\0", " ")
            except OSError:  # it has just ended
                continue
            found += [words] if word in words else []
        return found

    def test_killed_sandbox_takes_all_with_it(self):
        ready = self.directory / "ready"
        process = self.sandbox("sh", "-c", f"touch {ready}; exec sleep 12346")
        wait_until(ready.exists, "the command did not start")
        process.kill()
        process.communicate()
        wait_until(lambda: not self.processes("sleep 12346"), "the command outlived its sandbox")

    def test_users_are_those_of_the_sandbox(self):
        for user in ("clerk", "openbravo", "site", "chief"):
            self.assertGreater(pwd.getpwnam(user).pw_uid, 60000)
        self.assertEqual(os.getgrouplist("openbravo", 61002), [61002, 61100])

    def test_a_closed_directory_is_refused(self):
        closed = self.directory / "closed"
        closed.mkdir(mode=0o700)
        done = run(SOURCE / "tests" / "sandbox", closed / "inner", "--", "true")
        self.assertEqual(done.status, 2)
        self.assertIn("closed to other users", done.err)



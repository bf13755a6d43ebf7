# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what, with the real polkitd: the table of the actions, groups, a polkitd that is
not there, and the password prompt."""

import os
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pexpect

from harness import (NAME, NOT_AUTHORISED, ROOT, SANDBOX, SOURCE, InstallationTest, calls_as, ctl,
                     identity, wait_until)

# For every method its action and arguments that are harmless where the call is let through.
ACTIONS = {
    "": {
        "AddInstance": ("configure", "('x', @a{sv} {})", 0),
        "AddDestination": ("configure", "('x', 'none', @a{sv} {}, @a{sh} {})", 0),
        "AddSchedule": ("configure", "('x', @a{sv} {})", 0),
        "GetProblems": ("view", "(@a{sv} {'no-such': <true>},)", 0),
        "Backup": ("backup", "('no-such', @a{sv} {})", 0),
        "ListBackups": ("view", "(@a{sv} {'destination': <'no-such'>},)", 0),
        "GetBackup": ("view", "('ffffffff', @a{sv} {})", 0),
        "ListFiles": ("transfer", "('ffffffff', '', @a{sv} {})", 0),
        "EditBackup": ("configure", "('ffffffff', @a{sv} {'no-such': <true>})", 0),
        "PlanRestore": ("view", "('ffffffff', @a{sv} {'no-such': <true>})", 0),
        "UndoRestore": ("restore", "('no-such', @a{sv} {})", 0),
        "ReleasePrevious": ("restore", "('no-such', @a{sv} {})", 0),
        "BeginChange": ("backup", "('no-such', '', @a{sv} {})", 0),
        "EndChange": ("restore", "('no-such', true, @a{sv} {})", 0),
        "Restore": ("restore", "('ffffffff', @a{sv} {'no-such': <true>})", 0),
        "Delete": ("delete", "(['ffffffff'], @a{sv} {'no-such': <true>})", 0),
        "Prune": ("delete", "('no-such', @a{sv} {})", 0),
        "Verify": ("backup", "(@as [], @a{sv} {'no-such': <true>})", 0),
        "Repair": ("delete", "('no-such', @a{sv} {})", 0),
    },
    "Instance": {
        "Check": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "Update": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "Remove": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "GetDetails": ("view", "(@a{sv} {},)", 0),
    },
    "Destination": {
        "Check": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "Update": ("configure", "(@a{sv} {'no-such': <true>}, @a{sh} {})", 0),
        "Remove": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "RecoveryKey": ("transfer", "(handle 0, @a{sv} {'no-such': <true>})", 1),
        "GetDetails": ("view", "(@a{sv} {},)", 0),
    },
    "Schedule": {
        "Trigger": ("backup", "(@a{sv} {'no-such': <true>},)", 0),
        "Update": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "Remove": ("configure", "(@a{sv} {'no-such': <true>},)", 0),
        "PlanRetention": ("view", "(@a{sv} {'no-such': <true>},)", 0),
        "ApplyRetention": ("delete", "(@a{sv} {'no-such': <true>},)", 0),
        "GetDetails": ("view", "(@a{sv} {},)", 0),
    },
    "Job": {
        "Cancel": ("cancel", "(@a{sv} {},)", 0),
        "GetResult": ("view", "(@a{sv} {},)", 0),
        "GetLog": ("view", "(@a{sv} {},)", 0),
        "GetWaiting": ("view", "(@a{sv} {},)", 0),
    },
}
EVERYTHING = {action for methods in ACTIONS.values() for action, _, _ in methods.values()}
ALLOWED = {
    "root": EVERYTHING,
    "clerk": set(),
    "chief": set(),
    "openbravo": {"view", "backup"},
    "site": EVERYTHING - {"transfer"},
}


class PolkitTest(InstallationTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for words in (["backup", "erp", "--only", "webapp"],
                      ["schedule", "add", "nightly", "--at", "*-01-01"]):
            done = ctl(*words)
            if done.status != 0:
                raise AssertionError(done.err)
        cls.addClassCleanup(ctl, "schedule", "remove", "nightly")

    def object_paths(self):
        """An object for each interface; of the jobs one of root's, since one's own is different."""
        paths = {"": ROOT}
        for path, interfaces in self.bus.objects().items():
            for interface, properties in interfaces.items():
                if interface.startswith(NAME + ".") and properties.get("StartedByUid", 0) == 0:
                    paths[interface.removeprefix(NAME + ".")] = path
        return paths

    def all_calls(self):
        """[(interface, method, action)] and the calls as calls_as() takes them."""
        paths = self.object_paths()
        names, calls = [], []
        for interface, methods in ACTIONS.items():
            for method, (action, text, n_fds) in methods.items():
                names.append((interface, method, action))
                full = f"{NAME}.{interface}" if interface else NAME
                calls.append((paths[interface], full, method, text, n_fds))
        return names, calls

    def outcome(self, user):
        """Which methods were let through for this user, by (interface, method)."""
        names, calls = self.all_calls()
        # A call that got past polkit fails for a reason of its own, or does not fail.
        return {(interface, method): error != "NotAuthorized"
                for (interface, method, _), (error, _) in zip(names, calls_as(user, calls))}

    def expected(self, user):
        return {(interface, method): action in ALLOWED[user]
                for interface, method, action in self.all_calls()[0]}


class Table(PolkitTest):
    def test_every_method_is_in_the_table(self):
        tree = ElementTree.parse(SOURCE / "dbus" / f"{NAME}.xml")
        methods = {interface.get("name").removeprefix(NAME).removeprefix("."):
                   {method.get("name") for method in interface.iter("method")}
                   for interface in tree.iter("interface")}
        self.assertEqual(methods, {name: set(table) for name, table in ACTIONS.items()})

    def test_every_user(self):
        for user in ALLOWED:
            with self.subTest(user=user):
                self.assertEqual(self.outcome(user), self.expected(user))

    def test_the_policy_file_knows_every_action(self):
        policy = ElementTree.parse(SOURCE / "polkit" / "org.openbravo.backup1.policy")
        known = {action.get("id").rpartition(".")[2] for action in policy.iter("action")}
        self.assertLessEqual(EVERYTHING, known)
        for action in policy.iter("action"):
            self.assertTrue(action.findtext("message"))
            self.assertTrue(action.findtext("description"))

    def test_nothing_is_done_for_who_is_refused(self):
        before = self.backups()
        jobs = len(self.bus.objects())
        for error, message in calls_as("clerk", [
                (ROOT, NAME, "Backup", "('erp', @a{sv} {})", 0),
                (ROOT, NAME, "Restore", "('latest', @a{sv} {})", 0)]):
            self.assertEqual(error, "NotAuthorized")
            self.assertGreater(len(message), 20)
        self.assertEqual(self.backups(), before)
        self.assertEqual(len(self.bus.objects()), jobs)

    def test_ones_own_job_may_be_cancelled(self):
        """By its uid and without asking; that of another not."""
        answer = calls_as("openbravo", [(ROOT, NAME, "Backup", "('erp', @a{sv} {})", 0)])
        path = answer[0][1].split("'")[1]
        error, _ = calls_as("openbravo", [(path, f"{NAME}.Job", "Cancel", "(@a{sv} {},)", 0)])[0]
        self.assertNotEqual(error, "NotAuthorized")
        job = self.wait_job(path)
        self.assertEqual(job["StartedByUid"], 61002)
        error, _ = calls_as("clerk", [(path, f"{NAME}.Job", "Cancel", "(@a{sv} {},)", 0)])[0]
        self.assertEqual(error, "NotAuthorized")

    def test_command_line(self):
        self.refused(NOT_AUTHORISED, "(?i)authori[sz]ed|not allowed", "backup", "erp", user="clerk")
        self.refused(NOT_AUTHORISED, "(?i)authori[sz]ed|not allowed", "restore", "latest", "--yes",
                     user="openbravo")
        self.ok("backup", "erp", "--only", "webapp", user="openbravo")
        self.ok("list", user="openbravo")
        self.ok("restore", "latest", "--yes", "--only", "webapp", user="site")
        self.refused(NOT_AUTHORISED, "(?i)authori[sz]ed|not allowed", "destination",
                     "recovery-key", "disk", user="site")


class Absent(PolkitTest):
    """polkitd is stopped and cannot be started."""

    def setUp(self):
        super().setUp()
        services = SANDBOX / "sandbox" / "services"
        file = services / "org.freedesktop.PolicyKit1.service"
        aside = services / "aside"
        file.rename(aside)
        self.addCleanup(self.reload)
        self.addCleanup(aside.rename, file)
        self.reload()
        name = "org.freedesktop.PolicyKit1"
        if self.bus.daemon("NameHasOwner", name):
            os.kill(self.bus.daemon("GetConnectionUnixProcessID", name), signal.SIGKILL)
        wait_until(lambda: not self.bus.daemon("NameHasOwner", name), "polkitd does not end")

    def reload(self):
        self.bus.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig",
                      name="org.freedesktop.DBus")

    def test_all_but_root_are_refused(self):
        for user in ("clerk", "openbravo", "site", "chief"):
            with self.subTest(user=user):
                self.assertEqual(set(self.outcome(user).values()), {False})

    def test_root_is_served(self):
        self.assertEqual(set(self.outcome("root").values()), {True})
        self.backup("--only", "webapp")

    def test_command_line(self):
        self.refused(NOT_AUTHORISED, "polkit", "list", user="openbravo")


class Prompt(PolkitTest):
    """The text agent on a terminal: the administrator of the sandbox types a password."""

    def spawn(self, *words):
        who = identity("clerk")
        # On a terminal whose owner is the user, as in a login.
        child = pexpect.spawn(
            "/usr/bin/setpriv",
            ["--reuid", str(who["user"]), "--regid", str(who["group"]), "--init-groups",
             str(SANDBOX / "bin" / "obbackupctl"), *words],
            cwd="/", encoding="utf-8", timeout=120,
            preexec_fn=lambda: os.fchown(0, who["user"], -1))
        self.addCleanup(child.close, force=True)
        return child

    def finish(self, child):
        child.expect(pexpect.EOF)
        child.close()
        return child.exitstatus

    def test_right_password(self):
        child = self.spawn("backup", "erp", "--only", "webapp")
        child.expect("AUTHENTICATING FOR org.openbravo.backup1.backup")
        child.expect("Password: ")
        child.sendline("chief-password")
        child.expect("AUTHENTICATION COMPLETE")
        # The result is another right, which is asked for in its turn.
        index = child.expect(["Password: ", pexpect.EOF])
        if index == 0:
            child.sendline("chief-password")
            child.expect(pexpect.EOF)
        child.close()
        self.assertEqual(child.exitstatus, 0, child.before)

    def test_wrong_password(self):
        before = self.backups()
        child = self.spawn("backup", "erp", "--only", "webapp")
        child.expect("Password: ")
        child.sendline("not the password")
        child.expect("AUTHENTICATION FAILED")
        self.assertEqual(self.finish(child), NOT_AUTHORISED)
        self.assertEqual(self.backups(), before)

    def test_message_says_what_is_asked_for(self):
        child = self.spawn("restore", "latest", "--yes")
        child.expect("(?i)authentication is (required|needed)[^\r\n]*")
        child.sendintr()
        child.close(force=True)

    def test_without_a_terminal_nothing_is_asked(self):
        done = self.refused(NOT_AUTHORISED, "", "list", user="clerk")
        self.assertNotIn("Password", done.out + done.err)


class Files(PolkitTest):
    def test_configuration_is_of_root_alone(self):
        for directory in ("etc/keys", "state"):
            self.assertEqual((SANDBOX / directory).stat().st_mode & 0o077, 0, directory)
        for file in Path(SANDBOX / "etc").rglob("*"):
            status = file.stat()
            self.assertEqual((status.st_uid, status.st_mode & 0o022), (0, 0), file)
            if file.is_file() and "key" in str(file.relative_to(SANDBOX)):
                self.assertEqual(status.st_mode & 0o077, 0, file)

    def test_passwords_of_the_database_are_of_root_alone(self):
        for file in Path(SANDBOX / "etc").rglob("*"):
            if file.is_file() and b"contrase" in file.read_bytes():
                self.assertEqual(file.stat().st_mode & 0o077, 0, file)

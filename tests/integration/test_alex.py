# SPDX-License-Identifier: GPL-3.0-or-later
"""Alex's story: a host that was backed up to a bucket is gone altogether, and all comes back on
another one that has nothing, with other paths, another database server, other passwords and another
number for the application's user. And each thing that can be wrong on that way is told in a
sentence that says what to do, and leaves nothing behind."""

import json
import os
import re
import shutil
import time
import unittest
from pathlib import Path

import pexpect

import compare
import hosts
from ceph import ACCESS_KEY, SECRET_KEY, Ceph
from hosts import Host
from installation import Installation, Size
from postgres import Postgres
from waiting import wait_until
from wrongclock import wrong_clock

DONE, FAILED, USAGE, PARTIAL, NOT_AUTHORISED, NOT_FOUND, BUSY, UNAVAILABLE = range(8)
SANDBOX = Path(os.environ["OBBACKUP_SANDBOX"])
HERE = Path(__file__).resolve().parent

BUCKET, PREFIX = "acme-backups", "erp"
OPEN_BUCKET = "acme-open"
ENDPOINT = f"https://{hosts.SERVER_NAME}"
LICENCE = "the licence of Acme"
SIZE = Size(orders=60, images=2, image_bytes=20_000, extra_tables=3, source_files=60,
            webapp_files=25, attachments=20, large_file=1 << 20, sparse_file=8 << 20)
NEW_UID = 71002


class Story:
    """What is left of the first host: the server with the bucket, a passphrase on paper, and how
    it was. Made once for the module."""

    def __init__(self):
        self.role = False
        hosts.make_network()
        self.ceph = Ceph(SANDBOX, hosts.SERVER, hosts.SERVER_NAME, tls_port=443)
        unittest.addModuleCleanup(self.ceph.remove)
        self.ceph.start()
        for bucket in (BUCKET, OPEN_BUCKET, "empty"):
            self.ceph.make_bucket(bucket)
        self.secret = self.write("secret-key", SECRET_KEY)
        host = Host(SANDBOX, "erp-madrid", 1)
        try:
            self.live(host)
        finally:
            host.destroy()
        self.passphrase_file = self.write("passphrase", self.passphrase)

    @staticmethod
    def write(name, text):
        file = SANDBOX / name
        file.write_text(text + "\n")
        file.chmod(0o600)
        return file

    def words(self, bucket=BUCKET, prefix=PREFIX, secret=None, **changed):
        """The options of a destination in the bucket."""
        options = {"bucket": bucket, "prefix": prefix, "endpoint": ENDPOINT,
                   "ca-file": self.ceph.certificate, "access-key": ACCESS_KEY,
                   "secret-key-file": secret or self.secret}
        options |= {name.replace("_", "-"): value for name, value in changed.items()}
        return ["--kind", "s3", *(word for name, value in options.items() if value is not None
                                  for word in (f"--{name}", value))]

    def give_role(self, host):
        """As EC2 gives it to an instance; it may read the bucket, and no more."""
        if not self.role:
            self.ceph.allow_roles()
            self.ceph.add_role("reader", {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": [f"arn:aws:s3:::{OPEN_BUCKET}", f"arn:aws:s3:::{OPEN_BUCKET}/*"]}]})
            self.role = True
        file = host.directory / "role.json"
        file.write_text(json.dumps(self.ceph.assume_role("reader")))
        host.run("ip", "address", "add", "169.254.169.254/32", "dev", "lo")
        host.start("/usr/bin/python3", "-B", HERE.parent / "lib" / "metadata.py", file)

    def allow(self, user, action):
        """The policy of the bucket: this user may do this, and nothing else."""
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]},
            "Action": [action],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}]}
        answer = self.ceph.request("PUT", f"/{BUCKET}?policy=", json.dumps(policy).encode())
        if answer.status != 204:
            raise RuntimeError(f"the bucket takes no policy: {answer.body}")

    def live(self, host):
        """The life of the first host: two destinations, backups by hand and by itself."""
        with host, Postgres(host.directory, sync=False) as server:
            installation = Installation(host.directory / "erp", server, size=SIZE, odd_names=False,
                                        activation_key=LICENCE)
            installation.directory.mkdir()
            installation.make()
            installation.start_application()
            start, stop = installation.application_commands()
            ok(host, "instance", "add", "erp", "--properties", installation.properties,
               "--webapp", installation.webapp, "--start-command", " ".join(start),
               "--stop-command", " ".join(stop))
            ok(host, "destination", "add", "cloud", *self.words())
            ok(host, "destination", "add", "open", *self.words(OPEN_BUCKET, None),
               "--no-passphrase")
            self.passphrase = ok(host, "destination", "recovery-key", "cloud").strip()
            ok(host, "backup", "--to", "cloud", "--label", "by hand")
            ok(host, "backup", "--to", "open", "--label", "by hand")
            self.answer = installation.ask_application()
            self.source, self.webapp = installation.source, installation.webapp
            self.database = compare.describe_database(server, installation.database)
            self.trees = {part: compare.describe_tree(tree)
                          for part, tree in installation.trees().items()}
            ok(host, "schedule", "add", "nightly", "--to", "cloud", "--at", "*-*-* *:*:0/2")
            wait_until(lambda: any(backup["kind"] == "scheduled" for backup in
                                   listed(host, "--from", "cloud")), "no backup by itself")
            ok(host, "schedule", "edit", "nightly", "--disable")
            wait_until(lambda: not any(job["State"] in ("queued", "running") for job in json.loads(
                ok(host, "jobs", "--json"))), "the backup does not end")
            ok(host, "schedule", "remove", "nightly")


def ok(host, *words, status=DONE, **how):
    """Runs obbackupctl on the host, which must end well; returns what it wrote."""
    done = host.ctl(*words, **how)
    if done.status != status:
        raise AssertionError(f"obbackupctl {words}: {done.status}\n{done.out}{done.err}")
    return done.out


def listed(host, *words):
    return json.loads(ok(host, "list", *words, "--json"))["backups"]


_story = None


def story():
    """Told once for the module, when it is first asked for."""
    global _story
    if _story is None:
        _story = Story()
    return _story


class NewHost:
    """The second host: a clean PostgreSQL, properties, and nothing else."""

    def __init__(self, name, number, owner="tad", port=None):
        self.host = Host(SANDBOX, name, number, uid=NEW_UID)
        with self.host:
            self.server = Postgres(self.host.directory, sync=False)
            self.server.port = port
            self.server.start()
            self.installation = Installation(self.host.directory / "srv", self.server,
                                             database="production", owner=owner,
                                             password="changed-año",
                                             uid=NEW_UID, gid=NEW_UID)
            self.installation.directory.mkdir()
            self.properties = self.host.directory / "root" / "Openbravo.properties"
            self.installation.write_properties(self.properties)

    def remove(self):
        with self.host:
            self.installation.stop_application()
            self.server.stop()
        self.host.destroy()


class Restored(unittest.TestCase):
    maxDiff = None

    def begin(self, **how):
        self.story = story()
        self.new = NewHost("erp-oslo", 2, **how)
        self.addCleanup(self.new.remove)
        return self.new.host

    def check_installation(self):
        """Database and files are as they were, but for the properties and the owner's number."""
        installation = self.new.installation
        with self.new.host:
            database = compare.describe_database(self.new.server, "production")
            trees = {part: compare.describe_tree(tree)
                     for part, tree in installation.trees().items()}
            installation.start_application()
            answer = installation.ask_application()
        self.assertEqual(compare.database_differences(self.story.database, database), [])
        for part, tree in trees.items():
            with self.subTest(part=part):
                self.check_tree(compare.tree_differences(self.story.trees[part], tree))
        self.assertEqual(answer, self.story.answer)
        self.assertEqual(answer["lost"], [])
        self.assertEqual(answer["licence"], LICENCE)

    def check_tree(self, differences):
        """Owners are those of the name here; properties name what is here."""
        owners = {text.rpartition(": ")[2] for text in differences if re.search("[ug]id was", text)}
        self.assertLessEqual(owners, {f"{what} was 61002, is {NEW_UID}" for what in ("uid", "gid")})
        rest = {text.split(" was ")[0] for text in differences if not re.search("[ug]id was", text)}
        self.assertLessEqual(rest, {f"b'{directory}/Openbravo.properties': {fact}"
                                    for directory in ("config", "WEB-INF")
                                    for fact in ("content", "mtime", "size")})

    def restore(self):
        """The two commands that bring it back, once there is a destination."""
        host, new = self.new.host, self.new
        rows = [line.split() for line in ok(host, "list").splitlines()]
        head, backups = rows[0], rows[1:]
        self.assertLessEqual({"TIME", "HOST", "SIZE", "MODULES"}, set(head))
        self.assertEqual({row[head.index("HOST") + 1] for row in backups}, {"erp-madrid"})
        self.assertRegex(backups[0][1], r"^\d{4}-\d\d-\d\d$")
        out = ok(host, "restore", "latest", "--properties", new.properties, "--webapp",
                 new.installation.webapp, "--yes")
        self.assertIn("schedule add", out)
        self.check_installation()
        # The file that was given has done its service.
        shutil.rmtree(new.properties.parent)
        shown = json.loads(ok(host, "instance", "show", "erp", "--json"))
        self.assertEqual(shown["properties"], str(new.installation.properties))
        ok(host, "instance", "check", "erp")

    def test_passphrase(self):
        host = self.begin()
        out = ok(host, "destination", "add", "cloud", *self.story.words(), "--existing",
                 "--passphrase-file", "-", stdin=self.story.passphrase + "\n")
        self.assertIn("already", out)
        self.assertEqual({backup["kind"] for backup in listed(host)}, {"manual", "scheduled"})
        self.restore()
        # Whoever typed the passphrase in has it.
        self.assertNotIn("recovery-key", ok(host, "status"))
        # From here on it is this host's own.
        self.assertEqual(json.loads(ok(host, "backup", "--json").splitlines()[-1])["result"],
                         "complete")
        self.check_names()

    def check_names(self):
        """Once it is known here, other properties are another installation; and where there are
        backups of several, one has to say which."""
        host, installation = self.new.host, self.new.installation
        other = host.directory / "other.properties"
        installation.write_properties(other)
        words = ["restore", "latest", "--yes", "--properties", other]
        done = host.ctl(*words)
        self.assertEqual(done.status, FAILED, done.err)
        self.assertRegex(done.err, "installation erp here already.*--properties out.*--instance")
        ok(host, "instance", "add", "shop", "--properties", installation.properties, "--webapp",
           installation.webapp)
        told = ok(host, "backup", "shop", "--only", "webapp", "--json")
        identifier = json.loads(told.splitlines()[-1])["id"]
        done = host.ctl(*words)
        self.assertEqual(done.status, USAGE, done.err)
        self.assertRegex(done.err, r"several installations \((shop, erp|erp, shop)\).*--instance")
        ok(host, "delete", identifier, "--yes", "--force")

    def test_role(self):
        """An instance of EC2 whose role alone may read the bucket: no key and no passphrase. And
        the application connects as another user than it did."""
        host = self.begin(owner="acme")
        self.story.give_role(host)
        ok(host, "destination", "add", "cloud",
           *self.story.words(OPEN_BUCKET, None, access_key=None, secret_key_file=None),
           "--existing", "--no-passphrase")
        self.restore()
        self.assertEqual([file.name for file in (host.directory / "etc" / "keys").iterdir()], [])
        self.assertNotIn(SECRET_KEY, host.log())


class Refused(unittest.TestCase):
    """Each is told in one sentence, and leaves the new host as it was."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.story = story()
        cls.new = NewHost("erp-bergen", 3)
        cls.addClassCleanup(cls.new.remove)
        cls.host = cls.new.host
        cls.installation = cls.new.installation
        ok(cls.host, "destination", "add", "cloud", *cls.story.words(), "--existing",
           "--passphrase-file", cls.story.passphrase_file)

    def setUp(self):
        self.before = self.state()

    def state(self):
        """All that a command could leave behind, with the contents of configuration and keys."""
        etc = {str(file): file.read_text() for file in (self.host.directory / "etc").rglob("*")
               if file.is_file()}
        files = sorted(map(str, self.installation.directory.rglob("*")))
        with self.host:
            databases = self.new.server.query("SELECT datname FROM pg_database ORDER BY 1")
            roles = self.new.server.query("SELECT rolname FROM pg_roles ORDER BY 1")
        return etc, files, databases, roles

    def refused(self, status, text, *words, **how):
        done = self.host.ctl(*words, **how)
        told = f"obbackupctl {words}: {done.status}\n{done.out}{done.err}"
        self.assertEqual(done.status, status, told)
        self.assertRegex(done.err, text, told)
        self.assertEqual(len(done.err.splitlines()), 1, told)
        self.assertEqual(self.state(), self.before)
        for secret in (SECRET_KEY, self.story.passphrase, self.installation.password):
            self.assertNotIn(secret, told)

    # the way to the backups

    def not_added(self, status, text, *words, passphrase=None):
        self.refused(status, text, "destination", "add", "other", *words, "--existing",
                     "--passphrase-file", passphrase or self.story.passphrase_file)

    def test_wrong_passphrase(self):
        self.not_added(FAILED, "does not open with this passphrase; give .*recovery-key",
                       *self.story.words(), passphrase=self.story.write("wrong", "not-it"))

    def test_no_passphrase(self):
        self.refused(FAILED, "give its passphrase .*--passphrase-file", "destination", "add",
                     "other", *self.story.words(), "--existing")
        self.refused(FAILED, "does not open with the empty passphrase; give", "destination", "add",
                     "other", *self.story.words(), "--existing", "--no-passphrase", "--quiet")

    def test_wrong_bucket(self):
        self.not_added(UNAVAILABLE, "no bucket acme-backup; .*correct its name",
                       *self.story.words("acme-backup"))

    def test_empty_bucket(self):
        self.not_added(NOT_FOUND, "is no repository; correct the bucket or the prefix",
                       *self.story.words("empty"))
        self.assertEqual(self.story.ceph.keys("empty"), [])

    def test_wrong_prefix(self):
        for prefix in ("erb", None):
            self.not_added(NOT_FOUND, "is no repository; correct .*prefix",
                           *self.story.words(prefix=prefix))

    def test_wrong_keys(self):
        self.not_added(FAILED, f"{ACCESS_KEY}: the secret key is most likely not the one",
                       *self.story.words(secret=self.story.write("other-secret", "not-it")))
        self.not_added(FAILED, "does not know the access key NOBODY; it may be mistyped",
                       *self.story.words(access_key="NOBODY"))
        self.not_added(FAILED, "EC2 instance with a role; elsewhere give a key or a profile",
                       *self.story.words(access_key=None, secret_key_file=None))

    def test_no_permission(self):
        """A policy of the bucket lets the user list, but not read; and then the other way."""
        ceph = self.story.ceph
        ceph.add_user("alex", "AKIDALEX", "alex-secret")
        secret = self.story.write("alex-secret", "alex-secret")
        for allowed, lacking in (("s3:ListBucket", "s3:GetObject"),
                                 ("s3:GetObject", "s3:ListBucket")):
            self.story.allow("alex", allowed)
            self.not_added(FAILED, f"who looks after the bucket {BUCKET} has to allow it {lacking}",
                           *self.story.words(access_key="AKIDALEX", secret=secret))

    def test_clock(self):
        self.addCleanup(self.host.restart_service)
        self.host.restart_service(**wrong_clock("+61m"))
        self.not_added(FAILED, "clock of this machine is 6[01] minutes ahead .*timedatectl",
                       *self.story.words())

    def test_certificate(self):
        self.host.restart_service()
        self.not_added(UNAVAILABLE, "certificate of .* is not one that is trusted.*ca-file",
                       *self.story.words(ca_file=None))

    def test_unknown_name(self):
        began = time.monotonic()
        self.not_added(UNAVAILABLE, "s3.acme.exampel.*: correct the endpoint, or .*name server",
                       *self.story.words(endpoint="https://s3.acme.exampel"))
        # It is not tried again and again while somebody waits.
        self.assertLess(time.monotonic() - began, 8)

    def test_nobody_listens(self):
        self.not_added(UNAVAILABLE, "refused.*: correct the port of the endpoint",
                       *self.story.words(endpoint=ENDPOINT + ":444"))

    # the way back

    def not_restored(self, status, text, *words, properties=None):
        self.refused(status, text, "restore", "latest", "--yes", "--webapp",
                     self.installation.webapp, "--properties", properties or self.new.properties,
                     *words)

    def changed(self, former, new):
        """A copy of the properties with something else in it."""
        file = self.new.properties.with_name("changed")
        text = self.new.properties.read_text(encoding="latin-1")
        self.assertIn(former, text)
        file.write_text(text.replace(former, new), encoding="latin-1")
        return file

    def test_properties(self):
        self.not_restored(NOT_FOUND, "Name the Openbravo.properties .*none.*No such file",
                          properties=self.new.properties.with_name("none"))
        self.not_restored(USAGE, "names a directory; name the Openbravo.properties in it",
                          properties=self.new.properties.parent)
        self.not_restored(FAILED, "keys are missing .*Is this the config/Openbravo.properties",
                          properties="/etc/passwd")
        self.not_restored(FAILED, "Oracle .*supports PostgreSQL",
                          properties=self.changed("=POSTGRE\n", "=ORACLE\n"))
        self.not_restored(FAILED, "missing or empty: attach.path",
                          properties=self.changed("attach.path", "attach.pth"))

    def test_no_place(self):
        self.refused(FAILED, "not known where it goes here: add --webapp DIR", "restore", "latest",
                     "--yes", "--properties", self.new.properties)
        self.refused(NOT_FOUND, "not known here; give the .*--properties FILE", "restore", "latest")

    def test_wrong_port(self):
        self.not_restored(FAILED, "port 5999.*Start the server, or correct bbdd.url",
                          properties=self.changed(str(self.new.server.port), "5999"))

    def test_database_down(self):
        with self.host:
            self.new.server.stop()
        try:
            done = self.host.ctl("restore", "latest", "--yes", "--webapp",
                                 self.installation.webapp, "--properties", self.new.properties)
        finally:
            with self.host:
                self.new.server.start()
        self.assertEqual(done.status, FAILED)
        self.assertRegex(done.err, "refused.*Start the server, or correct bbdd.url")
        self.assertEqual(len(done.err.splitlines()), 1, done.err)
        self.assertEqual(self.state(), self.before)

    def test_wrong_superuser(self):
        self.not_restored(FAILED, "Check the user and the password in the properties",
                          properties=self.changed("postgres-password", "wrong"))
        self.not_restored(FAILED, "have to name a superuser, bbdd.systemUser",
                          properties=self.changed("bbdd.system", "bbdd.was"))

    def test_small_disk(self):
        self.host.run("mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs",
                      self.installation.directory)
        self.addCleanup(self.host.run, "umount", self.installation.directory)
        self.not_restored(FAILED, "MB are needed on the file system of .*free some")
        self.check_nothing_in(self.installation.directory)
        # Also where it is seen only when the disk has been filled.
        ok(self.host, "instance", "add", "small", "--properties", self.new.properties,
           "--webapp", self.installation.webapp)
        self.addCleanup(ok, self.host, "instance", "remove", "small")
        newest = listed(self.host)[0]["id"]
        done = self.host.ctl("restore", newest, "--instance", "small", "--yes")
        self.assertEqual(done.status, FAILED)
        self.assertRegex(done.err, "stay free for what lives on it; make space there")
        self.check_nothing_in(self.installation.directory)

    def check_nothing_in(self, directory):
        """It may be a mount of the host's own."""
        left = self.host.run("find", directory, "-mindepth", "1")
        self.assertEqual((left.status, left.out), (0, ""))


class Nothing(unittest.TestCase):
    def test_no_destination(self):
        """Before anything is told to it, it says what to tell."""
        self.story = story()
        host = Host(SANDBOX, "erp-turku", 4)
        self.addCleanup(host.destroy)
        for words, status in ((("list",), DONE), (("restore", "latest"), NOT_FOUND)):
            done = host.ctl(*words)
            self.assertEqual(done.status, status, done.err)
            self.assertRegex(done.err, "No place for backups is known here.*destination add")


class Written(unittest.TestCase):
    """What README.md says under "Your machine is gone", as it is printed there: its properties and
    its commands, one after the other."""

    maxDiff = None

    def setUp(self):
        self.story = story()
        self.new = NewHost("erp-here", 5, port=5432)
        self.addCleanup(self.new.remove)
        self.host = self.new.host
        self.story.give_role(self.host)
        self.story.ceph.add_user("acme", "ACMEBACKUP", SECRET_KEY)
        self.story.allow("acme", "s3:*")
        text = (HERE.parent.parent / "README.md").read_text(encoding="utf-8")
        section = text.split("### Your machine is gone\n")[1].split("\n### ")[0]
        blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
        self.properties = "".join(line[4:] + "\n" for line in blocks[0].splitlines())
        self.commands = [line.strip() for block in blocks[1:]
                         for line in block.replace("\\\n", " ").splitlines()]
        self.make_places()

    def make_places(self):
        """A /root and an /opt of the host's own, and the server's certificate among those that are
        trusted there."""
        trusted = Path("/etc/ssl/certs/ca-certificates.crt")
        copy = self.host.directory / "trusted"
        copy.write_bytes(trusted.read_bytes() + self.story.ceph.certificate.read_bytes())
        files = {"Openbravo.properties": self.properties, "secret-key": SECRET_KEY,
                 "passphrase": self.story.passphrase}
        for name in ("root", "opt"):
            (self.host.directory / name).mkdir(exist_ok=True)
        for name, text in files.items():
            (self.host.directory / "root" / name).write_text(text)
        for source, target in ((copy, trusted), (self.host.directory / "root", "/root"),
                               (self.host.directory / "opt", "/opt")):
            done = self.host.run("mount", "--bind", source, target)
            self.assertEqual(done.status, 0, done.err)

    def type_in(self, command):
        """On a terminal, where a question is answered with yes."""
        with self.host:
            child = pexpect.spawn("bash", ["-c", command], encoding="utf-8", timeout=300, cwd="/",
                                  dimensions=(40, 250), env=self.host.environment())
            asked = child.expect([r"\? \[y/N\] ", pexpect.EOF])
            said = child.before
            if asked == 0:
                child.sendline("y")
                child.expect(pexpect.EOF)
                said += child.before
            child.close()
        self.assertEqual(child.exitstatus, 0, f"{command}\n{said}")
        return said

    def test_readme(self):
        said = {command: self.type_in(command) for command in self.commands}
        for command, text in said.items():
            for secret in (SECRET_KEY, self.story.passphrase, "a-new-password"):
                self.assertNotIn(secret, text, command)
        self.assertEqual(len(said), 7)
        self.assertRegex(said["obbackupctl list"], r"(?s)HOST .*\n.* erp-madrid ")
        self.assertIn("OpenbravoERP (not there now; ", "".join(said.values()))
        installation = self.new.installation
        with self.host:
            installation.application_commands()
            installation.webapp = Path("/opt/tomcat/webapps/openbravo")
            installation.start_application()
            answer = installation.ask_application()
        self.assertEqual(answer, self.story.answer)


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_alex")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted connections to PostgreSQL: where the server is able to, where it wants nothing else, and
where the properties ask for it."""

import re

from harness import FAILED, InstallationTest, server, unittest


class EncryptionTest(InstallationTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server().encrypt()
        server().query("ALTER SYSTEM SET log_connections TO on")
        server().admit("host")

    def setUp(self):
        super().setUp()
        self.server = server()
        self.addCleanup(self.server.admit, "host")
        # What it knows of the server is of one life.
        self.restart_service()
        self._server_log_start = self.server.log.stat().st_size

    def connections(self):
        return self.server.count_connections(self._server_log_start)

    def refusals(self):
        return re.findall("FATAL: .*", self.server.read_log(self._server_log_start))

    def there_and_back(self):
        before = self.describe()
        identifier = self.backup()
        self.installation.wreck()
        self.json("restore", identifier, "--yes")
        self.assert_same_installation(before, self.describe())


class Able(EncryptionTest):
    """As on Debian: the server is able to encrypt, and takes what is not encrypted."""

    def test_not_without_need(self):
        self.there_and_back()
        encrypted, plain = self.connections()
        # The first one asks where the server is.
        self.assertEqual(encrypted, 1)
        self.assertGreater(plain, 10)
        self.assertEqual(self.refusals(), [])

    def test_wrong_password_is_tried_once(self):
        self.backup("--only", "database")
        change = "ALTER ROLE tad PASSWORD %s"
        self.addCleanup(self.server.query, change, [self.installation.password])
        self.server.query(change, ["another"])
        self.refused(FAILED, "does not let the role \"tad\" into", "instance", "check", "erp")
        self.assertEqual(len(self.refusals()), 1, self.refusals())


class Strict(EncryptionTest):
    """A server that takes nothing else."""

    def test_there_and_back(self):
        self.server.admit("hostssl")
        self.there_and_back()
        encrypted, plain = self.connections()
        self.assertGreater(encrypted, 10)
        self.assertEqual(plain, 0)
        # Once it has said so, it is not asked without again.
        self.assertGreater(len(self.refusals()), 0)
        self._server_log_start = self.server.log.stat().st_size
        self.backup("--only", "database")
        self.assertEqual(self.refusals(), [])

    def test_becomes_strict(self):
        self.backup("--only", "database")
        self.server.admit("hostssl")
        self.backup("--only", "database")


class Asked(EncryptionTest):
    """bbdd.props asks for it."""

    @classmethod
    def make_installation(cls, *arguments, **how):
        made = super().make_installation(*arguments, **how)
        with open(made.properties, "ab") as properties:
            properties.write(b"bbdd.props=sslmode=require\n")
        return made

    def test_there_and_back(self):
        self.there_and_back()
        encrypted, plain = self.connections()
        self.assertGreater(encrypted, 10)
        self.assertEqual(plain, 0)
        self.assertEqual(self.refusals(), [])


if __name__ == "__main__":
    unittest.main()

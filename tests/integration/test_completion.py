# SPDX-License-Identifier: GPL-3.0-or-later
"""What bash and zsh offer when one types a command line of obbackupctl."""

import os
import re
import shutil
import signal
import time

import pexpect

from harness import SANDBOX, SOURCE, InstallationTest, run, unittest

# Where every user can read them, which is not so of any checkout.
COMPLETIONS = SANDBOX / "completions"
BASH_LIST = f"""\
. {COMPLETIONS}/obbackupctl
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_obbackupctl obbackupctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# Seconds that somebody may wait for the shell, when nobody answers.
LIMIT = 3
SHELLS = {
    "bash": (["--norc", "--noprofile"],
             f"bind 'set enable-bracketed-paste off'; . {COMPLETIONS}/obbackupctl"),
    "zsh": (["-f", "-i"],
            f"unset zle_bracketed_paste; fpath=({COMPLETIONS} $fpath); autoload -U compinit;"
            " compinit -u -D; bindkey -e"),
}


class Completion(InstallationTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copytree(SOURCE / "data" / "completions", COMPLETIONS)
        run("chmod", "-R", "a+rX", COMPLETIONS)
        done = run("obbackupctl", "backup", "erp", "--only", "webapp", "--label", "a b", "--quiet")
        cls.identifier = done.out.strip()[:8]

    @staticmethod
    def offered(*words, user="root"):
        """What bash is given for these words, the last of which is the one that is typed."""
        return run("bash", "-c", BASH_LIST, "bash", "obbackupctl", *words, user=user).out.split()

    def typed(self, shell, text):
        """The words of the command line after Tab was pressed behind text."""
        options, preparation = SHELLS[shell]
        child = pexpect.spawn(shell, options, encoding="utf-8", timeout=30, echo=False,
                              env={**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8"},
                              cwd=str(self.directory))
        self.addCleanup(child.close, force=True)
        child.sendline(preparation + "; echo prep''ared")
        child.expect("prepared")
        child.send(text + "\t")
        # The line becomes what a printf prints.
        child.send("\x01printf '<%s>' END \x05\r")
        child.expect("<END>((<[^<>]*>)+)")
        return re.findall("<([^<>]*)>", child.match.group(1))

    def test_everything_is_offered(self):
        """Every command, and every option that its help tells of."""
        names = re.findall(r"^  ([a-z][a-z -]*?)(?: \[| [A-Z]|  | --)", self.ok("--help"),
                           re.MULTILINE)
        self.assertGreater(len(names), 15)
        for name in names:
            words = name.split()
            with self.subTest(name=name):
                self.assertIn(words[-1], self.offered(*words[:-1], ""))
                options = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", self.ok(*words, "--help"),
                                     re.MULTILINE)
                self.assertEqual(self.offered(*words, "--"), options)

    def test_names(self):
        for words, expected in ((("instance", "show", ""), ["erp"]),
                                (("backup", "e"), ["erp"]),
                                (("backup", "--to", "d"), ["disk"]),
                                (("backup", "--to", "=", "d"), ["disk"]),
                                (("destination", "recovery-key", ""), ["disk"]),
                                (("destination", "add", ""), []),
                                (("show", "l"), ["latest"]),
                                (("pin", self.identifier[:3]), [self.identifier]),
                                (("unpin", "x", self.identifier[:3]), [self.identifier]),
                                (("label", "--from", "d"), ["disk"]),
                                (("label", self.identifier[:3]), [self.identifier]),
                                (("label", self.identifier, ""), []),
                                (("verify", self.identifier[:3]), [self.identifier])):
            with self.subTest(words=words):
                self.assertEqual(self.offered(*words), expected)

    def test_change(self):
        change = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "x", {})
        self.succeeded(change[1])
        self.addCleanup(self.ok, "change", "end", change[0], "--succeeded")
        self.assertEqual(self.offered("change", "end", ""), [change[0]])

    def test_typed(self):
        """As a person types it, in a terminal."""
        (self.directory / "only one.properties").touch()
        for shell in SHELLS:
            for text, expected in (("obbackupctl undo-r", ["undo-restore"]),
                                   ("obbackupctl instance sh", ["instance", "show"]),
                                   ("obbackupctl instance show e", ["instance", "show", "erp"]),
                                   ("obbackupctl backup --to=d", ["backup", "--to=disk"]),
                                   (f"obbackupctl show {self.identifier[:4]}",
                                    ["show", self.identifier]),
                                   ("obbackupctl instance add x --properties onl",
                                    ["instance", "add", "x", "--properties",
                                     "only one.properties"]),
                                   ("obbackupctl guard -- obbackupc",
                                    ["guard", "--", "obbackupctl"])):
                with self.subTest(shell=shell, text=text):
                    self.assertEqual(self.typed(shell, text), ["obbackupctl", *expected])

    def test_no_password(self):
        """Who may not see backups is offered none, and asked for nothing; names are no secret."""
        for words, expected in ((("show", ""), ["latest"]), (("backup", ""), ["erp"])):
            began = time.monotonic()
            self.assertEqual(self.offered(*words, user="clerk"), expected)
            self.assertLess(time.monotonic() - began, LIMIT)

    def test_no_answer(self):
        """A service that hangs does not make the shell hang."""
        process = self.bus.service_pid()
        os.kill(process, signal.SIGSTOP)
        self.addCleanup(os.kill, process, signal.SIGCONT)
        began = time.monotonic()
        self.assertEqual(self.offered("instance", "show", ""), [])
        self.assertLess(time.monotonic() - began, LIMIT)
        self.assertIn("latest", self.offered("show", ""))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the source, webapp and attachment trees of an installation, the same for the same seed."""

import dataclasses
import hashlib
import os
import random
import socket
import stat
import struct
import subprocess

WORDS = ("org openbravo erpCommon utility businessUtility ad_forms ad_callouts info base model "
         "service dal core xml kernel client application window process report").split()
ODD_NAMES = [
    b"bytes-\xff\xfe\x80.txt", "new\nline".encode(), b" blank at both ends ",
    "año ñandú €.txt".encode(), "decomposed e\u0301.txt".encode(), b"quote\"'`$HOME`.txt",
    b"-rf", b"a*b?[c]{d}", b"back\\slash\\", b"percent%41%", b"tab\there", b"~", b"#comment",
    b"...", b".hidden", b"semicolon;&|", "数量".encode(), b"x" * 255, b"\x01\x7f",
]


@dataclasses.dataclass
class Attachment:
    """A file on the disk and its row in C_FILE; table and path as they are stored there."""

    identifier: str
    name: str
    table: str
    record: str
    path: str


class TreeMaker:
    def __init__(self, seed, size, uid, gid, odd):
        self.random = random.Random(seed)
        self.seed = seed
        self.size = size
        self.uid = uid
        self.gid = gid
        self.odd = odd

    # single files

    def own(self, path):
        os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def date(self, path):
        """A time of modification in the past, with nanoseconds."""
        second = self.random.randrange(1_300_000_000, 1_730_000_000)
        time = second * 1_000_000_000 + self.random.randrange(1_000_000_000)
        os.utime(path, ns=(time, time), follow_symlinks=False)

    def directory(self, path, mode=0o755):
        path = os.fsencode(path)
        missing = []
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for name in reversed(missing):
            os.mkdir(name)
            os.chmod(name, mode)
            self.own(name)

    def file(self, path, content, mode=0o644):
        path = os.fsencode(path)
        self.directory(os.path.dirname(path))
        with open(path, "wb") as output:
            output.write(content)
        self.own(path)
        os.chmod(path, mode)
        self.date(path)

    def source_text(self):
        """Text that compresses as sources do, mostly a few KB, now and then much more."""
        length = int(self.random.lognormvariate(8, 1.2))
        lines = []
        while length > 0:
            line = " ".join(self.random.choices(WORDS, k=self.random.randrange(1, 12)))
            lines.append(line)
            length -= len(line)
        return "\n".join(lines).encode()

    def many(self, root, count, suffixes):
        """Fills root with count files, about fifteen a directory."""
        directory = root
        for number in range(count):
            if number % 15 == 0:
                directory = os.path.join(root, *self.random.choices(
                    WORDS, k=self.random.randrange(1, 6)))
            self.file(os.path.join(directory, f"File{number}{self.random.choice(suffixes)}"),
                      self.source_text())

    # the trees

    def make_source(self, root):
        root = str(root)
        self.directory(root)
        share = self.size.source_files // 10
        self.many(f"{root}/src", share * 4, [".java", ".html", ".xml", ".js"])
        self.many(f"{root}/modules/org.openbravo.advpaymentmngt", share * 2, [".java", ".xml"])
        self.many(f"{root}/modules/org.example.nandu", share, [".java", ".xml"])
        self.many(f"{root}/src-gen", share, [".java"])
        self.many(f"{root}/srcAD", share, [".java"])
        self.many(f"{root}/build/classes", share, [".class"])
        for path, text in (
                ("config/Format.xml", b"<Formats/>"), ("config/quartz.properties", b"a=b\n"),
                ("config/log4j2-web.xml", b"<Configuration/>"),
                ("lib/build/ant.jar", self.random.randbytes(5000)),
                ("lib/openbravo-core.jar", self.random.randbytes(70_000)),
                ("src-util/modulescript/build/kept.xml", b"<kept by='hand'/>"),
                ("modules/org.example.nandu/build/kept.xml", b"<kept by='hand'/>"),
                ("backup_install/org.example.nandu-1.1.0.zip", self.random.randbytes(30_000)),
                ("WebContent/index.jsp", b"<html/>"), ("build.xml", b"<project/>")):
            self.file(f"{root}/{path}", text)
        if self.odd:
            self.make_odd(os.fsencode(f"{root}/modules/org.example.odd"))

    def make_webapp(self, root):
        root = str(root)
        self.directory(root)
        self.many(f"{root}/web", self.size.webapp_files // 2, [".js", ".css", ".html", ".png"])
        self.many(f"{root}/WEB-INF/classes", self.size.webapp_files // 2, [".class"])
        self.file(f"{root}/WEB-INF/web.xml", b"<web-app/>")
        self.file(f"{root}/WEB-INF/lib/library.jar", self.random.randbytes(100_000))

    def make_attachments(self, root):
        """Most by the record's id in groups of three, every tenth as in old versions."""
        self.directory(f"{root}/reprintable")
        files, content = [], b""
        for number in range(self.size.attachments):
            record, identifier = (f"{self.random.getrandbits(128):032X}" for _ in range(2))
            if number % 15 != 7:  # about one in fifteen repeats another
                content = self.random.randbytes(int(self.random.lognormvariate(9, 1.5)))
            name = f"Factura nº {number} (año 2024).pdf" if number % 3 else f"scan{number}.png"
            file = Attachment(identifier, name, self.table_id(number), record, None)
            groups = [record[i:i + 3] for i in range(0, 32, 3)]
            if number % 10 == 9:
                directory = f"{file.table}-{record}"
            else:
                directory = file.path = "/".join([file.table, *groups])
            self.file(f"{root}/{directory}/{name}", content)
            files.append(file)
        return files

    def table_id(self, number):
        """The same ids that data.sql gives AD_TABLE."""
        name = f"{self.seed}table{1 + number % 5}"
        return hashlib.md5(name.encode()).hexdigest().upper()

    # every kind of thing that a file system allows

    def make_odd(self, root):
        self.make_odd_names(root + b"/names")
        self.make_links(root + b"/links")
        self.make_modes(root + b"/modes")
        self.make_attributes(root + b"/attributes")
        self.make_special(root + b"/special")
        self.make_sizes(root + b"/sizes")
        self.make_times(root + b"/times")

    def make_odd_names(self, root):
        for number, name in enumerate(ODD_NAMES):
            self.file(root + b"/" + name, b"named oddly %d\n" % number)
            if len(name) < 100:
                self.file(root + b"/directories/" + name + b"/inside", b"%d" % number)
        deep = root
        for number in range(60):
            deep += b"/level-%02d" % number
        self.file(deep + b"/bottom", b"deep down")

    def symlink(self, target, path):
        os.symlink(target, path)
        self.own(path)
        self.date(path)

    def make_links(self, root):
        self.file(root + b"/target", b"target")
        self.symlink(b"target", root + b"/relative")
        self.symlink(b"/etc/hostname", root + b"/absolute")
        self.symlink(b"nowhere/at all", root + b"/dangling")
        self.symlink(b"..", root + b"/to-directory")
        self.symlink(b"loop", root + b"/loop")
        self.symlink(b"t" * 1000, root + b"/long")
        self.symlink(b"not-utf8-\xff\xfe", root + b"/bytes")
        self.directory(root + b"/other")
        for name in (b"/hard-1", b"/other/hard-2", b"/other/hard-3"):
            os.link(root + b"/target", root + name)
        os.link(root + b"/dangling", root + b"/other/hard-symlink")

    def make_modes(self, root):
        for mode in (0o000, 0o111, 0o400, 0o600, 0o666, 0o777, 0o4755, 0o2755, 0o6711, 0o1644):
            self.file(root + b"/file-%04o" % mode, b"%o" % mode, mode)
        for mode in (0o500, 0o700, 0o1777, 0o2775, 0o000):
            self.directory(root + b"/directory-%04o" % mode)
            self.file(root + b"/directory-%04o/inside" % mode, b"inside")
            os.chmod(root + b"/directory-%04o" % mode, mode)
        for name, uid, gid in ((b"/root", 0, 0), (b"/nobody-knows", 1234567, 7654321)):
            self.file(root + name, b"of another")
            os.chown(root + name, uid, gid)

    def make_attributes(self, root):
        """None of the trusted ones: the kernel hides them from who may not mount."""
        self.file(root + b"/file", b"with attributes")
        for name, value in ((b"user.comment", "año".encode()), (b"user.empty", b""),
                            (b"user.binary", bytes(range(256))),
                            (b"user.long", b"v" * 2000)):
            os.setxattr(root + b"/file", name, value)
        self.directory(root + b"/directory")
        os.setxattr(root + b"/directory", b"user.comment", b"of a directory")
        self.file(root + b"/capable", b"program", 0o755)
        # cap_net_bind_service+ep, in version 2 of the format
        os.setxattr(root + b"/capable", b"security.capability",
                    struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
        self.file(root + b"/acl", b"with an ACL")
        self.directory(root + b"/acl-directory")
        for arguments in (["-m", "u:1234:rw,g:4321:r,m::rw", root + b"/acl"],
                          ["-m", "u:1234:rwx", "-d", "-m", "g:4321:rx", root + b"/acl-directory"]):
            subprocess.run([b"setfacl", *map(os.fsencode, arguments)], check=True)
        self.date(root + b"/file")

    def make_special(self, root):
        self.directory(root)
        os.mkfifo(root + b"/fifo", 0o640)
        self.own(root + b"/fifo")
        os.mknod(root + b"/null", 0o660 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(root + b"/loop", 0o600 | stat.S_IFBLK, os.makedev(7, 77))
        for name in (b"/fifo", b"/null", b"/loop"):
            self.date(root + name)
        with socket.socket(socket.AF_UNIX) as listener:
            # Its path would be too long from here: the name is given within the directory.
            directory = os.open(root, os.O_PATH)
            listener.bind(f"/proc/self/fd/{directory}/socket")
            os.close(directory)

    def make_sizes(self, root):
        self.file(root + b"/empty", b"")
        self.file(root + b"/one", b"1")
        self.directory(root + b"/empty-directory")
        large = random.Random(self.seed + 1).randbytes(self.size.large_file)
        self.file(root + b"/large", large)
        self.file(root + b"/large-shifted", b"some bytes before" + large)
        self.file(root + b"/zeros", bytes(3 << 20))
        self.file(root + b"/sparse", b"")
        with open(root + b"/sparse", "r+b") as sparse:
            sparse.truncate(self.size.sparse_file)
            for place in (1 << 16, self.size.sparse_file // 2):
                sparse.seek(place)
                sparse.write(b"data between holes" * 500)
        self.date(root + b"/sparse")
        self.file(root + b"/hole", b"")
        os.truncate(root + b"/hole", self.size.sparse_file)
        self.date(root + b"/hole")

    def make_times(self, root):
        for name, time in ((b"before-1970", -86_400_123_456_789), (b"epoch", 0),
                           (b"nanosecond", 1_500_000_000_000_000_001),
                           (b"after-2038", 2_500_000_000_999_999_999)):
            self.file(root + b"/" + name, name)
            os.utime(root + b"/" + name, ns=(time, time))

    # at the end

    def finish(self, *roots):
        """Directories get their times when nothing is written into them any more."""
        for root in roots:
            for directory, names, _ in os.walk(os.fsencode(root), topdown=False):
                names.sort()
                self.date(directory)

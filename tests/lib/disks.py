# SPDX-License-Identifier: GPL-3.0-or-later
"""Small file systems of their own, in the mount namespace of the sandbox, and damage to files."""

import fcntl
import os
import struct
import subprocess


class Disk:
    """An ext4 of some MiB, mounted below a directory; a context manager."""

    def __init__(self, directory, mebibytes):
        self.image = directory / "disk.img"
        self.path = directory / "disk"
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        # No part is kept back for root, who would otherwise never see it full.
        self.run("mkfs.ext4", "-q", "-m", "0", self.image)
        self.path.mkdir()

    def __enter__(self):
        self.run("mount", "-o", "loop", self.image, self.path)
        return self

    def __exit__(self, *ignored):
        # Lazily: what still has a file open there must not keep the test from ending.
        self.run("umount", "--lazy", self.path)
        self.image.unlink()

    def make_read_only(self):
        self.run("mount", "-o", "remount,ro", self.path)

    def make_writable(self):
        self.run("mount", "-o", "remount,rw", self.path)

    @staticmethod
    def run(*command):
        subprocess.run(command, check=True, capture_output=True)


def flip_byte(file, place=None):
    """Changes one byte, in the middle by default."""
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    place = len(data) // 2 if place is None else place
    data[place] ^= 0x55
    file.write_bytes(data)


def truncate(file):
    """Cuts the second half off."""
    file.chmod(0o600)
    data = file.read_bytes()
    file.write_bytes(data[:len(data) // 2])


class LosingDisk(Disk):
    """A file system, ext4 or xfs, that can lose its power: whatever was not synced is gone then."""

    # FS_IOC_SHUTDOWN, or XFS_IOC_GOINGDOWN, and FSOP_GOING_FLAGS_NOLOGFLUSH
    SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2

    def __init__(self, directory, mebibytes, kind="ext4"):
        super().__init__(directory, mebibytes)
        self.loop = None
        if kind != "ext4":
            self.run(f"mkfs.{kind}", "-q", "-f", self.image)

    def __enter__(self):
        done = subprocess.run(["losetup", "--find", "--show", self.image], check=True,
                              capture_output=True, text=True)
        self.loop = done.stdout.strip()
        self.run("mount", self.loop, self.path)
        return self

    def lose_power(self):
        """Drops what was not synced; afterwards nothing can be read or written any more."""
        directory = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, self.SHUTDOWN, struct.pack("I", self.WITHOUT_FLUSH))
        finally:
            os.close(directory)

    def come_back(self):
        """Mounted anew, as after a reboot: the journal is replayed."""
        self.run("umount", self.path)
        self.run("mount", self.loop, self.path)

    def __exit__(self, *ignored):
        subprocess.run(["umount", "--lazy", self.path], check=False, capture_output=True)
        self.run("losetup", "--detach", self.loop)
        self.image.unlink()

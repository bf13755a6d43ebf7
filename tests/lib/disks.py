# SPDX-License-Identifier: GPL-3.0-or-later
"""Small file systems of their own, in the mount namespace of the sandbox, and damage to files."""

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

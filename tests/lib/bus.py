# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the bus for tests. Run as a program it makes the calls that it reads as JSON from
standard input, so that they can be made as another user: see calls_as()."""

import json
import os
import sys

from gi.repository import Gio, GLib

NAME = "org.openbravo.Backup1"
ROOT = "/org/openbravo/Backup1"
ADDRESS = "unix:path=/run/dbus/system_bus_socket"
FINAL = ("succeeded", "partial", "failed", "cancelled", "interrupted")


class BusError(Exception):
    """name is without the prefix of our own errors."""

    def __init__(self, error):
        self.name = (Gio.DBusError.get_remote_error(error) or error.domain).removeprefix(
            NAME + ".Error.")
        Gio.DBusError.strip_remote_error(error)
        super().__init__(f"{self.name}: {error.message}")


class Bus:
    def __init__(self):
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                 | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.connection = Gio.DBusConnection.new_for_address_sync(ADDRESS, flags, None, None)
        self.connection.set_exit_on_close(False)

    def call(self, path, interface, method, signature=None, *arguments, fds=(), name=NAME,
             interactive=False):
        """Calls and returns the tuple of results as Python values."""
        parameters = GLib.Variant(signature, arguments) if signature else None
        passed = Gio.UnixFDList.new()
        for descriptor in fds:
            passed.append(descriptor)
        flags = (Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive
                 else Gio.DBusCallFlags.NONE)
        try:
            answer, _ = self.connection.call_with_unix_fd_list_sync(
                name, path, interface, method, parameters, None, flags, 600_000, passed, None)
        except GLib.Error as error:
            raise BusError(error) from None
        return answer.unpack()

    def manager(self, method, signature=None, *arguments, **how):
        return self.call(ROOT, NAME, method, signature, *arguments, **how)

    def properties(self, path, interface):
        """All properties of NAME.interface, or of the manager where interface is empty."""
        return self.call(path, "org.freedesktop.DBus.Properties", "GetAll", "(s)",
                         f"{NAME}.{interface}" if interface else NAME)[0]

    def objects(self):
        """What ObjectManager tells: interfaces and properties by path."""
        return self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]

    # the service

    def daemon(self, method, *arguments):
        signature = f"({'s' * len(arguments)})" if arguments else None
        return self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", method, signature,
                         *arguments, name="org.freedesktop.DBus")[0]

    def service_pid(self):
        """The process that owns the name; None where nobody does. Starts nothing."""
        if not self.daemon("NameHasOwner", NAME):
            return None
        return self.daemon("GetConnectionUnixProcessID", NAME)

    # jobs

    def job(self, path):
        return self.properties(path, "Job")

    def cancel(self, path):
        self.call(path, f"{NAME}.Job", "Cancel", "(a{sv})", {})

    def result(self, path):
        return self.call(path, f"{NAME}.Job", "GetResult", "(a{sv})", {})[0]

    def waiting(self, path):
        """Whom it waits for and why; empty where it does not."""
        return self.call(path, f"{NAME}.Job", "GetWaiting", "(a{sv})", {})[0]

    def log(self, path):
        return self.call(path, f"{NAME}.Job", "GetLog", "(a{sv})", {})[0]


def main():
    """Makes the calls [[path, interface, method, argument text, descriptors], …] and prints a
    list of [error name, text]; the name is empty where there was no error."""
    bus, answers = Bus(), []
    for path, interface, method, text, n_fds in json.load(sys.stdin):
        fds = [os.open(os.devnull, os.O_RDWR) for _ in range(n_fds)]
        passed = Gio.UnixFDList.new_from_array(fds)
        try:
            parameters = GLib.Variant.parse(None, text, None, None) if text else None
            answer, _ = bus.connection.call_with_unix_fd_list_sync(
                NAME, path, interface, method, parameters, None, Gio.DBusCallFlags.NONE, 600_000,
                passed, None)
            answers.append(["", answer.print_(False)])
        except GLib.Error as error:
            answers.append([BusError(error).name, error.message])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""clients.py N [METHODS]

N clients of the service, as a monitoring page, a panel or a script would be, each over a
connection of its own: it hears of Progress, JobFinished and PropertiesChanged, and twice a second
asks, in turn, for all objects and for the properties of the job that it heard of last. With METHODS
it also asks, in turn, for the details of instance erp and destination disk and for the result of
that job. When standard input has ended, and each has heard of the end of a job, what they made and
heard is printed as JSON."""

import collections
import json
import sys
import time

from gi.repository import Gio, GLib

NAME = "org.openbravo.Backup1"
ROOT = "/org/openbravo/Backup1"
ADDRESS = "unix:path=/run/dbus/system_bus_socket"
INTERVAL_MS = 500
PATIENCE = 120
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Client:
    def __init__(self, counts, with_methods):
        self.counts = counts
        self.with_methods = with_methods
        self.job = None
        self.turn = 0
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                 | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.connection = Gio.DBusConnection.new_for_address_sync(ADDRESS, flags, None, None)
        for interface, member in ((NAME, "Progress"), (NAME, "JobFinished"),
                                  (PROPERTIES, "PropertiesChanged")):
            self.connection.signal_subscribe(NAME, interface, member, None, None,
                                             Gio.DBusSignalFlags.NONE, self.on_signal)

    def on_signal(self, _connection, _sender, _path, _interface, member, parameters):
        self.counts[member] += 1
        if member == "Progress":
            self.job = parameters.get_child_value(0).get_string()

    def call(self, path, interface, method, parameters=None):
        self.connection.call(NAME, path, interface, method, parameters, None,
                             Gio.DBusCallFlags.NO_AUTO_START, -1, None, self.on_answer, method)

    def on_answer(self, connection, result, method):
        try:
            connection.call_finish(result)
            self.counts[method] += 1
        except GLib.Error as error:
            # A job that is at work has no result yet.
            busy = Gio.DBusError.get_remote_error(error) == f"{NAME}.Error.Busy"
            self.counts[method if busy else f"{method}: {error.message}"] += 1

    def ask(self):
        self.turn += 1
        if self.turn % 2 == 0 and self.job is not None:
            self.call(self.job, PROPERTIES, "GetAll", GLib.Variant("(s)", [f"{NAME}.Job"]))
        else:
            self.call(ROOT, OBJECTS, "GetManagedObjects")
        if self.with_methods:
            self.ask_methods()
        return GLib.SOURCE_CONTINUE

    def ask_methods(self):
        asked = [(f"{ROOT}/instances/erp", "Instance", "GetDetails"),
                 (f"{ROOT}/destinations/disk", "Destination", "GetDetails"),
                 (self.job, "Job", "GetResult")]
        path, interface, method = asked[self.turn % 3]
        if path is not None:
            self.call(path, f"{NAME}.{interface}", method, GLib.Variant("(a{sv})", [{}]))

    def begin(self):
        GLib.timeout_add(INTERVAL_MS, self.ask)
        return GLib.SOURCE_REMOVE


def main(number, *methods):
    counts, loop = collections.Counter(), GLib.MainLoop()
    deadline = time.monotonic() + PATIENCE

    def end(jobs):
        if counts["JobFinished"] >= jobs or time.monotonic() > deadline:
            loop.quit()
        return GLib.SOURCE_CONTINUE

    for place in range(int(number)):
        # Spread over the interval, as those who know nothing of each other are.
        GLib.timeout_add(place * INTERVAL_MS // int(number), Client(counts, bool(methods)).begin)
    GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP,
                      lambda *_: GLib.timeout_add(INTERVAL_MS, end, int(number)) and False)
    print("ready", flush=True)
    loop.run()
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of PostgreSQL."""

import os
import unittest
from pathlib import Path

import hosts
from installation import Installation, Size
from postgres import Postgres, free_port

SANDBOX = Path(os.environ["OBBACKUP_SANDBOX"])


class Proxy(unittest.TestCase):
    """What listens on localhost is not the server, which is elsewhere."""

    # Prints a line when it listens: from an address and port to another.
    RELAY = """
import asyncio, sys

async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    far_reader, far_writer = await asyncio.open_connection(sys.argv[3], sys.argv[4])
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer),
                         return_exceptions=True)

async def main():
    server = await asyncio.start_server(serve, sys.argv[1], sys.argv[2])
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

    def test_encrypted(self):
        hosts.make_network()
        host = hosts.Host(SANDBOX, "near", 1)
        self.addCleanup(host.destroy)
        with host, Postgres(host.directory, sync=False) as far:
            far.encrypt()
            far.query("ALTER SYSTEM SET log_connections TO on")
            far.admit("host", "all")
            far.settings["listen_addresses"] = f"127.0.0.1,{host.address}"
            far.stop()
            far.start()
            installation = Installation(host.directory / "erp", far, size=Size.tiny(),
                                        odd_names=False)
            installation.directory.mkdir()
            installation.make()
            near, port = free_port(), far.port
            host.start("/usr/bin/python3", "-c", self.RELAY, "127.0.0.1", near, host.address, port)
            far.port = near
            installation.write_properties(installation.properties)
            far.port = port
            mark = far.log.stat().st_size
            for words in (["instance", "add", "erp", "--properties", installation.properties],
                          ["destination", "add", "disk", "--path", host.directory / "disk"],
                          ["backup", "erp"], ["backup", "erp"]):
                done = host.ctl(*words)
                self.assertEqual(done.status, 0, done)
            encrypted, plain = far.count_connections(mark)
        self.assertGreater(encrypted, 10)
        self.assertEqual(plain, 0)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""metadata.py FILE: a simulated metadata service of an EC2 instance with a role, version 2 alone,
on 169.254.169.254:80 of the network namespace that it runs in. The keys are those in FILE, as
JSON, read anew for each answer. Prints a line when it listens."""

import http.server
import secrets
import sys
from pathlib import Path

ADDRESS = ("169.254.169.254", 80)
ROLE = "obbackup"
PATH = "/latest/meta-data/iam/security-credentials/"
TOKEN = secrets.token_urlsafe(32)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or not lifetime.isdigit():
            self.answer(400)
        else:
            self.answer(200, TOKEN)

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            self.answer(401)
        elif self.path == PATH:
            self.answer(200, ROLE)
        elif self.path == PATH + ROLE:
            self.answer(200, self.server.file.read_text())
        else:
            self.answer(404)

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(ADDRESS, Handler)
    server.file = Path(sys.argv[1])
    print("listening", flush=True)
    server.serve_forever()

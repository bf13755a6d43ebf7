#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small application server in the place of Tomcat: reads WEB-INF/Openbravo.properties of the
deployed webapp, answers from the database as bbdd.user, writes orders and attachments.

  application.py --port N --run DIR --webapp DIR start    returns once it answers
  application.py --port N --run DIR stop                  returns once it is gone

GET /          what the application sees: orders, total, attachments that are not on the disk, its
               activation key
POST /order    makes an order with an attachment in one transaction, returns its id
"""

import argparse
import http.server
import json
import os
import re
import signal
import socketserver
import sys
import time
import uuid
from pathlib import Path

import psycopg2

SECONDS = 120


def read_properties(file):
    """Enough of java.util.Properties for the file that the generator writes, and for what a restore
    changes in it."""
    values = {}
    for line in file.read_bytes().decode("latin-1").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.replace("\\:", "\0").partition("=")
            value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), value)
            values[name.strip()] = value.replace("\0", ":").strip()
    return values


class Application:
    def __init__(self, webapp):
        self.properties = read_properties(webapp / "WEB-INF" / "Openbravo.properties")
        self.attachments = Path(self.properties["attach.path"])

    def connect(self):
        port = self.properties["bbdd.url"].rpartition(":")[2]
        return psycopg2.connect(host="127.0.0.1", port=port, dbname=self.properties["bbdd.sid"],
                                user=self.properties["bbdd.user"],
                                password=self.properties["bbdd.password"])

    def state(self):
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*), sum (grandtotal)::text FROM c_order_v")
            orders, total = cursor.fetchone()
            cursor.execute("SELECT ob_search_key (' Uno '), get_uuid () <> get_uuid (),"
                           " (SELECT count(*) FROM c_bpartner WHERE name ILIKE '%%señor%%')")
            key, differ, partners = cursor.fetchone()
            cursor.execute("SELECT path, name FROM c_file WHERE path IS NOT NULL")
            lost = [name for path, name in cursor
                    if not (self.attachments / path / name).exists()]
            cursor.execute("SELECT activation_key FROM ad_system")
            licence = cursor.fetchone()
            cursor.execute("UPDATE ad_system_info SET system_status = 'RB70'")
        connection.close()
        return {"orders": orders, "total": total, "key": key, "uuid": differ,
                "partners": partners, "lost": lost, "licence": licence and licence[0]}

    def order(self):
        """One transaction and one file, the file first as Openbravo does."""
        record = uuid.uuid4().hex.upper()
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT min (ad_table_id::text) FROM ad_table")
            table = cursor.fetchone()[0]
            path = "/".join([table, *(record[i:i + 3] for i in range(0, 32, 3))])
            (self.attachments / path).mkdir(parents=True)
            (self.attachments / path / "new.txt").write_text(f"order {record}\n")
            cursor.execute("INSERT INTO c_order (c_order_id, ad_client_id, c_bpartner_id,"
                           " dateordered, grandtotal) SELECT %s, ad_client_id, c_bpartner_id,"
                           " now (), 5 FROM c_bpartner LIMIT 1", [record])
            for number in range(5):
                cursor.execute("INSERT INTO c_orderline (c_orderline_id, c_order_id, qty, price)"
                               " VALUES (get_uuid (), %s, %s, 1)", [record, number + 1])
            cursor.execute("INSERT INTO c_file (c_file_id, ad_client_id, created, name,"
                           " ad_table_id, ad_record_id, path) VALUES (get_uuid (), '0', now (),"
                           " 'new.txt', %s, %s, %s)", [table, record, path])
        connection.close()
        return {"id": record}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, make):
        try:
            status, body = 200, make()
        except (psycopg2.Error, OSError) as error:
            status, body = 503, {"error": str(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self):
        self.answer(self.server.application.state)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(self.server.application.order)

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(server, run):
    """The background process, which ends when it is asked to."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(run / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    server.serve_forever()


def start(options):
    server = Server(("127.0.0.1", options.port), Handler)
    server.application = Application(options.webapp)
    # The socket listens already, so whoever asks from now on gets an answer.
    process = os.fork()
    if process == 0:
        serve(server, options.run)
    (options.run / "pid").write_text(str(process))
    return 0


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def stop(options):
    try:
        process = int((options.run / "pid").read_text())
        os.kill(process, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    deadline = time.monotonic() + SECONDS
    while is_running(process):
        if time.monotonic() > deadline:
            print("the application does not end", file=sys.stderr)
            return 1
        time.sleep(0.02)
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--webapp", type=Path)
    parser.add_argument("command", choices=["start", "stop"])
    options = parser.parse_args()
    return {"start": start, "stop": stop}[options.command](options)


if __name__ == "__main__":
    sys.exit(main())

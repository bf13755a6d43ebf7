# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away S3 server on loopback: Ceph with one monitor, one store in memory and a gateway. It
checks signatures, hashes and conditions as AWS does, and is ready in two seconds."""

import base64
import datetime
import hashlib
import hmac
import http.client
import itertools
import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from pathlib import Path

from postgres import free_port
from waiting import wait_until

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "secret/key+of=the/tests"
REGION = "us-east-1"

SECONDS_TO_START = 120
SECONDS_TO_STOP = 30

CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
mon initial members = a
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = true
keyring = {directory}/keyring
log file = {directory}/$name.log
admin socket = {directory}/$name.asok
run dir = {directory}
pid file = {directory}/$name.pid
mon data = {directory}/mon
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
ms bind ipv6 = false
paxos propose interval = 0.02
paxos min wait = 0.01
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd class load list = *
osd class default list = *
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
mon osd full ratio = .99
mon osd nearfull ratio = .98
mon osd backfillfull ratio = .98
osd failsafe full ratio = .99
[osd]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
[client.rgw]
rgw frontends = beast endpoint={address}:{port} ssl_endpoint={address}:{tls_port} \
ssl_certificate={directory}/tls.pem
rgw data = {directory}/rgw
rgw dns name = {name}
rgw thread pool size = 32
"""

# With these the gateway takes a wrong key or secret for one without rights, and says so.
ROLES = """\
rgw s3 auth use sts = true
rgw sts key = a-key-for-tests-
"""

KEYRINGS = (("mon.", ("mon", "allow *")),
            ("client.admin", ("mon", "allow *"), ("osd", "allow *"), ("mgr", "allow *")),
            ("client.rgw", ("mon", "allow rw"), ("osd", "allow rwx")),
            ("osd.0", ("mon", "allow profile osd"), ("osd", "allow *")))


class Ceph:
    """Use start() and remove(). url and tls_url are its endpoints, certificate the file that makes
    the latter trusted. Where other hosts shall reach it, address and name are those of this one."""

    def __init__(self, parent=None, address="127.0.0.1", name="localhost", tls_port=None):
        self.directory = Path(tempfile.mkdtemp(prefix="ceph-", dir=parent))
        self.address, self.name = address, name
        self.port, self.tls_port = free_port(), tls_port or free_port()
        self.url = f"http://{address}:{self.port}"
        self.tls_url = f"https://{address}:{self.tls_port}"
        self.certificate = self.directory / "cert.pem"
        self.daemons = []
        self.gateway = None
        for name in ("mon", "osd", "rgw"):
            (self.directory / name).mkdir()

    def start(self):
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        mon1, mon2 = free_port(), free_port()
        (self.directory / "ceph.conf").write_text(CONFIGURATION.format(
            fsid=fsid, mon1=mon1, mon2=mon2, directory=self.directory, port=self.port,
            tls_port=self.tls_port, address=self.address, name=self.name))
        self._make_certificate()
        self._make_keyring()
        map_file = self.directory / "monmap"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a",
                  f"[v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]", map_file)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", map_file, "--keyring",
                  self.directory / "keyring")
        self.daemons.append(self._start("ceph-mon", "-i", "a", "-f"))
        self._run("ceph", "osd", "create", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.daemons.append(self._start("ceph-osd", "-i", "0", "-f"))
        wait_until(lambda: "1 up" in self._run("ceph", "osd", "stat"), "Ceph's store is not up",
                   SECONDS_TO_START)
        self.start_gateway()
        self.add_user("tests", ACCESS_KEY, SECRET_KEY)
        return self

    def add_user(self, name, access_key, secret_key):
        self._run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}",
                  f"--access-key={access_key}", f"--secret-key={secret_key}")

    def allow_roles(self):
        """The gateway starts again, and gives temporary keys of roles from then on."""
        with open(self.directory / "ceph.conf", "a", encoding="ascii") as configuration:
            configuration.write(ROLES)
        self.kill_gateway()
        self.start_gateway()

    def add_role(self, name, policy):
        """A role that the user "tests" may take on, with this policy (of IAM, as an object)."""
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/tests"]},
            "Action": ["sts:AssumeRole"]}]}
        self._run("radosgw-admin", "role", "create", f"--role-name={name}",
                  f"--assume-role-policy-doc={json.dumps(trust)}")
        self._run("radosgw-admin", "role-policy", "put", f"--role-name={name}",
                  "--policy-name=all", f"--policy-doc={json.dumps(policy)}")

    def assume_role(self, name):
        """Temporary keys of the role, as EC2's metadata service tells them."""
        body = urllib.parse.urlencode({
            "Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "tests",
            "RoleArn": f"arn:aws:iam:::role/{name}", "DurationSeconds": "3600"}).encode()
        answer = self.request("POST", "/", body)
        if answer.status != 200:
            raise RuntimeError(f"the role {name} is not to be had: {answer.body}")
        found = dict(re.findall(r"<(\w+)>([^<]*)</", answer.body.decode()))
        return {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": found["AccessKeyId"],
                "SecretAccessKey": found["SecretAccessKey"], "Token": found["SessionToken"],
                "Expiration": found["Expiration"]}

    def _make_certificate(self):
        key = self.directory / "key.pem"
        self._run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                  f"/CN={self.name}", "-addext",
                  f"subjectAltName=IP:{self.address},DNS:{self.name}",
                  "-keyout", key, "-out", self.certificate, configured=False)
        (self.directory / "tls.pem").write_bytes(key.read_bytes() + self.certificate.read_bytes())

    def _make_keyring(self):
        keyring = self.directory / "keyring"
        for number, (name, *rights) in enumerate(KEYRINGS):
            words = [word for right in rights for word in ("--cap", *right)]
            create = ["--create-keyring"] if number == 0 else []
            self._run("ceph-authtool", *create, keyring, "--gen-key", "-n", name, *words,
                      configured=False)

    def _command(self, program, *words):
        return [str(word) for word in (program, "-c", self.directory / "ceph.conf", *words)]

    def _run(self, program, *words, configured=True):
        command = self._command(program, *words) if configured else [str(word) for word
                                                                     in (program, *words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=SECONDS_TO_START, cwd=self.directory)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _start(self, program, *words):
        with open(self.directory / f"{program}.out", "ab") as log:
            return subprocess.Popen(self._command(program, *words), stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, start_new_session=True,
                                    cwd=self.directory)

    # the gateway

    def start_gateway(self):
        self.gateway = self._start("radosgw", "-n", "client.rgw", "-f")
        wait_until(self._answers, "the gateway does not answer", SECONDS_TO_START)

    def kill_gateway(self):
        """As by a power cut: what was not answered yet may be stored or not."""
        self.gateway.kill()
        self.gateway.wait()

    def _answers(self):
        if self.gateway.poll() is not None:
            log = (self.directory / "radosgw.out").read_text()
            raise RuntimeError(f"the gateway has ended:\n{log}")
        try:
            return self.request("GET", "/", signed=False).status < 500
        except OSError:
            return False

    # requests of the tests' own

    def request(self, method, path, body=b"", signed=True, **more):
        """Sends a request, signed by the few lines here, and returns the answer, with body. The
        names of further headers have "_" for "-"."""
        host = f"{self.address}:{self.port}"
        headers = {"Host": host}
        if signed:
            more = {name.replace("_", "-"): value for name, value in more.items()}
            headers |= self._sign(method, path, host, body, more)
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    @staticmethod
    def _sign(method, path, host, body, more):
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        payload = hashlib.sha256(body).hexdigest()
        path, _, query = path.partition("?")
        headers = {"host": host, "x-amz-content-sha256": payload, "x-amz-date": now, **more}
        headers = dict(sorted(headers.items()))
        names = ";".join(headers)
        canonical = "\n".join([method, path, query,
                               *(f"{name}:{value}" for name, value in headers.items()), "", names,
                               payload])
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + SECRET_KEY).encode()
        for step in (*scope.split("/"), text):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return {**more, "x-amz-date": now, "x-amz-content-sha256": payload,
                "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, "
                                 f"SignedHeaders={names}, Signature={key.hex()}"}

    def make_bucket(self, name, lockable=False):
        more = {"x_amz_bucket_object_lock_enabled": "true"} if lockable else {}
        answer = self.request("PUT", f"/{name}", **more)
        if answer.status != 200:
            raise RuntimeError(f"the bucket {name} cannot be made: {answer.body}")
        return name

    def count_requests(self):
        """How many the gateway has had so far, as it counts them itself; ours and those of tests."""
        out = self._run("ceph", "--admin-daemon", self.directory / "client.rgw.asok", "perf", "dump",
                        "rgw")
        return json.loads(out)["rgw"]["req"]

    def last_requests(self, number):
        """The latest ones, each as its first line, as far as they are in the log already."""
        log = (self.directory / "client.rgw.log").read_text(errors="replace")
        return re.findall(r'beast: .*?"([^"]+) HTTP/1.1" (?=\d)', log)[-number:]

    def has_bucket(self, name):
        return self.request("HEAD", f"/{name}").status == 200

    def remove_bucket(self, name):
        """And all that is in it, at once."""
        self._run("radosgw-admin", "bucket", "rm", f"--bucket={name}", "--purge-objects",
                  "--bypass-gc")

    def stored_bytes(self, name):
        """What the objects of a bucket hold together."""
        told = json.loads(self._run("radosgw-admin", "bucket", "stats", f"--bucket={name}"))
        return told["usage"].get("rgw.main", {}).get("size", 0)

    def configure_bucket(self, name, what, text):
        """Sets a configuration of the bucket: "versioning", "policy", "lifecycle", "object-lock"."""
        body = text.encode()
        checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        answer = self.request("PUT", f"/{name}?{what}=", body, content_md5=checksum)
        if answer.status not in (200, 204):
            raise RuntimeError(f"{what} of {name} cannot be set: {answer.status} {answer.body}")

    def keys(self, bucket, prefix=""):
        """The names of the first thousand objects."""
        prefix = urllib.parse.quote(prefix, safe="")
        answer = self.request("GET", f"/{bucket}?list-type=2&prefix={prefix}")
        return [part.split("</Key>")[0] for part in answer.body.decode().split("<Key>")[1:]]

    def count_pages(self, bucket, prefix):
        """In how many pieces the gateway lists the objects. One is of a thousand, or of less: it
        asks each part of the bucket's index for some, and where by chance more of the first names
        are in one of them, it ends there."""
        query = f"list-type=2&prefix={urllib.parse.quote(prefix, safe='')}"
        token = ""
        for pages in itertools.count(1):
            text = self.request("GET", f"/{bucket}?{token}{query}").body.decode()
            found = re.search("<NextContinuationToken>(.*)</NextContinuationToken>", text)
            if found is None:
                return pages
            token = f"continuation-token={urllib.parse.quote(found[1], safe='')}&"

    def versions(self, bucket, key):
        """The ids of the versions of an object, and of the markers that hide it."""
        prefix = urllib.parse.quote(key, safe="")
        text = self.request("GET", f"/{bucket}?prefix={prefix}&versions=").body.decode()
        found = [], []
        for kind, ids in zip(("Version", "DeleteMarker"), found):
            for part in text.split(f"<{kind}>")[1:]:
                ids.append(part.split("<VersionId>")[1].split("</VersionId>")[0])
        return found

    def lock(self, bucket, key):
        """Mode and end of an object's lock (seconds since the epoch); None where it has none."""
        answer = self.request("GET", f"/{bucket}/{key}?retention=")
        if answer.status == 404:
            return None
        text = answer.body.decode()
        until = text.split("<RetainUntilDate>")[1].split("</RetainUntilDate>")[0]
        until = datetime.datetime.fromisoformat(until.replace("Z", "+00:00"))
        return text.split("<Mode>")[1].split("</Mode>")[0], until.timestamp()

    def shorten_lock(self, bucket, key, seconds):
        """As who has the right of its own to do so."""
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        body = (f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate>"
                "</Retention>").encode()
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        answer = self.request("PUT", f"/{bucket}/{key}?retention=", body, content_md5=digest,
                              x_amz_bypass_governance_retention="true")
        if answer.status != 200:
            raise RuntimeError(f"the lock of {key} cannot be shortened: {answer.body}")

    def remove(self):
        for process in [self.gateway, *reversed(self.daemons)]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(SECONDS_TO_STOP)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

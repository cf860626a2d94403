# SPDX-License-Identifier: Apache-2.0

"""A model hub for tests: the part of Hugging Face's API that fetching needs, with faults on demand.

Files of at least LARGE bytes are kept as the real hub keeps large ones: by SHA-256, in a store that
their URL redirects to.
"""

import hashlib
import http.server
import json
import random
import re
import threading
import urllib.parse

LARGE = 100_000


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class File:
    def __init__(self, content):
        self.content = content
        self.is_large = len(content) >= LARGE
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.etag = self.sha256 if self.is_large else git_hash(content)


class Repository:
    def __init__(self, files, license="apache-2.0"):
        self.files = {name: File(content) for name, content in files.items()}
        self.license = license
        named = "".join(name + file.etag for name, file in sorted(self.files.items()))
        self.commit = hashlib.sha1(named.encode()).hexdigest()

    def siblings(self):
        for name, file in self.files.items():
            sibling = {"rfilename": name, "size": len(file.content), "blobId": git_hash(file.content)}
            if file.is_large:
                sibling["lfs"] = {"sha256": file.sha256, "size": len(file.content), "pointerSize": 134}
            yield sibling

    def tree(self):
        for name, file in self.files.items():
            entry = {"type": "file", "path": name, "size": len(file.content),
                     "oid": git_hash(file.content)}
            if file.is_large:
                entry["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
            yield entry


class Hub:
    """with Hub({"org/name": Repository({...})}) as hub: ... hub.url"""

    def __init__(self, repositories):
        self.repositories = repositories
        self.fault = lambda path: None  # -> a kind of FAULTS, or None
        self.sent_bytes = 0  # of files' contents
        self.content_requests = 0
        self.faults_done = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def __enter__(self):
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{port}"
        self.store_url = f"http://localhost:{port}"  # another host
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, *_):  # clients that go away are what is tested
        pass


FAULTS = ("drop", "stall", "busy", "other_range", "other_total", "truncated", "wrong_byte")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_hub = None

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        for pattern, method in ((r"/api/models/(.+)/revision/(.+)", self.index),
                                (r"/api/models/(.+)/tree/([^/]+)", self.tree),
                                (r"/api/models/([^/]+/[^/]+)", self.index_of_main),
                                (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.resolve),
                                (r"/store/([0-9a-f]{64})", self.store)):
            match = re.fullmatch(pattern, path)
            if match:
                return method(with_body, *match.groups())
        return self.simple(404, {}, b"")

    def repository(self, name, revision):
        repository = self.server_hub.repositories.get(name)
        if repository and revision in ("main", repository.commit):
            return repository
        self.simple(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        return None

    def index_of_main(self, _, name):
        self.index(_, name, "main")

    def index(self, _, name, revision):
        repository = self.repository(name, revision)
        if repository:
            self.json({"id": name, "modelId": name, "sha": repository.commit,
                                  "private": False, "gated": False,
                                  "cardData": {"license": repository.license},
                                  "siblings": list(repository.siblings())})

    def tree(self, _, name, revision):
        repository = self.repository(name, revision)
        if repository:
            self.json(list(repository.tree()))

    def json(self, value):
        body = json.dumps(value).encode()
        self.simple(200, {"Content-Type": "application/json"}, body)

    def resolve(self, with_body, name, revision, file_name):
        repository = self.repository(name, revision)
        if not repository:
            return
        file = repository.files.get(file_name)
        if not file:
            return self.simple(404, {"X-Error-Code": "EntryNotFound"}, b"")
        facts = {"X-Repo-Commit": repository.commit, "ETag": f'"{file.etag}"',
                 "Accept-Ranges": "bytes"}
        if not file.is_large:
            return self.content(with_body, file, facts)
        facts.update({"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content)),
                      "Location": f"{self.server_hub.store_url}/store/{file.sha256}"})
        return self.simple(302, facts, b"")

    def store(self, with_body, sha256):
        for repository in self.server_hub.repositories.values():
            for file in repository.files.values():
                if file.sha256 == sha256:
                    return self.content(with_body, file, {"ETag": f'"{sha256}"'})
        return self.simple(404, {}, b"")

    def content(self, with_body, file, facts):
        hub = self.server_hub
        whole = file.content
        kind = None
        if with_body:
            with hub.lock:
                hub.content_requests += 1
                kind = hub.fault(self.path)
                hub.faults_done += kind is not None
        if kind == "busy":
            return self.simple(503, {"Retry-After": "0"}, b"")
        first, last, status = 0, len(whole) - 1, 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match:
            status = 206
            first = int(match[1])
            last = min(int(match[2] or last), last)
        if kind == "other_range" and first < last:
            first += 1
        body = bytearray(whole[first:last + 1])
        if kind == "wrong_byte" and body:
            body[random.randrange(len(body))] ^= 1
        total = len(whole) + (1 if kind == "other_total" else 0)
        facts = dict(facts)
        if status == 206:
            facts["Content-Range"] = f"bytes {first}-{last}/{total}"
        elif kind == "other_total":
            facts["Content-Length"] = str(total)
        self.send_response(status)
        for name, value in facts.items():
            self.send_header(name, value)
        if "Content-Length" not in facts:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not with_body:
            return None
        ends = kind in ("drop", "stall", "truncated", "other_total")
        if kind in ("drop", "stall", "truncated"):
            body = body[:random.randrange(len(body) + 1)]
        try:
            self.wfile.write(body)
            with hub.lock:
                hub.sent_bytes += len(body)
            if kind == "stall":
                hub.stopping.wait(3)
        except OSError:
            ends = True
        if ends:
            self.close_connection = True
        return None

    def simple(self, status, facts, body):
        self.send_response(status)
        for name, value in facts.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

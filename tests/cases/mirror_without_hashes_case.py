# SPDX-License-Identifier: Apache-2.0

"""A company's proxy (Nexus, Artifactory) lists names of files without sizes and hashes. Both are in each
file's own answer, for whose head huggingface_hub asks as well (huggingface_hub 1796, nexus-public 610)."""
import hashlib
import http.server
import json
import pathlib
import threading

import case

COMMIT = "a" * 40
MODEL = pathlib.Path(case.model_path("tiny_llama.gguf")).read_bytes()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Mirror:
    """`facts(content)`: headers of a file's answer. `redirect(content)`: those of an answer before it, which
    leads elsewhere. `damaged`: one byte of what is sent is another."""

    def __init__(self, facts, redirect=None, damaged=False, head=200, siblings=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, code, body, **headers):
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def do_HEAD(self):
                if head == 200 or self.path.startswith("/api/"):
                    self.do_GET()
                else:
                    self.answer(head, b"")

            def do_GET(self):
                if self.path.startswith("/api/models/"):
                    listed = siblings or [{"rfilename": "README.md"}, {"rfilename": "m-Q8_0.gguf"}]
                    index = {"id": "owner/name", "sha": COMMIT, "siblings": listed}
                    return self.answer(200, json.dumps(index).encode())
                if redirect and not self.path.startswith("/store/"):
                    return self.answer(302, b"", Location="/store" + self.path, **redirect(MODEL))
                body = bytearray(MODEL)
                if damaged:
                    body[-1] ^= 1
                wanted = self.headers.get("Range")
                if not wanted:
                    return self.answer(200, bytes(body), **facts(MODEL))
                first, last = wanted.split("=")[1].split("-")
                first, last = int(first), min(int(last or len(body)), len(body) - 1)
                return self.answer(206, bytes(body[first:last + 1]), **facts(MODEL),
                                   Content_Range=f"bytes {first}-{last}/{len(body)}")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def environment(self, home):
        return {"HF_ENDPOINT": f"http://127.0.0.1:{self.server.server_port}", "HOME": str(home),
                "HF_HOME": str(home / "hf"), "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home),
                "HF_HUB_CACHE": "", "HF_HUB_OFFLINE": "", "no_proxy": "127.0.0.1"}


def pull(what, mirror, *options, code=0, blob=None, **expected):
    with case.folder() as work:
        environment = mirror.environment(work)
        done = case.run("pull", "hf:owner/name:Q8_0", *options, code=code, env=environment, **expected)
        blobs = list(work.glob("hf/hub/models--owner--name/blobs/*"))
        if code != 0:
            case.same(what + ": blobs", [path.name for path in blobs], [])
        elif not options:
            path = work / f"hf/hub/models--owner--name/snapshots/{COMMIT}/m-Q8_0.gguf"
            case.same(what + ": path", done.out.strip(), str(path))
            case.check(path.read_bytes() == MODEL, what + ": other bytes")
            case.same(what + ": blobs", [path.name for path in blobs], [blob])
            # What is there is found without asking, and opened.
            case.run("pull", "hf:owner/name:Q8_0", env=environment)
            case.run("show", "hf:owner/name:Q8_0", "--json",
                     env={**environment, "HF_HUB_OFFLINE": "1"})
        mirror.server.shutdown()
        return done


def quoted(name, value):
    return lambda content: {name: f'"{value(content)}"'}


# The case: SHA-256 as the ETag of the file's own answer.
pull("ETag", Mirror(quoted("ETag", sha256)), blob=sha256(MODEL), no_err="hash")
# The hub's own way through a proxy: what is known stands on the redirect, and the store's tag is none.
linked = lambda content: {"X_Linked_ETag": f'"{sha256(content)}"', "X_Linked_Size": str(len(content))}
pull("X-Linked-ETag", Mirror(quoted("ETag", lambda _: "0123-4"), redirect=linked), blob=sha256(MODEL),
     no_err="hash")
# Hashes of git; weak, as a proxy that also packs marks them; and SHA-1 of the bytes alone with SHA-256
# beside it or not, as Artifactory has them.
pull("git's", Mirror(quoted("ETag", git_sha1)), blob=git_sha1(MODEL), no_err="hash")
pull("weak", Mirror(lambda content: {"ETag": f'W/"{git_sha1(content)}"'}), blob=git_sha1(MODEL))
sha1 = hashlib.sha1(MODEL).hexdigest()
pull("SHA-1", Mirror(quoted("ETag", lambda _: sha1)), blob=sha1, no_err="hash")
pull("X-Checksum", Mirror(lambda content: {"ETag": sha1, "X_Checksum_Sha256": sha256(content)}),
     blob=sha256(MODEL))
# A store that answers GET alone.
for status in (403, 405, 501):
    pull(f"HEAD {status}", Mirror(quoted("ETag", sha256), head=status), blob=sha256(MODEL))
# Sizes without hashes.
pull("sizes", Mirror(quoted("ETag", sha256), siblings=[{"rfilename": "m-Q8_0.gguf", "size": len(MODEL)}]),
     blob=sha256(MODEL))
# No hash anywhere: fetched, the bytes counted, and said once.
done = pull("no hash", Mirror(lambda _: {}), blob=sha256(MODEL),
            err="names no hash, so of what came only the number of bytes was checked")
case.same("lines of it", done.err.count("names no hash"), 1)
# Damage is found where a hash is, of either kind.
for value in (sha256, git_sha1, lambda content: hashlib.sha1(content).hexdigest()):
    pull("damage", Mirror(quoted("ETag", value), damaged=True), code=6, err="has the hash")
# Before anything is fetched.
done = pull("--dry-run", Mirror(quoted("ETag", sha256)), "--dry-run", "--json")
case.same("missing_bytes", done.json["missing_bytes"], len(MODEL))
case.same("hash", done.json["files"][0]["hash"], sha256(MODEL))
# The other ways to such a model.
mirror = Mirror(quoted("ETag", sha256))
with case.folder() as work:
    environment = mirror.environment(work)
    told = case.run("plan", "hf:owner/name:Q8_0", "--gpu", "h100", "--json", env=environment).json
    case.same("file_bytes", told["file_bytes"], len(MODEL))
    case.run("run", "hf:owner/name:Q8_0", "--pull", "--raw", "-p", "a", "-n", "1", env=environment)
    mirror.server.shutdown()
# A bundle carries hashes, whether the mirror had them or not.
for facts in (quoted("ETag", lambda _: sha1), lambda _: {}):
    mirror = Mirror(facts)
    with case.folder() as work:
        case.run("pull", "hf:owner/name:Q8_0", "--to", "bundle", env=mirror.environment(work))
        closed = {**mirror.environment(work), "HF_HUB_OFFLINE": "1"}
        mirror.server.shutdown()
        done = case.run("pull", "bundle", env=closed)
        case.check(pathlib.Path(done.out.strip()).read_bytes() == MODEL, "bundle: other bytes")
        (work / "bundle" / "m-Q8_0.gguf").write_bytes(MODEL[:-1] + b"x")
        case.run("pull", "bundle", "--dry-run", code=6, env=closed)
case.end()

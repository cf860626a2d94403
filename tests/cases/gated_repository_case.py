# SPDX-License-Identifier: Apache-2.0

"""A gated repository gives its files to accounts that have accepted its licence: 401 without a token, 403 with
one of another account. What to do is said, with the page and the variable."""
import http.server
import json
import threading

import case

COMMIT = "b" * 40
SHA256 = "c" * 64


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index_is_open = True

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        code, body = 403 if self.headers.get("Authorization") else 401, b""
        if self.path.startswith("/api/models/") and self.index_is_open:
            large = {"sha256": SHA256, "size": 1000}
            code, body = 200, json.dumps({
                "sha": COMMIT, "gated": "manual", "cardData": {"license": "gemma"},
                "siblings": [{"rfilename": "m-Q8_0.gguf", "size": 134, "blobId": "d" * 40, "lfs": large}]
            }).encode()
        self.send_response(code)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
# The list of files is open on the hub; elsewhere that may be closed as well.
for index_is_open in (True, False):
    Handler.index_is_open = index_is_open
    for token in ("", "hf_of_another_account"):
        with case.folder() as work:
            environment = {"HF_ENDPOINT": url, "HOME": str(work), "HF_HOME": str(work / "hf"),
                           "XDG_STATE_HOME": str(work), "XDG_CACHE_HOME": str(work), "HF_HUB_CACHE": "",
                           "HF_HUB_OFFLINE": "", "HF_TOKEN": token, "no_proxy": "127.0.0.1"}
            for verb in (("pull", "hf:owner/name"), ("plan", "hf:owner/name"),
                         ("run", "hf:owner/name", "--pull", "-p", "a"),
                         ("pull", "hf:owner/name", "--dry-run"),
                         ("pull", "hf:owner/name", "--to", "bundle")):
                done = case.run(*verb, code=7, env=environment, err="accept the licence")
                for part in (f"{url}/owner/name ", "HF_TOKEN", f"{url}/settings/tokens", "gated"):
                    case.check(part in done.err, f"{verb}: no {part!r} in {done.err!r}")
                case.check("hf_of_another" not in done.err, "the token is shown")
case.end()

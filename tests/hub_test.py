#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""`pull` as a user meets it, from a hub of our own, with huggingface_hub as the judge of the cache.

usage: hub_test.py ALTTEUL WRITE_TINY_MODEL [TEST...]
ALTTEUL_TEST_PYTHON names a Python that has huggingface_hub; without one, what needs it is skipped, and
says so.
"""
import hashlib
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

OTHER_PYTHON = os.environ.get("ALTTEUL_TEST_PYTHON")
if OTHER_PYTHON and OTHER_PYTHON != sys.executable and __name__ == "__main__":
    os.execv(OTHER_PYTHON, [OTHER_PYTHON, *sys.argv])

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
import hub_server  # noqa: E402

try:
    import huggingface_hub
except ImportError:
    huggingface_hub = None

ALTTEUL, WRITE_TINY_MODEL = sys.argv[1:3]
ID = "org/name"
GENERATOR = random.Random(1)
MODEL = GENERATOR.randbytes(3_000_001)
FILES = {"config.json": b'{"a": 1}', "q/m-Q4_0.gguf": MODEL, "m-Q8_0.gguf": GENERATOR.randbytes(200_000),
         "README.md": b"# A model\n", "empty.txt": b""}
FAULTS_WANTED = 300


def needs_huggingface_hub(test):
    return unittest.skipIf(huggingface_hub is None, "this Python has no huggingface_hub")(test)


class HubTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="altteul_hub_"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = self.folder / "hub"
        self.repository = hub_server.Repository(FILES)
        self.hub = hub_server.Hub({ID: self.repository})
        self.hub.__enter__()
        self.addCleanup(self.hub.__exit__)

    def environment(self, **more):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS", "OLLAMA", "XDG_"))}
        environment.update({"HOME": str(self.folder), "HF_HUB_CACHE": str(self.cache),
                            "HF_ENDPOINT": self.hub.url, "no_proxy": "127.0.0.1,localhost", **more})
        return environment

    def start(self, *arguments, **more):
        # A random model writes bytes that are no text.
        return subprocess.Popen([ALTTEUL, *arguments], env=self.environment(**more), text=True,
                                errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def pull(self, model, *options, **more):
        process = self.start("pull", model, *options, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def snapshot(self, name):
        return self.cache / "models--org--name" / "snapshots" / self.repository.commit / name

    def expect_whole(self, name, where=""):
        self.assertEqual(self.snapshot(name).read_bytes(), FILES[name], where)

    def expect_nothing_unfinished(self):
        blobs = self.cache / "models--org--name" / "blobs"
        names = {file.etag for file in self.repository.files.values()}
        self.assertLessEqual({path.name for path in blobs.iterdir()}, names)

    # --- pull ---

    def test_prints_the_path_and_says_what_it_fetches(self):
        code, out, err = self.pull(f"hf:{ID}:Q4_0")
        self.assertEqual(code, 0, err)
        self.assertEqual(out.strip(), str(self.snapshot("q/m-Q4_0.gguf")))
        self.assertIn("licence apache-2.0", err)
        self.assertIn("3.0 MB", err)
        self.expect_whole("q/m-Q4_0.gguf")
        self.expect_nothing_unfinished()

    def test_json_and_dry_run(self):
        code, out, err = self.pull(f"hf:{ID}:Q4_0", "--dry-run", "--json")
        self.assertEqual(code, 0, err)
        told = json.loads(out)
        self.assertEqual(told["missing_bytes"], len(MODEL))
        self.assertEqual(told["commit"], self.repository.commit)
        self.assertLessEqual(self.hub.sent_bytes, 1 << 20)  # where a header would be
        self.assertIn("it cannot be said whether it will run here", err)
        self.assertFalse(self.cache.exists())

    def test_offline_finds_what_is_there_and_nothing_else(self):
        self.assertEqual(self.pull(f"hf:{ID}:Q4_0")[0], 0)
        code, out, err = self.pull(f"hf:{ID}:Q4_0", HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
        self.assertEqual(code, 0, err)
        self.assertEqual(out.strip(), str(self.snapshot("q/m-Q4_0.gguf")))
        code, _, err = self.pull("hf:org/other", HF_HUB_OFFLINE="1")
        self.assertEqual(code, 3, err)

    def test_verbs_open_what_was_pulled_and_fetch_nothing(self):
        tiny = self.folder / "tiny.gguf"
        subprocess.run([WRITE_TINY_MODEL, "random", str(tiny)], check=True)
        self.hub.repositories["org/tiny"] = hub_server.Repository({"tiny-F32.gguf": tiny.read_bytes()})
        verbs = (["show", "hf:org/tiny"], ["tokenize", "hf:org/tiny", "-p", "a"],
                 ["run", "hf:org/tiny", "-p", "a", "-n", "2", "--raw"],
                 ["compress", "hf:org/tiny:F32", str(self.folder / "out.gguf"), "--type", "Q8_0"])
        for verb in verbs:
            process = self.start(*verb)
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 3, err)
            self.assertIn("altteul pull hf:org/tiny", err)
        self.assertEqual(self.hub.content_requests, 0)
        self.assertEqual(self.pull("hf:org/tiny")[0], 0)
        for verb in verbs:
            process = self.start(*verb, HF_ENDPOINT="http://127.0.0.1:9")
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, f"{verb}: {err}")

    def on_terminal(self, answer, *verb, **more):
        """Runs a verb as a person at a terminal does, who types `answer`; None: ends the input."""
        master, slave = pty.openpty()
        process = subprocess.Popen([ALTTEUL, *verb], env=self.environment(**more), stdin=slave,
                                   stdout=subprocess.PIPE, stderr=slave, close_fds=True)
        os.close(slave)
        seen = b""
        asked = False
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # the other end is gone
                break
            if not chunk:
                break
            seen += chunk
            if not asked and b"[Y/n]" in seen:
                asked = True
                os.write(master, b"\x04" if answer is None else answer.encode() + b"\n")
        out, _ = process.communicate(timeout=60)
        os.close(master)
        return process.returncode, out, seen.decode(errors="replace"), asked

    def test_verbs_offer_to_pull(self):
        tiny = self.tiny()
        self.hub.repositories["org/tiny"] = hub_server.Repository({"tiny-F32.gguf": tiny})
        run = ("run", "hf:org/tiny", "-p", "a", "-n", "2", "--raw")
        for no in ("n", "no", "what", None):
            code, out, err, asked = self.on_terminal(no, *run)
            self.assertTrue(asked, err)
            self.assertEqual((code, out), (3, b""), err)
            self.assertIn("nothing was fetched", err)
        self.assertEqual(self.hub.content_requests, 0)
        self.assertFalse(self.cache.exists())
        code, _, err, asked = self.on_terminal("", *run)
        self.assertEqual((code, asked), (0, True), err)
        self.assertIn(f"fetch {len(tiny) / 1000:.1f} kB now?", err)
        self.assertIn("licence apache-2.0", err)
        # It is there now, and rm knows it as ours.
        code, out, err, asked = self.on_terminal("", *run, HF_ENDPOINT="http://127.0.0.1:9")
        self.assertEqual((code, asked), (0, False), err)
        code, _, err = self.run_verb("rm", "hf:org/tiny", "--yes")
        self.assertEqual(code, 0, err)

    def test_pull_as_an_option(self):
        self.hub.repositories["org/tiny"] = hub_server.Repository({"tiny-F32.gguf": self.tiny()})
        for verb in (["run", "hf:org/tiny", "-p", "a", "-n", "2", "--raw"], ["show", "hf:org/tiny"],
                     ["tokenize", "hf:org/tiny", "-p", "a"],
                     ["compress", "hf:org/tiny:F32", str(self.folder / "out.gguf"), "--type", "Q8_0",
                      "--force"]):
            shutil.rmtree(self.cache, ignore_errors=True)
            code, _, err = self.run_verb(*verb)
            self.assertEqual(code, 3, err)
            self.assertIn("altteul pull hf:org/tiny", err)
            self.assertIn("--pull", err)
            code, _, err = self.run_verb(*verb, "--pull", HF_HUB_OFFLINE="1")
            self.assertEqual(code, 3, err)
            self.assertIn("HF_HUB_OFFLINE", err)
            code, out, err = self.run_verb(*verb, "--pull")
            self.assertEqual(code, 0, f"{verb}: {err}")
            self.assertNotIn("[Y/n]", err)
            # Nobody is asked twice, and nothing is.
            code, _, err = self.run_verb(*verb, "--pull", HF_ENDPOINT="http://127.0.0.1:9")
            self.assertEqual(code, 0, f"{verb}: {err}")
        code, _, err = self.run_verb("run", "hf:org/none", "--pull", "-p", "a")
        self.assertEqual(code, 3, err)
        self.assertIn("there is no org/none", err)
        code, _, err, asked = self.on_terminal("", "run", "hf:org/tiny", "-p", "a", HF_HUB_OFFLINE="1",
                                               HF_HUB_CACHE=str(self.folder / "other"))
        self.assertEqual((code, asked), (3, False), err)

    def tiny(self):
        path = self.folder / "tiny.gguf"
        subprocess.run([WRITE_TINY_MODEL, "random", str(path)], check=True)
        return path.read_bytes()

    def run_verb(self, *verb, **env):
        process = self.start(*verb, **env)
        out, err = process.communicate(timeout=300)  # a first plan measures the machine
        return process.returncode, out, err

    def test_plan_knows_a_model_by_its_header(self):
        # As if there were more weights, which nobody looks at.
        content = self.tiny() + bytes(5_000_000)
        self.hub.repositories["org/tiny"] = hub_server.Repository({"tiny-F32.gguf": content})
        code, out, err = self.run_verb("plan", "hf:org/tiny", "--json")
        self.assertEqual(code, 0, err)
        told = json.loads(out)
        self.assertEqual(told["file_bytes"], len(content))
        self.assertEqual(told["architecture"], "llama")
        self.assertLessEqual(told["fetched_bytes"], 1 << 20)
        self.assertEqual(self.hub.sent_bytes, told["fetched_bytes"])
        self.assertFalse(self.cache.exists())
        # The header is not fetched again by the pull that says the verdict.
        code, _, err = self.pull("hf:org/tiny")
        self.assertEqual(code, 0, err)
        self.assertIn("fits", err)
        self.assertEqual(self.hub.sent_bytes, told["fetched_bytes"] + len(content))
        code, out, err = self.run_verb("plan", "hf:org/tiny", "--json",
                                       HF_ENDPOINT="http://127.0.0.1:9")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["memory"]["weight_bytes"], told["memory"]["weight_bytes"])

    def test_ls_and_rm(self):
        self.hub.repositories["org/tiny"] = hub_server.Repository(
            {"tiny-F32.gguf": self.tiny(), "README.md": b"words"})
        self.assertEqual(self.pull("hf:org/tiny")[0], 0)
        code, out, err = self.run_verb("ls", "--json")
        self.assertEqual(code, 0, err)
        models = json.loads(out)["models"]
        self.assertEqual([model["name"] for model in models], ["hf:org/tiny:tiny-F32.gguf"])
        # Another program's file in the same repository.
        other = self.cache / "models--org--tiny"
        commit = self.hub.repositories["org/tiny"].commit
        (other / "blobs" / ("0" * 40)).write_bytes(b"theirs")
        (other / "snapshots" / commit / "theirs.bin").symlink_to("../../blobs/" + "0" * 40)
        code, _, err = self.run_verb("rm", "hf:org/tiny")
        self.assertEqual(code, 7, err)  # nobody can be asked
        code, out, err = self.run_verb("rm", "hf:org/tiny", "--dry-run", "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(json.loads(out)["would_be_removed"]), 1)
        code, _, err = self.run_verb("rm", "hf:org/tiny", "--yes")
        self.assertEqual(code, 0, err)
        self.assertIn("stays: another program fetched it", err)
        self.assertEqual(sorted(path.name for path in (other / "blobs").iterdir()), ["0" * 40])
        self.assertTrue((other / "snapshots" / commit / "theirs.bin").exists())
        code, _, err = self.run_verb("rm", "hf:org/tiny", "--yes")
        self.assertEqual(code, 7, err)
        for model, expected in (("hf:org/none", 3), ("file.gguf", 7), ("ollama:x", 7)):
            self.assertEqual(self.run_verb("rm", model, "--yes")[0], expected, model)

    def test_a_bundle_goes_into_a_closed_network(self):
        self.hub.repositories["org/tiny"] = hub_server.Repository({"tiny-F32.gguf": self.tiny()})
        bundle = self.folder / "bundle"
        code, out, err = self.pull("hf:org/tiny", "--to", str(bundle))
        self.assertEqual(code, 0, err)
        self.assertFalse(self.cache.exists())
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=bundle, check=True)
        closed = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
        self.assertEqual(self.pull(str(bundle), "--dry-run", **closed)[0], 0)
        code, out, err = self.pull(str(bundle), **closed)
        self.assertEqual(code, 0, err)
        code, _, err = self.run_verb("run", "hf:org/tiny", "-p", "a", "-n", "2", "--raw", **closed)
        self.assertEqual(code, 0, err)
        damaged = bytearray((bundle / "tiny-F32.gguf").read_bytes())
        damaged[-1] ^= 1
        (bundle / "tiny-F32.gguf").write_bytes(damaged)
        self.assertEqual(self.pull(str(bundle), "--dry-run", **closed)[0], 6)

    def test_a_file_of_any_server(self):
        url = f"{self.hub.url}/{ID}/resolve/{self.repository.commit}/q/m-Q4_0.gguf"
        code, out, err = self.pull(url)  # a link of the hub itself
        self.assertEqual(code, 0, err)
        self.assertEqual(out.strip(), str(self.snapshot("q/m-Q4_0.gguf")))
        to = self.folder / "files"
        other = {"HF_ENDPOINT": "http://127.0.0.1:9"}
        sha256 = self.repository.files["q/m-Q4_0.gguf"].sha256
        code, out, err = self.pull(url, "--to", str(to), "--sha256", sha256, **other)
        self.assertEqual(code, 0, err)
        self.assertEqual((to / "m-Q4_0.gguf").read_bytes(), MODEL)
        self.assertEqual(self.pull(url, "--to", str(to), **other)[0], 7)  # is there
        code, _, err = self.pull(url, "--to", str(self.folder / "g"), "--sha256", "0" * 64, **other)
        self.assertEqual(code, 6, err)
        self.assertFalse((self.folder / "g" / "m-Q4_0.gguf").exists())

    def test_what_other_programs_keep_is_opened(self):
        home = self.folder / "home"
        tiny = self.tiny()
        sha256 = hashlib.sha256(tiny).hexdigest()
        blobs = home / ".ollama/models/blobs"
        blobs.mkdir(parents=True)
        (blobs / f"sha256-{sha256}").write_bytes(tiny)
        manifest = home / ".ollama/models/manifests/registry.ollama.ai/library/tiny/latest"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"layers": [
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{sha256}"}]}))
        lms = home / ".lmstudio/models/pub/tiny"
        lms.mkdir(parents=True)
        (lms / "tiny.gguf").write_bytes(tiny)
        env = {"HOME": str(home), "XDG_CACHE_HOME": str(self.folder / "xdg")}
        for name in ("ollama:tiny", "lms:pub/tiny"):
            code, _, err = self.run_verb("run", name, "-p", "a", "-n", "2", "--raw", **env)
            self.assertEqual(code, 0, err)
        code, out, err = self.run_verb("ls", "--json", **env)
        self.assertEqual([model["name"] for model in json.loads(out)["models"]],
                         ["ollama:tiny:latest", "lms:pub/tiny/tiny.gguf"], err)

    def test_what_is_not_there(self):
        for model, part in (("hf:org/other", "there is no org/other"),
                            (f"hf:{ID}:Q2_K", "there are m-Q8_0.gguf, q/m-Q4_0.gguf"),
                            (f"hf:{ID}@nowhere", "there is no org/name@nowhere")):
            code, _, err = self.pull(model)
            self.assertEqual(code, 3, err)
            self.assertIn(part, err)

    def test_names_that_are_more_than_names(self):
        for model in ("hf:../etc", "hf:org/..", "hf:org/na%2fme", "hf:org/name:../x", "hf:org/a\nb",
                      "hf:org/name@../../x", "hf:", "hf:org/name:", "org/name", "hf:a/b/c"):
            code, _, err = self.pull(model)
            self.assertEqual(code, 2, f"{model!r}: {err}")
        self.assertFalse(self.cache.exists())

    def test_a_full_disk(self):
        mount = self.folder / "small"
        mount.mkdir()
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(mount)],
                stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("needs to mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", str(mount)], check=False)
        code, _, err = self.pull(f"hf:{ID}:Q4_0", HF_HUB_CACHE=str(mount / "hub"))
        self.assertEqual(code, 4, err)
        self.assertIn("3,000,001 bytes are to be fetched", err)
        self.assertEqual(self.hub.content_requests, 0)

    def test_a_read_only_disk(self):
        self.hub.repositories["org/tiny"] = hub_server.Repository({"tiny-F32.gguf": self.tiny()})
        disk = self.folder / "disk"
        disk.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)],
                                               stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("needs to mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=False)
        there = {"HF_HUB_CACHE": str(disk / "hub"), "XDG_CACHE_HOME": str(disk / "xdg")}
        self.assertEqual(self.pull("hf:org/tiny", **there)[0], 0)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        before = self.hub.content_requests
        # What is there is of use as it is, also to a pull.
        self.assertEqual(self.pull("hf:org/tiny", **there)[0], 0)
        code, _, err = self.run_verb("run", "hf:org/tiny", "-p", "a", "-n", "2", "--raw", **there)
        self.assertEqual(code, 0, err)
        code, out, err = self.run_verb("ls", "--json", **there)
        self.assertEqual(len(json.loads(out)["models"]), 1, err)
        code, _, err = self.run_verb("plan", "hf:org/tiny", **there)
        self.assertEqual(code, 0, err)
        self.assertEqual(self.hub.content_requests, before)
        # What would have to be written is refused, and nothing is taken away.
        self.assertEqual(self.run_verb("rm", "hf:org/tiny", "--yes", **there)[0], 1)
        self.assertEqual(self.run_verb("ls", "--json", **there)[1], out)
        for where in ((), ("--to", str(disk / "bundle"))):
            code, _, err = self.pull(f"hf:{ID}:Q4_0", *where, **there)
            self.assertEqual(code, 1, err)
            self.assertIn("Read-only file system", err)
        self.assertEqual(self.hub.content_requests, before + 2, "the header, for the verdict")

    def test_wrong_bytes_never_get_their_name(self):
        self.hub.fault = lambda path: "wrong_byte"
        code, _, err = self.pull(f"hf:{ID}:Q4_0")
        self.assertEqual(code, 6, err)
        self.assertFalse(self.snapshot("q/m-Q4_0.gguf").exists())
        self.expect_nothing_unfinished()

    # Every fault in turn and at random, kill -9 among them: whole and verified, or a clear error.
    def test_faults_at_random(self):
        chance = random.Random(2)
        kinds = ("drop", "stall", "busy", "other_range", "other_total", "truncated")
        n_faults = n_kills = n_errors = n_whole = n_resumed = 0
        while n_faults < FAULTS_WANTED:
            shutil.rmtree(self.cache, ignore_errors=True)
            self.hub.sent_bytes = self.hub.faults_done = 0
            lock = threading.Lock()

            def fault(_path):
                with lock:
                    return chance.choice(kinds) if chance.random() < 0.5 else None

            self.hub.fault = fault
            kills = chance.randrange(4)
            for _ in range(kills):
                process = self.start("pull", f"hf:{ID}:Q4_0")
                time.sleep(chance.random() * 0.1)
                process.send_signal(signal.SIGKILL)
                process.communicate()
            code, out, err = self.pull(f"hf:{ID}:Q4_0", "--stall-timeout", "1", "--json")
            n_kills += kills
            n_faults += self.hub.faults_done + kills
            if code == 0:
                n_whole += 1
                self.expect_whole("q/m-Q4_0.gguf", err)
                self.expect_nothing_unfinished()
                received = json.loads(out)["received_bytes"]
                self.assertLessEqual(received, len(MODEL) * 1.01)
                n_resumed += received < len(MODEL)
            else:
                n_errors += 1
                self.assertEqual(code, 5, err)
                self.assertFalse(self.snapshot("q/m-Q4_0.gguf").exists())
        print(f"{n_faults} faults, {n_kills} of them kills: {n_whole} whole, {n_resumed} of them "
              f"begun by one that was killed, {n_errors} errors")
        self.assertGreater(n_whole, 0)

    # --- one cache for two programs ---

    def hf(self, expression, **more):
        """Runs huggingface_hub in a process of its own."""
        code = f"import huggingface_hub as h\nprint({expression})"
        return subprocess.run([sys.executable, "-c", code], env=self.environment(**more), text=True,
                              capture_output=True, check=False, timeout=120)

    @needs_huggingface_hub
    def test_huggingface_hub_sees_what_we_fetched(self):
        self.assertEqual(self.pull(f"hf:{ID}:Q4_0")[0], 0)
        self.assertEqual(self.pull(f"hf:{ID}:config.json")[0], 0)
        before = self.hub.content_requests
        for name in ("q/m-Q4_0.gguf", "config.json"):
            for more in ({}, {"HF_HUB_OFFLINE": "1"}):
                seen = self.hf(f"h.hf_hub_download('{ID}', '{name}')", **more)
                self.assertEqual(seen.stdout.strip(), str(self.snapshot(name)), seen.stderr)
        self.assertEqual(self.hub.content_requests, before, "it fetched nothing")
        scanned = self.hf("[(len(r.revisions), r.nb_files, r.size_on_disk) for r in "
                          "h.scan_cache_dir().repos], h.scan_cache_dir().warnings")
        self.assertEqual(scanned.stdout.strip(), f"[(1, 2, {len(MODEL) + 8})] []", scanned.stderr)

    @needs_huggingface_hub
    def test_we_see_what_huggingface_hub_fetched(self):
        fetched = self.hf(f"h.hf_hub_download('{ID}', 'q/m-Q4_0.gguf')")
        self.assertEqual(fetched.stdout.strip(), str(self.snapshot("q/m-Q4_0.gguf")), fetched.stderr)
        before = self.hub.content_requests
        code, out, err = self.pull(f"hf:{ID}:Q4_0")
        self.assertEqual(code, 0, err)
        self.assertEqual(out.strip(), str(self.snapshot("q/m-Q4_0.gguf")))
        self.assertIn("all of it", err)
        self.assertEqual(self.hub.content_requests, before)

    @needs_huggingface_hub
    def test_both_at_once(self):
        for _ in range(5):
            shutil.rmtree(self.cache, ignore_errors=True)
            results = []
            theirs = threading.Thread(target=lambda: results.append(
                self.hf(f"h.snapshot_download('{ID}')")))
            theirs.start()
            for name in ("Q4_0", "Q8_0", "config.json", "README.md", "empty.txt"):
                code, _, err = self.pull(f"hf:{ID}:{name}")
                self.assertEqual(code, 0, err)
            theirs.join()
            self.assertEqual(results[0].returncode, 0, results[0].stderr)
            for name in FILES:
                self.expect_whole(name)
            self.expect_nothing_unfinished()
            self.assertEqual(self.hf("h.scan_cache_dir().warnings").stdout.strip(), "[]")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

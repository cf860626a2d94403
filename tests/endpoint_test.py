#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""`eval --tasks` as a user meets it, with a server of our own behind --endpoint.

usage: endpoint_test.py ALTTEUL WRITE_TINY_MODEL MAKE_QUESTIONS
The server's path chooses what it does: /good/v1 answers, /busy/v1 says 429 first, /slow/v1 ...
"""
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ALTTEUL, WRITE_TINY_MODEL, MAKE_QUESTIONS = sys.argv[1:4]
KEY = "sk-secret-123"
QUESTIONS = [
    {"id": "first", "question": "Which letter is first?", "choices": ["a", "b", "c"], "answer": 0},
    {"id": "next", "prompt": "abc", "choices": ["xyz", "def"], "answer": "def", "delimiter": ""},
    {"id": "words", "prompt": "abc", "answer": "defghijklmnopqrstuvwxyz"},
]


class Handler(http.server.BaseHTTPRequestHandler):
    """Replies by the first part of the path and remembers what it was asked."""
    protocol_version = "HTTP/1.1"
    requests: list = []
    busy = 0

    def log_message(self, *_):
        pass

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # the client has seen enough
            self.close_connection = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Handler.requests.append((self.path, dict(self.headers), body))
        getattr(self, "serve_" + self.path.split("/")[1])(body["messages"][0]["content"])

    def answer(self, text) -> None:
        self.reply(200, json.dumps({
            "choices": [{"message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2}}).encode())

    def serve_good(self, content: str) -> None:
        if "Which letter" in content:
            self.answer("A) a")
        else:
            self.answer("It may be B." if "A) " in content else "defg.")

    def serve_busy(self, content: str) -> None:
        Handler.busy += 1
        if Handler.busy == 1:
            self.reply(429, b"{}", Retry_After="1")
        else:
            self.serve_good(content)

    def serve_malformed(self, _) -> None:
        self.reply(200, b'{"choices": [{"mess')

    def serve_slow(self, _) -> None:
        time.sleep(3)
        self.close_connection = True

    def serve_huge(self, _) -> None:
        self.reply(200, b" " * (20 << 20))

    def serve_gone(self, _) -> None:
        self.close_connection = True

    def serve_denied(self, _) -> None:
        self.reply(401, json.dumps({"error": {"message": f"no such key: {KEY}"}}).encode())

    def serve_echo(self, _) -> None:
        self.answer(f"B {KEY}")

    def serve_missing(self, _) -> None:
        self.reply(404, b'{"error": {"message": "no such model"}}')


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that break off are what is tested; nothing to tell."""


class EndpointTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="altteul_endpoint_")
        cls.work = pathlib.Path(cls.folder.name)
        for kind in ("nobos", "random"):
            subprocess.run([WRITE_TINY_MODEL, kind, cls.work / f"{kind}.gguf"], check=True)
        (cls.work / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS))
        cls.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        cls.folder.cleanup()

    def setUp(self):
        Handler.requests.clear()
        Handler.busy = 0

    def run_eval(self, *arguments: str, key: str = KEY) -> subprocess.CompletedProcess:
        environment = {name: value for name, value in os.environ.items()
                       if not name.lower().endswith(("_proxy", "api_key"))}
        if key:
            environment["OPENAI_API_KEY"] = key
        done = subprocess.run([ALTTEUL, "eval", "nobos.gguf", "-t", "1", *arguments],
                              cwd=self.work, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertNotIn(KEY, done.stdout + done.stderr)
        if done.returncode != 0:
            self.assertEqual(done.stdout, "", "an error, but something on standard output")
        return done

    def run_endpoint(self, kind: str, *arguments: str, **more) -> subprocess.CompletedProcess:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/{kind}"
        return self.run_eval("--tasks", "q.jsonl", "--endpoint", url, "--endpoint-model", "rich",
                             *arguments, **more)

    def expect(self, done: subprocess.CompletedProcess, code: int, *parts: str) -> None:
        self.assertEqual(done.returncode, code, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    # ---- questions alone ----

    def test_summary_and_answers_of_a_model(self):
        done = self.run_eval("--tasks", "q.jsonl", "--json", "--answers", "a.jsonl")
        self.expect(done, 0)
        summary = json.loads(done.stdout)
        self.assertEqual(summary["questions"], 3)
        self.assertEqual(summary["model"]["choice"]["n"], 2)
        self.assertEqual(summary["model"]["exact"]["right"], 1)
        lines = [json.loads(line) for line in (self.work / "a.jsonl").read_text().splitlines()]
        self.assertEqual([line["id"] for line in lines], ["first", "next", "words"])
        self.assertEqual(lines[1]["answer"], 1)
        self.assertEqual(lines[1]["model"]["choice"], 1)
        self.assertTrue(lines[1]["model"]["right"])
        self.assertEqual(len(lines[1]["model"]["log_probabilities"]), 2)
        self.assertEqual(lines[2]["model"]["text"], "defghijklmnopqrstuvwxyz")

    def test_a_model_does_not_flip_against_itself(self):
        done = self.run_eval("--tasks", "q.jsonl", "--reference", "nobos.gguf", "--json")
        self.expect(done, 0)
        for flips in json.loads(done.stdout)["model_against_reference"].values():
            self.assertEqual((flips["right_to_wrong"], flips["wrong_to_right"]), (0, 0))
            self.assertEqual(flips["mcnemar_p"], 1)

    def test_flips_against_another_model_are_told(self):
        done = self.run_eval("--tasks", "q.jsonl", "--reference", "random.gguf", "--json")
        self.expect(done, 0)
        flips = json.loads(done.stdout)["model_against_reference"]["exact"]
        self.assertEqual((flips["right_to_wrong"], flips["wrong_to_right"]), (0, 1))
        table = self.run_eval("--tasks", "q.jsonl", "--reference", "random.gguf")
        self.assertRegex(table.stdout, r"reference +in words +0 +1 ")

    def test_the_first_questions_only(self):
        done = self.run_eval("--tasks", "q.jsonl", "--max-questions", "1", "--json")
        self.assertEqual(json.loads(done.stdout)["questions"], 1)

    def test_wrong_options_and_files(self):
        self.expect(self.run_eval(), 2, "--text", "--tasks")
        self.expect(self.run_eval("--tasks", "q.jsonl", "--text", "q.jsonl"), 2, "--tasks")
        self.expect(self.run_eval("--endpoint", "http://h", "--endpoint-model", "m"), 2, "--tasks")
        self.expect(self.run_eval("--tasks", "q.jsonl", "--endpoint", "http://h"), 2,
                    "--endpoint-model")
        self.expect(self.run_eval("--tasks", "none.jsonl"), 3, "none.jsonl")
        self.expect(self.run_eval("--tasks", "q.jsonl", "-c", "20"), 4, "line 3", "context")
        (self.work / "bad.jsonl").write_text('\n{"prompt": "a", "answer": 5}\n')
        self.expect(self.run_eval("--tasks", "bad.jsonl"), 6, "bad.jsonl:2", "'answer'")
        self.expect(self.run_eval("--tasks", "q.jsonl", "--answers", "none/a.jsonl"), 3, "none")

    def test_made_questions_are_the_same_each_time_and_can_be_asked(self):
        (self.work / "text.txt").write_text(" ".join(
            f"Sentence number {n} says that thing {n * n} is not the thing {n + 7}."
            for n in range(60)))
        command = [sys.executable, MAKE_QUESTIONS, "--count", "20", "text.txt"]
        made = [subprocess.run(command, cwd=self.work, capture_output=True, check=True).stdout
                for _ in range(2)]
        self.assertEqual(made[0], made[1])
        (self.work / "made.jsonl").write_bytes(made[0])
        done = self.run_eval("--tasks", "made.jsonl", "--json")
        self.expect(done, 0)
        self.assertEqual(json.loads(done.stdout)["model"]["choice"]["n"], 20)

    # ---- with an endpoint ----

    def test_a_server_is_held_beside_the_model(self):
        done = self.run_endpoint("good", "--yes", "--json", "--answers", "a.jsonl", "--price-in",
                                 "2", "--price-out", "8")
        self.expect(done, 0, "3 questions", "OPENAI_API_KEY", "/good/v1/chat/completions",
                    "at most", "nothing else is sent")
        summary = json.loads(done.stdout)
        endpoint = summary["endpoint"]
        self.assertEqual((endpoint["choice"]["right"], endpoint["choice"]["n"]), (1, 2))
        self.assertEqual(endpoint["unreadable"], 1)
        self.assertEqual(endpoint["exact"]["right"], 0)
        self.assertEqual((endpoint["tokens_sent"], endpoint["tokens_received"]), (30, 6))
        self.assertEqual(summary["model_against_endpoint"]["exact"]["wrong_to_right"], 1)
        self.assertEqual(len(Handler.requests), 3)
        path, headers, body = Handler.requests[0]
        self.assertEqual(path, "/good/v1/chat/completions")
        self.assertEqual(headers["Authorization"], f"Bearer {KEY}")
        self.assertEqual(body["model"], "rich")
        self.assertEqual((body["temperature"], body["stream"]), (0, False))
        self.assertIn("A) a\nB) b\nC) c\n", body["messages"][0]["content"])
        lines = [json.loads(line) for line in (self.work / "a.jsonl").read_text().splitlines()]
        self.assertEqual(lines[0]["endpoint"]["choice"], 0)
        self.assertIsNone(lines[1]["endpoint"]["choice"])

    def test_what_was_announced_is_what_is_sent(self):
        done = self.run_endpoint("good", "--yes")
        sent = sum(int(headers["Content-Length"]) for _, headers, _ in Handler.requests)
        self.expect(done, 0, f"3 questions, {sent:,} bytes")
        self.assertRegex(done.stdout, r"In 1 answer of the endpoint no letter could be read")

    def test_nothing_is_sent_without_a_yes(self):
        self.expect(self.run_endpoint("good"), 7, "nothing was sent", "--yes")
        self.assertEqual(Handler.requests, [])

    def test_what_fails_here_fails_before_anything_is_sent(self):
        self.expect(self.run_endpoint("good", "--yes", "-c", "20"), 4)
        self.expect(self.run_endpoint("good", "--yes", "--reference", "none.gguf"), 3)
        self.expect(self.run_endpoint("good", "--yes", key="sk bad"), 2, "the key")
        self.assertEqual(Handler.requests, [])

    def test_without_a_key_none_is_sent(self):
        self.expect(self.run_endpoint("good/v1", "--yes", key=""), 0, "no key")
        self.assertNotIn("Authorization", Handler.requests[0][1])

    def test_a_busy_server_is_asked_again(self):
        self.expect(self.run_endpoint("busy", "--yes"), 0)
        self.assertEqual(len(Handler.requests), 4)
        Handler.busy = 0
        self.expect(self.run_endpoint("busy", "--yes", "--retries", "0"), 5, "429")

    def test_network_trouble_ends_with_5_and_names_the_url(self):
        for kind, reason in (("malformed", "no chat completion"), ("huge", "bytes"),
                             ("gone", "")):
            done = self.run_endpoint(kind, "--yes", "--retries", "0")
            self.expect(done, 5, f"/{kind}/v1/chat/completions", reason)
        started = time.monotonic()
        self.expect(self.run_endpoint("slow", "--yes", "--retries", "0", "--timeout", "0.5"), 5,
                    "/slow/v1")
        self.assertLess(time.monotonic() - started, 3, "did not wait for the answer")
        done = self.run_eval("--tasks", "q.jsonl", "--endpoint", "http://127.0.0.1:1",
                             "--endpoint-model", "m", "--yes", "--retries", "0")
        self.expect(done, 5, "http://127.0.0.1:1/v1")

    def test_a_refusal_is_told_in_the_servers_words_without_the_key(self):
        self.expect(self.run_endpoint("denied", "--yes"), 7, "401", "no such key: ***")
        self.expect(self.run_endpoint("missing", "--yes"), 3, "404", "no such model")

    def test_a_server_that_repeats_the_key_does_not_bring_it_into_files(self):
        self.expect(self.run_endpoint("echo", "--yes", "--answers", "a.jsonl"), 0)
        self.assertNotIn(KEY, (self.work / "a.jsonl").read_text())

    def test_no_answers_file_is_left_by_a_failure(self):
        (self.work / "kept.jsonl").write_text("old\n")
        self.expect(self.run_endpoint("malformed", "--yes", "--answers", "kept.jsonl"), 5)
        self.assertEqual((self.work / "kept.jsonl").read_text(), "old\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

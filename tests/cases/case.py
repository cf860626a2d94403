# SPDX-License-Identifier: Apache-2.0

"""What the cases share. A case is a file `<name>_case.py`: something that an owner of a model met
and other programs got wrong, the smallest input that has it, and the right answer with its source.

    with case.folder() as work:
        model = case.tiny_llama()
        model.values["tokenizer.ggml.padding_token_id"] = gguf.u32(32000)
        model.write("m.gguf")
        done = case.run("run", "m.gguf", "-p", "Hello", "--raw", "--json")
        case.same("ids", done.json["ids"], [57, 154, 81, 32])
    case.end()

Run by CTest as `python3 <name>_case.py ALTTEUL`.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf

HERE = pathlib.Path(__file__).resolve().parent
ALTTEUL = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "altteul"
_failures = []


def tiny_llama():
    """A llama of two layers with a byte-level vocabulary of 272 tokens, random weights in F16."""
    return gguf.read(model_path("tiny_llama.gguf"))


def model_path(name):
    return str(HERE / "models" / name)


@contextlib.contextmanager
def folder():
    """An empty folder that is the current one, and goes afterwards."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="altteul_case_") as path:
        os.chdir(path)
        try:
            yield pathlib.Path(path)
        finally:
            os.chdir(before)


class Done:
    def __init__(self, command, result):
        self.command = command
        self.code = result.returncode
        self.bytes = result.stdout
        self.out = result.stdout.decode(errors="replace")
        self.err = result.stderr.decode(errors="replace")

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            fail(f"{self.command}: no JSON on standard output: {self.out[:400]!r}; "
                 f"standard error: {self.err[:800]!r}")
            return {}


def run(*arguments, code=0, err=None, no_err=None, stdin=None, env=None):
    """Runs the program. `code`: the exit code that is right; `err`, `no_err`: a text that standard
    error must hold, or must not."""
    command = " ".join(["altteul", *map(str, arguments)])
    result = subprocess.run([ALTTEUL, *map(str, arguments)], capture_output=True, timeout=120,
                            input=stdin, env={**os.environ, **(env or {})},
                            **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    done = Done(command, result)
    if code is not None and done.code != code:
        fail(f"{command}: exit code {done.code}, not {code}; standard error: {done.err[:800]!r}")
    if err is not None and err not in done.err:
        fail(f"{command}: no {err!r} on standard error: {done.err[:800]!r}")
    if no_err is not None and no_err in done.err:
        fail(f"{command}: {no_err!r} on standard error: {done.err[:800]!r}")
    return done


def same(what, found, wanted):
    if found != wanted:
        fail(f"{what}: {found!r}, not {wanted!r}")


def check(holds, what):
    if not holds:
        fail(what)


def fail(what):
    _failures.append(what)
    print("FAILED:", what)


def end():
    sys.exit(1 if _failures else 0)

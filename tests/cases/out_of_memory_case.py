# SPDX-License-Identifier: Apache-2.0

"""Where the system gives no more memory, or no more threads, the program says so and ends with the exit code for
it (docs/commands.md), wherever it was; it is not ended by an exception that nobody took.

A limit on the address space (ulimit -v) stands for a small machine: a text that does not fit, and the stacks of
many threads, of which each takes 8 MiB of it.
"""
import subprocess
import sys

import case

NOT_ENOUGH_MEMORY = 8
LIMIT_KIB = 600 << 10


def limited(*arguments):
    return subprocess.run(["bash", "-ec", f"ulimit -s 8192; ulimit -v {LIMIT_KIB}; exec \"$@\"", "bash",
                           case.ALTTEUL, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=120)


def refused(what, sentence, *arguments):
    done = limited(*arguments)
    case.same(f"{what}: exit code; {done.stderr[-400:]}", done.returncode, NOT_ENOUGH_MEMORY)
    case.check("Not enough memory" in done.stderr and sentence in done.stderr, f"{what}: {done.stderr[-400:]!r}")


if limited("--version").returncode != 0:
    print("SKIPPED: under a sanitizer the program does not even start with so little address space")
    sys.exit(0)
MODEL = case.model_path("tiny_llama.gguf")
with case.folder() as work:
    with open("long.txt", "wb") as text:
        text.truncate(1 << 30)
    refused("a text of 1 GiB", "the system gave no more memory", "tokenize", MODEL, "-f", "long.txt")
    refused("200 threads", "the system starts no more threads", "run", MODEL, "-p", "Hello", "--raw", "-n", "1",
            "-t", "200")
    done = limited("run", MODEL, "-p", "Hello", "--raw", "-n", "1", "-t", "2")
    case.same(f"two threads: {done.stderr}", done.returncode, 0)
case.end()

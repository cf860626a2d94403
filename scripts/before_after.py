#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Measures two models with the program and prints them side by side.

usage: before_after.py --program ALTTEUL --text FILE --prompt TEXT [--threads N] BEFORE AFTER

Perplexity and KL divergence are those of `altteul eval` against BEFORE computed in f32, so that
BEFORE's own column shows what the fast arithmetic alone costs. Memory is the most that `altteul
run` held at once, the mapped file included. Only Python's own library is used.
"""
import argparse
import json
import os
import subprocess
import sys
import textwrap

ANSWER_TOKENS = 100
LABEL_WIDTH, CELL_WIDTH = 34, 22


def measure(command: list[str]) -> tuple[dict, int]:
    """The command's JSON and the most memory it held [bytes]."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        output = process.stdout.read()
        # wait4 instead of wait: it brings this child's figures, not those of all children.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        print(f"{' '.join(command)} ended with {process.returncode}", file=sys.stderr)
        sys.exit(process.returncode if process.returncode > 0 else 1)
    return json.loads(output), usage.ru_maxrss * 1024


def measure_model(options: argparse.Namespace, model: str) -> dict:
    threads = ["-t", str(options.threads)]
    program = options.program
    print(f"measuring {os.path.basename(model)} ...", file=sys.stderr, flush=True)
    shown, _ = measure([program, "show", model, "--json"])
    answer, memory_bytes = measure([program, "run", model, "-p", options.prompt, "-n",
                                    str(ANSWER_TOKENS), "--temp", "0", "--json", *threads])
    judged, _ = measure([program, "eval", model, "--reference", options.before, "--text",
                         options.text, "--json", *threads])
    speed, _ = measure([program, "bench", model, "-p", "512", "-n", "128", "-r", "3", "--json",
                        *threads])
    return {"show": shown, "answer": answer["text"], "memory_bytes": memory_bytes, "eval": judged,
            "speed": speed}


def rows_of(model: dict) -> list[tuple[str, str]]:
    shown, judged, speed = model["show"], model["eval"], model["speed"]
    return [
        ("file [MB]", f"{shown['file_bytes'] / 1e6:.1f}"),
        ("bits a weight", f"{shown['bits_per_weight']:.2f}"),
        ("perplexity", f"{judged['perplexity']:.3f}"),
        ("KL from the original [nats]", f"{judged['kld_mean']:.4f} +/- {judged['kld_stderr']:.4f}"),
        ("  of the weights alone", f"{judged['kld_weights']:.4f}"),
        ("same top token [%]", f"{100 * judged['same_top']:.1f}"),
        ("prompt [tokens/s]", f"{speed['pp512']['median']:.0f}"),
        ("answer [tokens/s]", f"{speed['tg128']['median']:.0f}"),
        ("memory while answering [MB]", f"{model['memory_bytes'] / 1e6:.0f}"),
    ]


def print_table(before: dict, after: dict) -> None:
    print(f"{'':{LABEL_WIDTH}}{'before':>{CELL_WIDTH}}{'after':>{CELL_WIDTH}}")
    print("-" * (LABEL_WIDTH + 2 * CELL_WIDTH))
    for (label, left), (_, right) in zip(rows_of(before), rows_of(after)):
        print(f"{label:{LABEL_WIDTH}}{left:>{CELL_WIDTH}}{right:>{CELL_WIDTH}}")


def print_answer(title: str, text: str) -> None:
    print(f"\n{title}:")
    for line in text.strip().splitlines():
        print(textwrap.fill(line, 96, initial_indent="  ", subsequent_indent="  "))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("before")
    parser.add_argument("after")
    options = parser.parse_args()
    before, after = (measure_model(options, each) for each in (options.before, options.after))
    tokens = after["eval"]["scored_tokens"]
    print(f"\n{options.threads} threads; {tokens} tokens of {options.text} scored\n")
    print_table(before, after)
    print_answer("The answer before", before["answer"])
    print_answer("The answer after", after["answer"])
    return 0


if __name__ == "__main__":
    sys.exit(main())

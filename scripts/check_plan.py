#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Holds what `altteul plan` says against what then happens, on this machine.

usage: check_plan.py [--memory] [--speed] [--types T,T] [--contexts N,N] [--slots N,N] [--rounds N]
                     ALTTEUL FOLDER MODEL...

Each MODEL is written in each of the types into FOLDER (kept, and used again). Then for each cell
  memory  type x context x slots: the peak that plan says, and what `bench` took with every context
          filled
  speed   type x (prompt of 512, answer of 128): plan's tokens/s over bench's, the median of so many
          rounds of one beside the other, and how often the truth was in the interval
is one line of JSON on standard output, and a summary the last: median and worst error, false
"fits", how often the truth was in the interval.

Exit codes: 0 done, 2 usage, another: a command failed
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def typed_models(options):
    options.folder.mkdir(parents=True, exist_ok=True)
    for model in options.models:
        for kind in options.types:
            path = options.folder / f"{pathlib.Path(model).stem}.{kind}.gguf"
            if not path.exists():
                run(options.altteul, "compress", model, path, "--type", kind, "--only",
                    f"token_embd.*={kind}", "--json")
            yield path


def memory_cells(options):
    for path in typed_models(options):
        for context in options.contexts:
            for slots in options.slots:
                said = run(options.altteul, "plan", path, "-c", context, "--slots", slots, "--json")
                # A sequence needs room for its depth, what is answered, and one more.
                measured = run(options.altteul, "bench", path, "-p", 0, "-n", 8, "--batch", slots,
                               "--depth", context - 9, "-r", 1, "--json")
                peak = measured["runs"][0]["peak_resident_bytes"]
                yield {"model": path.name, "context": context, "slots": slots,
                       "said": said["memory"]["peak_bytes"], "took": peak,
                       "error": said["memory"]["peak_bytes"] / peak - 1,
                       "memory": said["memory"]}


def speed_cells(options):
    for path in typed_models(options):
        # A shared machine's speed drifts within minutes, so its rates are measured beside each bench.
        rounds = []
        for _ in range(options.rounds):
            said = run(options.altteul, "plan", path, "-p", 512, "-n", 128, "--measure", "--json")
            # An answer of bench begins with an empty context.
            alone = run(options.altteul, "plan", path, "-p", 1, "-n", 128, "--json")
            measured = run(options.altteul, "bench", path, "-r", 3, "--json")
            rounds.append((said["speed"]["prompt"], alone["speed"]["answer"], measured))
        for place, what, key in ((0, "prompt", "pp512"), (1, "answer", "tg128")):
            took = [measured[key]["median"] for *_, measured in rounds]
            ratios = [round_[place]["likely"] / each for round_, each in zip(rounds, took)]
            inside = [round_[place]["lowest"] <= each <= round_[place]["highest"]
                      for round_, each in zip(rounds, took)]
            yield {"model": path.name, "what": what,
                   "said": [round_[place]["likely"] for round_ in rounds], "took": took,
                   "error": statistics.median(ratios) - 1, "ratios": ratios,
                   "inside": sum(inside) / len(inside),
                   "above_roofline": any(round_[place]["likely"] > round_[place]["roofline"]
                                         for round_ in rounds)}


def summary(cells, kind):
    errors = [abs(cell["error"]) for cell in cells]
    out = {"cells": len(cells), "of": kind, "median_error": statistics.median(errors),
           "worst_error": max(errors)}
    if kind == "memory":
        # With memory of just what plan said, and plan's margin of 5 %, would it have been too little?
        out["false_fits"] = sum(cell["took"] > 1.05 * cell["said"] for cell in cells)
    else:
        out["inside"] = sum(cell["inside"] for cell in cells) / len(cells)
        out["above_roofline"] = sum(cell["above_roofline"] for cell in cells)
    return out


def main():
    def numbers(text):
        return [int(word) for word in text.split(",")]

    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--types", type=lambda text: text.split(","),
                        default=["Q8_0", "Q6_K", "Q4_0", "IQ4_NL", "Q5_1"])
    parser.add_argument("--contexts", type=numbers, default=[512, 1024, 4096])
    parser.add_argument("--slots", type=numbers, default=[1, 3])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("altteul")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    for wanted, kind, cells_of in ((options.memory, "memory", memory_cells),
                                   (options.speed, "speed", speed_cells)):
        if not wanted:
            continue
        cells = []
        for cell in cells_of(options):
            print(json.dumps(cell), flush=True)
            cells.append(cell)
        print(json.dumps(summary(cells, kind)), flush=True)


if __name__ == "__main__":
    sys.exit(main())

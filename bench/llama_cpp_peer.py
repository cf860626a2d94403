#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Measures llama.cpp through its Python package and prints what `altteul bench --compare` reads.

usage: llama_cpp_peer.py MODEL [-p 512] [-n 128] [--batch 1,2,4] [-d 0,1024] [-t N] [-r 5]
                         [--flash auto|on|off] [--ctk f16] [--ctv f16] [--no-repack]

One JSON object on standard output: series name -> {"median", "all"} in tokens a second (peers.md).
The series mean what ours do: a prompt ends in the logits of its last token, an answer in those of
every token, depth is filled once and not timed, sequences that answer together begin with short
different prompts, the first run of each series warms up and is not counted.
"""
import argparse
import ctypes
import json
import os
import random
import statistics
import sys
import time

import llama_cpp

SHORT_PROMPT = 8      # tokens before answers that are given together
PASS_TOKENS = 512     # llama.cpp's n_ubatch, and ours
MOST_BATCH = 2048     # llama.cpp's n_batch
CONTEXT_GRAIN = 256   # llama.cpp rounds a context up to this
FLASH = {"auto": -1, "off": 0, "on": 1}


def counts(text: str) -> list[int]:
    values = [int(each) for each in text.split(",")]
    if not values or min(values) < 0 or len(set(values)) != len(values):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of different counts")
    return values


def series_name(kind: str, tokens: int, sequences: int, depth: int) -> str:
    together = f"x{sequences}" if sequences != 1 else ""
    behind = f"@d{depth}" if depth else ""
    return f"{kind}{tokens}{together}{behind}"


def kv_type(name: str) -> int:
    found = getattr(llama_cpp, "GGML_TYPE_" + name.upper(), None)
    if found is None:
        sys.exit(f"llama.cpp has no type {name!r}")
    return found


def open_model(options: argparse.Namespace):
    params = llama_cpp.llama_model_default_params()
    if options.no_repack:
        params.use_extra_bufts = False
    model = llama_cpp.llama_model_load_from_file(options.model.encode(), params)
    return model or sys.exit(f"{options.model}: llama.cpp cannot load it")


class Context:
    """Some sequences in one llama.cpp context."""

    def __init__(self, options, model, sequences: int, positions: int):
        params = llama_cpp.llama_context_default_params()
        params.n_seq_max = sequences
        params.n_ctx = -(-positions // CONTEXT_GRAIN) * CONTEXT_GRAIN * sequences
        params.n_batch, params.n_ubatch = MOST_BATCH, PASS_TOKENS
        params.n_threads = params.n_threads_batch = options.threads
        params.flash_attn_type = FLASH[options.flash]
        params.type_k, params.type_v = kv_type(options.ctk), kv_type(options.ctv or options.ctk)
        params.swa_full = False  # as llama-bench: a sliding window keeps only what it can see
        self.context = llama_cpp.llama_init_from_model(model, params)
        if not self.context:
            sys.exit("llama.cpp cannot make this context (a quantized V cache needs --flash on)")
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(MOST_BATCH, 0, 1)
        self.n_vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        self.random = random.Random(1)
        self.lengths = [0] * sequences

    def close(self) -> None:
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)

    def decode(self, rows: list[tuple[int, int, bool]]) -> None:
        """Random tokens at these (sequence, position, with logits)."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (sequence, position, logits) in enumerate(rows):
            batch.token[i] = self.random.randrange(self.n_vocabulary)
            batch.pos[i], batch.n_seq_id[i], batch.logits[i] = position, 1, int(logits)
            batch.seq_id[i][0] = sequence
        if llama_cpp.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")

    def read(self, sequence: int, n_tokens: int) -> None:
        first = self.lengths[sequence]
        last = first + n_tokens - 1
        for start in range(first, last + 1, MOST_BATCH):
            positions = range(start, min(start + MOST_BATCH, last + 1))
            self.decode([(sequence, at, at == last) for at in positions])
        self.lengths[sequence] += n_tokens

    def rewind(self, depth: int) -> None:
        """Every sequence holds `depth` tokens; computed only where winding back cannot bring it."""
        for sequence, length in enumerate(self.lengths):
            back = length >= depth and llama_cpp.llama_memory_seq_rm(self.memory, sequence, depth,
                                                                    -1)
            if not back:
                llama_cpp.llama_memory_seq_rm(self.memory, sequence, -1, -1)
                self.lengths[sequence] = 0
                if depth:
                    self.read(sequence, depth)
            self.lengths[sequence] = depth
        llama_cpp.llama_synchronize(self.context)

    def time_prompt(self, n_tokens: int, depth: int) -> float:
        self.rewind(depth)
        start = time.perf_counter()
        self.read(0, n_tokens)
        llama_cpp.llama_synchronize(self.context)
        return n_tokens / (time.perf_counter() - start)

    def time_answers(self, n_tokens: int, depth: int) -> float:
        together = len(self.lengths)
        begin = depth if depth or together == 1 else SHORT_PROMPT
        self.rewind(begin)
        start = time.perf_counter()
        for step in range(n_tokens):
            self.decode([(sequence, begin + step, True) for sequence in range(together)])
            llama_cpp.llama_synchronize(self.context)
        seconds = time.perf_counter() - start
        self.lengths = [begin + n_tokens] * together
        return n_tokens * together / seconds


def measure(options: argparse.Namespace, model) -> dict[str, dict]:
    series = {}

    def repeat(name: str, run) -> None:
        runs = [run() for _ in range(options.repetitions + 1)][1:]
        series[name] = {"median": statistics.median(runs), "all": runs}

    positions = max(options.depth) + max(options.n_prompt, options.n_gen) + SHORT_PROMPT
    for together in sorted(set(options.batch) | {1}):
        context = Context(options, model, together, positions)
        for depth in options.depth:
            if together == 1 and options.n_prompt:
                repeat(series_name("pp", options.n_prompt, 1, depth),
                       lambda: context.time_prompt(options.n_prompt, depth))
            if together in options.batch and options.n_gen:
                repeat(series_name("tg", options.n_gen, together, depth),
                       lambda: context.time_answers(options.n_gen, depth))
        context.close()
    return series


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("-p", "--n-prompt", type=int, default=512)
    parser.add_argument("-n", "--n-gen", type=int, default=128)
    parser.add_argument("--batch", type=counts, default=[1])
    parser.add_argument("-d", "--depth", type=counts, default=[0])
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", "--repetitions", type=int, default=5)
    parser.add_argument("--flash", choices=FLASH, default="auto")
    parser.add_argument("--ctk", default="f16", help="type of the K cache, and of V without --ctv")
    parser.add_argument("--ctv")
    parser.add_argument("--no-repack", action="store_true",
                        help="leave weights as the file has them (default: llama.cpp's repacking)")
    options = parser.parse_args()
    if min(options.n_prompt, options.n_gen) < 0 or min(options.threads, options.repetitions) < 1:
        parser.error("counts are positive")
    if 0 in options.batch:
        parser.error("--batch: at least one sequence")

    quiet = llama_cpp.llama_log_callback(lambda level, text, user: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    model = open_model(options)
    facts = {"engine": "llama.cpp", "package": llama_cpp.__version__, "model": options.model,
             "threads": options.threads, "repack": not options.no_repack, "flash": options.flash,
             "cache_type": [options.ctk, options.ctv or options.ctk]}
    print(json.dumps(facts | measure(options, model)))
    llama_cpp.llama_model_free(model)
    return 0


if __name__ == "__main__":
    sys.exit(main())

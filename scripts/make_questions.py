#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Makes multiple-choice questions out of a plain text, for `altteul eval --tasks`.

usage: make_questions.py [--count N] [--choices N] [--seed N] TEXT >QUESTIONS.jsonl

Each question is the first half of a sentence; the right choice is its other half, the wrong ones are
the other halves of sentences elsewhere in the text, of about the same length. So there are as many
questions as a comparison needs, in any language, under the text's own licence.

They measure flips: which answers change when a model is compressed, and how many to the worse. They
do not measure knowledge: nobody has seen to it that the right choice is the only one that makes
sense, and a text that a model was trained on is easy for it. Do not set their accuracy beside that
of a published test.

The same text, options and seed give the same bytes with any version of Python: what looks random is
the order of SHA-256 sums.

Exit codes: 0 the questions are on standard output, 2 usage, 3 no such file, 6 too short a text
"""
import argparse
import hashlib
import json
import re
import sys

EXIT_NOT_FOUND, EXIT_TOO_SHORT = 3, 6
LEAST_WORDS, MOST_WORDS = 8, 60  # shorter halves say too little, longer ones are no sentence
NEIGHBOURS = 40                  # wrong choices come from this many halves of similar length

# Not behind an initial, as in "J. R. R.".
SENTENCE_END = re.compile(r"(?<=[.!?。！？])(?<!\b[A-Z]\.)[\"'”’)]?\s+")
# Headings and gaps of WikiText, and what a hasty conversion leaves behind.
NO_PROSE = re.compile(r"[=<>|{}\x00-\x1f\ufffd]")


def order(seed: int, *what: object) -> bytes:
    return hashlib.sha256(repr((seed, *what)).encode()).digest()


def halves_of(text: str) -> list[tuple[str, str]]:
    """Beginnings and ends of the sentences that can be asked; no end stands there twice."""
    halves = []
    seen = set()
    for paragraph in re.split(r"\n\s*\n", text):
        for sentence in SENTENCE_END.split(" ".join(paragraph.split())):
            words = sentence.split()
            if not LEAST_WORDS <= len(words) <= MOST_WORDS or NO_PROSE.search(sentence):
                continue
            middle = len(words) // 2
            begin, end = " ".join(words[:middle]), " ".join(words[middle:])
            if end not in seen:
                seen.add(end)
                halves.append((begin, end))
    return halves


def make_question(halves: list[tuple[str, str]], by_length: list[int], place: int,
                  options: argparse.Namespace) -> dict:
    number = by_length[place]
    first = max(0, min(place - NEIGHBOURS // 2, len(by_length) - NEIGHBOURS - 1))
    others = [n for n in by_length[first:first + NEIGHBOURS + 1] if n != number]
    others.sort(key=lambda n: order(options.seed, "wrong", number, n))
    chosen = [number, *others[:options.choices - 1]]
    chosen.sort(key=lambda n: order(options.seed, "shown", number, n))
    return {"id": number, "prompt": halves[number][0], "choices": [halves[n][1] for n in chosen],
            "answer": chosen.index(number)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--choices", type=int, default=4, choices=range(2, 27), metavar="2..26")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("text")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count: at least 1")
    try:
        with open(options.text, encoding="utf-8", errors="replace") as file:
            halves = halves_of(file.read())
    except OSError as error:
        print(f"make_questions.py: {error}", file=sys.stderr)
        return EXIT_NOT_FOUND
    if len(halves) < max(options.count, options.choices):
        print(f"make_questions.py: {options.text} has {len(halves)} sentences that can be asked; "
              f"{max(options.count, options.choices)} are needed", file=sys.stderr)
        return EXIT_TOO_SHORT
    by_length = sorted(range(len(halves)), key=lambda n: (len(halves[n][1]), n))
    places = sorted(range(len(halves)), key=lambda p: order(options.seed, "asked", by_length[p]))
    questions = [make_question(halves, by_length, place, options)
                 for place in sorted(places[:options.count], key=lambda p: by_length[p])]
    for question in questions:
        sys.stdout.buffer.write(json.dumps(question, ensure_ascii=False).encode() + b"\n")
    return 0


sys.exit(main())

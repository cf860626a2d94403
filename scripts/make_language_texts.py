#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Makes texts in two languages out of one handbook: a half to calibrate on and a half to judge on.

usage: make_language_texts.py [--fewest N] FOLDER_A FOLDER_B OUT_A OUT_B

The folders hold the same HTML pages in two languages, as Debian's gimp-help-en and gimp-help-ko do
in /usr/share/gimp/2.0/help/en and .../ko. Taken are the paragraphs of pages that have at least N
(default 2) in each language. What a translator left as it was is in the wrong language: a paragraph
is taken for B if most of its letters are beyond ASCII, for A if most are not. A page goes to
calibration or to judgement by the SHA-256 of its name, one in four to calibration, in both languages
alike, so that no text that is judged was calibrated on in the other language.

Writes OUT_A.calibrate.txt, OUT_A.judge.txt, OUT_B.calibrate.txt and OUT_B.judge.txt, and says how
large they are. The same pages give the same bytes.

Exit codes: 0 written, 2 usage, 3 no such folder, 6 no pages in both languages
"""
import argparse
import hashlib
import html
import re
import sys
from pathlib import Path

EXIT_NOT_FOUND, EXIT_NOTHING = 3, 6
PARAGRAPH = re.compile(r"<p\b[^>]*>(.*?)</p>", re.DOTALL | re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")
FEWEST_CHARACTERS = 20  # shorter ones are labels


def is_foreign(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return 2 * sum(c > "\x7f" for c in letters) > len(letters)


def paragraphs(page: Path, foreign: bool) -> list[str]:
    found = []
    for inside in PARAGRAPH.findall(page.read_text(encoding="utf-8")):
        text = " ".join(html.unescape(TAG.sub("", inside)).split())
        if len(text) >= FEWEST_CHARACTERS and is_foreign(text) == foreign:
            found.append(text)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--fewest", type=int, default=2, metavar="N")
    for name in ("folder_a", "folder_b", "out_a", "out_b"):
        parser.add_argument(name)
    args = parser.parse_args()
    for folder in (args.folder_a, args.folder_b):
        if not Path(folder).is_dir():
            print(f"{folder}: is no folder", file=sys.stderr)
            return EXIT_NOT_FOUND

    texts = {(out, part): [] for out in (args.out_a, args.out_b) for part in ("calibrate", "judge")}
    n_pages = 0
    for page in sorted(Path(args.folder_a).glob("*.html")):
        other = Path(args.folder_b) / page.name
        if not other.is_file():
            continue
        a, b = paragraphs(page, False), paragraphs(other, True)
        if min(len(a), len(b)) < args.fewest:
            continue
        n_pages += 1
        part = "calibrate" if hashlib.sha256(page.name.encode()).digest()[0] < 128 else "judge"
        for out, found in ((args.out_a, a), (args.out_b, b)):
            texts[out, part] += found
    if n_pages == 0:
        print(f"{args.folder_a} and {args.folder_b}: no page has {args.fewest} paragraphs in both "
              "languages", file=sys.stderr)
        return EXIT_NOTHING
    for (out, part), found in texts.items():
        name = f"{out}.{part}.txt"
        text = "\n\n".join(found) + "\n"
        Path(name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(found)} paragraphs, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())

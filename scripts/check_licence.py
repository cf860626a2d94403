#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Fails when a source file does not name its licence in its first lines.

usage: check_licence.py [--add] [FILE...]
  without files: all sources of the project
  --add          puts the line where it is missing, below a `#!` line
"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = "Apache-2.0"
# What is not ours, and under which licence it is (NOTICE tells more).
OTHERS = {"src/kernels/codecs/iq_codebooks.cc": "MIT"}

SLASHES = {".h", ".cc", ".inl", ".cl"}
HASHES = {".py", ".sh", ".cmake"}
HASH_NAMES = {"CMakeLists.txt", "check", "quickstart"}
# Built, fetched, or bytes that only look like a source.
SKIPPED_FOLDERS = {"build", "corpus", "__pycache__"}
N_LINES = 4  # a `#!` line and an empty one may stand above
LICENCE = re.compile(r"SPDX-License-Identifier: (\S+)")


def comment_of(path: pathlib.Path) -> str:
    """What begins a comment there; empty when the file is no source."""
    if path.suffix in SLASHES:
        return "//"
    return "#" if path.suffix in HASHES or path.name in HASH_NAMES else ""


def sources(folder: pathlib.Path):
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS:
                yield from sources(path)
        elif comment_of(path):
            yield path


def licence_of(text: str) -> str:
    found = LICENCE.search("\n".join(text.splitlines()[:N_LINES]))
    return found[1] if found else ""


def with_licence(text: str, comment: str, licence: str) -> str:
    lines = text.splitlines(keepends=True)
    at = 1 if lines and lines[0].startswith("#!") else 0
    added = [f"{comment} SPDX-License-Identifier: {licence}\n"]
    if at < len(lines) and lines[at].strip():
        added.append("\n")  # the file's own first comment stays a paragraph of its own
    return "".join(lines[:at] + added + lines[at:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--add", action="store_true")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()

    bad = 0
    for path in [file.resolve() for file in options.files] or sources(ROOT):
        name = path.relative_to(ROOT).as_posix()
        comment = comment_of(path)
        if not comment:
            print(f"{name}: not a kind of source that is known here")
            bad += 1
            continue
        text = path.read_bytes().decode()  # newlines as they are
        wanted, found = OTHERS.get(name, OURS), licence_of(text)
        if found == wanted:
            continue
        if options.add and not found:
            path.write_bytes(with_licence(text, comment, wanted).encode())
            continue
        bad += 1
        print(f"{name}: its first {N_LINES} lines name {found or 'no licence'}, {wanted} is wanted")
    return bad != 0


sys.exit(main())

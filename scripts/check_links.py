#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Fails when a Markdown file of the project links to a file or a heading that is not there.

usage: check_links.py

Only relative links are followed: a test must not need a network.
"""
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = {"build", "corpus"}
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def pages(folder: pathlib.Path):
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS:
                yield from pages(path)
        elif path.suffix == ".md":
            yield path


def blank(code: re.Match) -> str:
    """As many lines, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", code[0])


def anchors(text: str) -> set:
    """The names that headings get on the usual sites: lower case, no punctuation, dashes."""
    fenced = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    words = (re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", heading) for heading in HEADING.findall(fenced))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in words}


def main() -> int:
    bad = 0
    for page in pages(ROOT):
        text = page.read_text()
        for found in LINK.finditer(CODE.sub(blank, text)):
            link = found[1] or found[2]
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else page
            line = text.count("\n", 0, found.start()) + 1
            if not target.exists():
                print(f"{page.relative_to(ROOT)}:{line}: {link}: there is no such file")
                bad += 1
            elif parts.fragment and target.suffix == ".md":
                if urllib.parse.unquote(parts.fragment) not in anchors(target.read_text()):
                    print(f"{page.relative_to(ROOT)}:{line}: {link}: there is no such heading")
                    bad += 1
    return bad != 0


sys.exit(main())

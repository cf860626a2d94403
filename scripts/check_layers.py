#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Fails when a file includes a header of a higher layer, or of a sibling on the same rank.

usage: check_layers.py src
"""
import pathlib
import re
import sys

RANK = {"base": 0, "tensor": 1, "formats": 2, "kernels": 2, "text": 2, "hub": 2, "store": 2, "report": 2,
        "compute": 3, "model": 4, "engine": 5, "eval": 6, "train": 6, "compress": 7, "tune": 7, "plan": 7,
        "service": 8, "launch": 8, "tools": 9}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_0-9]+)/')
SUFFIXES = ("*.h", "*.cc", "*.inl", "*.cl", "*.cu", "*.cuh")


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    bad = 0
    for path in sorted(p for suffix in SUFFIXES for p in root.rglob(suffix)):
        layer = path.relative_to(root).parts[0]
        if layer not in RANK:
            print(f"{path}: folder {layer}/ has no rank")
            bad += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found or found[1] == layer:
                continue
            if RANK.get(found[1], 99) >= RANK[layer]:
                print(f"{path}:{number}: {layer}/ may not include {found[1]}/")
                bad += 1
    return bad != 0


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Golden importance matrices in both forms of llama.cpp, and the corpus of fuzz/imatrix_fuzz.cc.

Usage: imatrix.py [--repository PATH]

Writes tests/golden/imatrix/ and fuzz/corpus/imatrix/. The GGUF form is written by the `gguf`
package, the old one field by field; expected.txt holds the means as llama-quantize computes them
from the file, one f32 division a value.

Needs gguf 0.19.0, numpy. Tests never run it.
"""

import argparse
import pathlib
import struct

import gguf
import numpy as np

SEED = 20261125
CHUNKS, CHUNK_SIZE = 3, 16
COUNT = CHUNKS * CHUNK_SIZE


class Entry:
    """One weight's sums of squares, [n_experts, cols], and its counts, [n_experts], both f32."""

    def __init__(self, name, sums, counts):
        self.name = name
        self.sums = np.atleast_2d(np.asarray(sums, np.float32))
        self.counts = np.asarray(counts, np.float32)


def means(entry):
    """What llama-quantize makes of the GGUF form (tools/quantize/quantize.cpp, load_imatrix)."""
    counts = entry.counts[:, None]
    safe = np.where(counts > 0, counts, np.float32(1))
    return np.where(counts > 0, entry.sums / safe, np.float32(1)).astype(np.float32)


def write_gguf(path, entries, datasets, kind="imatrix"):
    writer = gguf.GGUFWriter(path, arch="")
    writer.kv_data[0].clear()  # the package always writes general.architecture, llama.cpp does not
    writer.add_string("general.type", kind)
    writer.add_array("imatrix.datasets", datasets)
    writer.add_uint32("imatrix.chunk_count", CHUNKS)
    writer.add_uint32("imatrix.chunk_size", CHUNK_SIZE)
    for entry in entries:
        plain = len(entry.counts) == 1
        writer.add_tensor(entry.name + ".in_sum2", entry.sums[0] if plain else entry.sums)
        writer.add_tensor(entry.name + ".counts",
                          entry.counts if plain else entry.counts[:, None])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def old_entry(name, n_calls, values, n_values=None):
    values = np.asarray(values, np.float32).reshape(-1)
    if n_values is None:
        n_values = len(values)
    name = name.encode()
    return (struct.pack("<i", len(name)) + name + struct.pack("<ii", n_calls, n_values)
            + values.tobytes())


def old_file(entries, tail=b"", n_entries=None):
    if n_entries is None:
        n_entries = len(entries)
    return struct.pack("<i", n_entries) + b"".join(entries) + tail


def expected_lines(file, rows):
    lines = [f"file {file}\n"]
    for name, counts, values in rows:
        text = ",".join(str(int(count)) for count in counts)
        lines.append(f"entry {name} {text} {np.ascontiguousarray(values, '>f4').tobytes().hex()}\n")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repository", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    repository = parser.parse_args().repository
    golden = repository / "tests/golden/imatrix"
    corpus = repository / "fuzz/corpus/imatrix"
    for folder in (golden, corpus):
        folder.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(SEED)

    def squares(*shape):
        return random.lognormal(sigma=2, size=shape)

    down = squares(11)
    down[3] = 0  # a column that is always zero
    plain = [Entry("blk.0.attn_q.weight", squares(8), [COUNT]),
             Entry("blk.0.ffn_down.weight", down, [COUNT]),
             Entry("output.weight", squares(1) * 1e30, [1])]
    sums = squares(3, 5)
    sums[1] = 0
    experts = plain[:1] + [Entry("blk.0.ffn_up_exps.weight", sums, [COUNT * 2, 0, 7])]

    expected = []
    for file, entries in (("plain.gguf", plain), ("experts.gguf", experts)):
        write_gguf(golden / file, entries, ["first.txt", "second.txt"])
        expected += expected_lines(file, [(e.name, e.counts, means(e)) for e in entries])

    # The old form holds mean * calls, and one count whatever the experts.
    calls = np.float32(CHUNKS)
    rows = [(e.name, means(e) * calls) for e in experts]
    packed = [old_entry(name, CHUNKS, values) for name, values in rows]
    tail = struct.pack("<ii", CHUNKS, 9) + b"first.txt"
    for file, end in (("old.dat", tail), ("old_without_end.dat", b"")):
        (golden / file).write_bytes(old_file(packed, end))
        expected += expected_lines(file, [(name, [CHUNKS], values / calls) for name, values in rows])
    (golden / "expected.txt").write_text("".join(expected))

    # Inputs that reach every branch of the readers: good ones, and one mistake each.
    for path in sorted(golden.iterdir()):
        if path.suffix in (".gguf", ".dat"):
            (corpus / path.name).write_bytes(path.read_bytes())
    one = [1.0, 2.0]
    for name, entries in {
        "count_of_0": [Entry("w", one, [0])],
        "count_of_a_half": [Entry("w", one, [0.5])],
        "count_nan": [Entry("w", one, [np.nan])],
        "count_negative": [Entry("w", one, [-1])],
        "sum_nan": [Entry("w", [1, np.nan], [4])],
        "sum_negative": [Entry("w", [1, -1], [4])],
        "uneven_experts": [Entry("w", one, [1, 2, 3])],
        "sum_over_no_rows": [Entry("w", [[1, 2], [3, 4]], [2, 0])],
    }.items():
        write_gguf(corpus / f"{name}.gguf", entries, [])
    write_gguf(corpus / "a_model.gguf", [Entry("w", one, [4])], [], kind="model")
    for name, content in {
        "empty": b"",
        "no_entries": old_file([]),
        "entries_beyond_the_file": old_file([], n_entries=2**31 - 1),
        "name_beyond_the_file": struct.pack("<ii", 1, 2**31 - 1),
        "name_negative": struct.pack("<ii", 1, -1),
        "values_beyond_the_file": old_file([old_entry("w", 1, one, n_values=2**30)]),
        "calls_0": old_file([old_entry("w", 0, one)]),
        "twice": old_file([old_entry("w", 1, one)] * 2),
        "value_inf": old_file([old_entry("w", 1, [np.inf])]),
        "half_an_end": old_file([old_entry("w", 1, one)], struct.pack("<i", 3)),
        "after_the_end": old_file([old_entry("w", 1, one)], struct.pack("<ii", 3, 0) + b"!"),
    }.items():
        (corpus / f"{name}.dat").write_bytes(content)


if __name__ == "__main__":
    main()

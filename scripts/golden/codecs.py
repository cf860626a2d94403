#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Golden data of the weight types, and the codebooks of IQ1 to IQ3.

Usage: codecs.py [--repository PATH]

Writes tests/golden/codecs/<type>.txt and src/kernels/codecs/iq_codebooks.cc. The truth is the
`gguf` package's dequantize and quantize; where it has none (Q1_0, Q2_0, encoding IQ4_NL), ggml's
own to_float and from_float_ref, called in the shared library that llama-cpp-python carries. Where
both exist the script demands that they agree to the bit.

Needs gguf 0.19.0, numpy, llama-cpp-python. Tests never run it.
"""

import argparse
import ctypes
import pathlib

import gguf
import llama_cpp
import numpy as np
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

SEED = 20261123
N_BLOCKS = 8  # random blocks a type, written out with their values
N_DIGEST_VALUES = 1 << 18  # values a type that only their digest stands for

# Types that gguf 0.19.0 does not know yet: ggml id, values and bytes of a block.
YOUNG_TYPES = {"Q1_0": (41, 128, 18), "Q2_0": (42, 64, 18)}

# Byte offsets of the f16 fields. IQ1_M scatters its f16; byte 55 holds the exponent's top bits.
F16_OFFSETS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "IQ1_S": [0],
    "IQ1_M": [54], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
    "MXFP4": [], "NVFP4": [], "Q1_0": [0], "Q2_0": [0],
}

# Finite, and each kind once: ordinary, negative, zero, minus zero, smallest and largest subnormal,
# largest, one.
SCALES = np.array([0x2A66, 0xA81F, 0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0x3C00], np.uint16)

ENCODED = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL"]


class TypeTraits(ctypes.Structure):
    """struct ggml_type_traits of ggml.h."""

    _fields_ = [
        ("type_name", ctypes.c_char_p), ("block_elements", ctypes.c_int64),
        ("block_elements_interleaved", ctypes.c_int64), ("block_bytes", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool), ("to_float", ctypes.c_void_p),
        ("from_float_ref", ctypes.c_void_p),
    ]


CONVERSION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


def ggml_traits(type_id):
    library = pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_get_type_traits.restype = ctypes.POINTER(TypeTraits)
    return ggml.ggml_get_type_traits(type_id).contents


def ggml_decode(type_id, blocks):
    traits = ggml_traits(type_id)
    values = np.zeros(blocks.size // traits.block_bytes * traits.block_elements, np.float32)
    CONVERSION(traits.to_float)(blocks.ctypes.data, values.ctypes.data, values.size)
    return values


def ggml_encode(type_id, values):
    traits = ggml_traits(type_id)
    blocks = np.zeros(values.size // traits.block_elements * traits.block_bytes, np.uint8)
    CONVERSION(traits.from_float_ref)(values.ctypes.data, blocks.ctypes.data, values.size)
    return blocks


def block_size(name):
    """(id, values, bytes) of a block."""
    if name in YOUNG_TYPES:
        return YOUNG_TYPES[name]
    type_id = GGMLQuantizationType[name]
    return (int(type_id), *GGML_QUANT_SIZES[type_id])


def decode(name, blocks):
    type_id, _, _ = block_size(name)
    blocks = np.ascontiguousarray(blocks.reshape(-1))
    by_ggml = ggml_decode(type_id, blocks)
    if name in YOUNG_TYPES:
        return by_ggml
    with np.errstate(over="ignore"):
        values = quants.dequantize(blocks, GGMLQuantizationType(type_id)).reshape(-1)
    if not np.array_equal(values.view(np.uint32), by_ggml.view(np.uint32)):
        raise SystemExit(f"gguf and ggml decode {name} differently")
    return values


def encode(name, values):
    type_id, _, _ = block_size(name)
    if name == "IQ4_NL":
        return ggml_encode(type_id, values)
    blocks = quants.quantize(values, GGMLQuantizationType(type_id)).view(np.uint8).reshape(-1)
    if not np.array_equal(blocks, ggml_encode(type_id, values)):
        raise SystemExit(f"gguf and ggml encode {name} differently")
    return blocks


def split_mix(seed, count):
    """SplitMix64 outputs seed + 1 .. seed + count, as the tests compute them."""
    with np.errstate(over="ignore"):
        golden = np.uint64(0x9E3779B97F4A7C15)
        z = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64)) * golden
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def random_blocks(seed, n_blocks, block_bytes):
    words = split_mix(seed, -(-n_blocks * block_bytes // 8))
    return words.view(np.uint8)[: n_blocks * block_bytes].reshape(n_blocks, block_bytes).copy()


def digest(values):
    bits = values.view(np.uint32).astype(np.uint64)
    with np.errstate(over="ignore"):
        weights = np.arange(bits.size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        return int(np.sum(bits * weights, dtype=np.uint64))


def write_f16(blocks, name, index, half):
    """Puts `half` into all f16 fields of block `index`."""
    for offset in F16_OFFSETS[name]:
        if name == "IQ1_M":
            for word in range(4):
                nibble = (int(half) >> (4 * word)) & 15
                byte = 49 + 2 * word
                blocks[index, byte] = (blocks[index, byte] & 15) | (nibble << 4)
        else:
            blocks[index, offset : offset + 2] = np.array([half], np.uint16).view(np.uint8)


def decode_lines(name):
    type_id, elements, size = block_size(name)
    blocks = random_blocks(SEED + type_id * 1000000, N_BLOCKS, size)
    for index in range(N_BLOCKS):
        write_f16(blocks, name, index, SCALES[index])
    for block in blocks:
        bits = decode(name, block).view(np.uint32)
        yield f"decode {block.tobytes().hex()} {''.join(f'{b:08x}' for b in bits)}"

    seed, n_blocks = SEED + type_id * 1000000 + 500000, N_DIGEST_VALUES // elements
    blocks = random_blocks(seed, n_blocks, size)
    for offset in F16_OFFSETS[name]:
        blocks[:, offset + 1] &= 0xBF  # the exponent's top bit: now it is finite
    yield (f"digest {seed} {n_blocks} {digest(decode(name, blocks))} "
           + " ".join(str(offset + 1) for offset in F16_OFFSETS[name])).rstrip()


def encoder_inputs():
    """Rows of 32 values: what weights look like, and what hurts."""
    rng = np.random.default_rng(SEED)
    normal = rng.standard_normal((6, 32))
    rows = [row for row in normal[:3]]
    rows.append(normal[3] * 0.02)
    rows.append(normal[4] * 1e-6)  # scales that are subnormal in f16
    rows.append(np.where(np.arange(32) == 17, -40.0, normal[5]))  # an outlier
    rows.append(np.zeros(32))
    rows.append(np.full(32, 0.75))
    rows.append(np.full(32, -1.5))
    rows.append(np.where(np.arange(32) == 5, 3.0, 0.0))
    rows.append(np.tile([1.0, -1.0], 16))  # two values of the largest magnitude
    rows.append(np.arange(32) / 2 - 8)  # halves of a code of Q4_0: ties
    rows.append((np.arange(32) - 16) / 2 * 1.0)
    rows.append(np.append(np.arange(31) + 0.5, -127.0))  # ties of Q8_0
    rows.append(np.append(np.arange(31) / 2, 15.0))  # ties of Q4_1
    rows.append(np.append(np.arange(31) + 0.5, 0.0) - 20)
    rows.append(np.append((np.array(list(range(-100, 86, 6))) / 2), -127.0))  # ties of IQ4_NL
    rows.append(rng.standard_normal(32) * 1000)
    return np.array(rows, np.float32)


def encode_lines(name):
    for row in encoder_inputs():
        if name == "IQ4_NL" and not row.any():
            continue  # ggml leaves the codes of a block of zeros to chance
        blocks = encode(name, row)
        yield f"encode {''.join(f'{b:08x}' for b in row.view(np.uint32))} {blocks.tobytes().hex()}"
    # 2,000 rows that only their digest stands for: values uniform in bits of the fraction, with
    # exponents 2^-8 .. 2^7.
    seed, n_values = SEED + 77, 64000
    words = split_mix(seed, n_values)
    fraction = (words >> np.uint64(41)).astype(np.uint32)
    exponent = ((words >> np.uint64(1)) & np.uint64(15)).astype(np.uint32) + np.uint32(119)
    sign = (words & np.uint64(1)).astype(np.uint32) << np.uint32(31)
    values = (sign | (exponent << np.uint32(23)) | fraction).view(np.float32)
    blocks = encode(name, values)
    padded = np.concatenate([blocks, np.zeros(-blocks.size % 4, np.uint8)])
    yield f"encode_digest {seed} {n_values} {digest(padded.view(np.float32))}"


def packed(type_class, bits):
    """The codebook's entries as 16-bit words, the first code in the lowest bits."""
    type_class.init_grid()
    levels = {float(level): code for code, level in enumerate(type_class.grid_map)}
    rows = type_class.grid.reshape(type_class.grid_shape)
    return [sum(levels[float(v)] << (bits * k) for k, v in enumerate(row)) for row in rows]


CODEBOOK_HEADER = """\
// SPDX-License-Identifier: MIT

// Generated by scripts/golden/codecs.py; do not edit. Source: the `gguf` Python package {version}.
//
// The tables are constants of the GGUF format, published by ggml under this licence:
//
// MIT License
//
// Copyright (c) 2023-2026 The ggml authors
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
// associated documentation files (the "Software"), to deal in the Software without restriction,
// including without limitation the rights to use, copy, modify, merge, publish, distribute,
// sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
// furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all copies or
// substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
// NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
// NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
// DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
// OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

#include "kernels/codecs/iq_codebooks.h"

namespace altteul::kernels {{

// clang-format off
"""


def write_codebooks(path):
    tables = [
        ("kIq1Codebook", packed(quants.IQ1_S, 2)), ("kIq2XxsCodebook", packed(quants.IQ2_XXS, 2)),
        ("kIq2XsCodebook", packed(quants.IQ2_XS, 2)), ("kIq2SCodebook", packed(quants.IQ2_S, 2)),
        ("kIq3XxsCodebook", packed(quants.IQ3_XXS, 4)), ("kIq3SCodebook", packed(quants.IQ3_S, 4)),
    ]
    text = CODEBOOK_HEADER.format(version="0.19.0")
    for name, entries in tables:
        text += f"const uint16_t {name}[{len(entries)} + 1] = {{\n"
        for start in range(0, len(entries), 13):
            text += "    " + ",".join(f"0x{e:04x}" for e in entries[start : start + 13]) + ",\n"
        text += "};\n\n"
    text += "// clang-format on\n\n}  // namespace altteul::kernels\n"
    path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    root = parser.parse_args().repository
    write_codebooks(root / "src/kernels/codecs/iq_codebooks.cc")
    for name in F16_OFFSETS.keys() | set(ENCODED):
        lines = [] if name in ("F16", "BF16") else list(decode_lines(name))
        if name in ENCODED:
            lines += encode_lines(name)
        target = root / "tests/golden/codecs" / f"{name.lower()}.txt"
        target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

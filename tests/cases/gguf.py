# SPDX-License-Identifier: Apache-2.0

"""GGUF files in plain Python, so that a case can change one thing of a good file.

    model = gguf.read("base.gguf")
    model.values["llama.rope.scale_linear"] = gguf.f32(4)
    model.write("case.gguf")

Values are (type, value) pairs: see u32, f32, text, flag and texts. Tensors are
(name, dims, type, bytes), dims with the contiguous axis first (docs/formats/gguf.md).
"""
import struct

ALIGNMENT = 32
TEXT, ARRAY = 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q",
           11: "<q", 12: "<d"}
F32, F16, BF16 = 0, 1, 30
# bytes a block, values a block
BLOCKS = {F32: (4, 1), F16: (2, 1), BF16: (2, 1), 2: (18, 32), 3: (20, 32), 6: (22, 32),
          7: (24, 32), 8: (34, 32), 10: (84, 256), 11: (110, 256), 12: (144, 256),
          13: (176, 256), 14: (210, 256), 20: (18, 32)}


def u32(value): return (4, value)
def i32(value): return (5, value)
def f32(value): return (6, value)
def flag(value): return (7, value)
def text(value): return (TEXT, value.encode() if isinstance(value, str) else value)
def texts(values): return (ARRAY, (TEXT, [text(v)[1] for v in values]))
def i32s(values): return (ARRAY, (5, list(values)))
def u32s(values): return (ARRAY, (4, list(values)))
def f32s(values): return (ARRAY, (6, list(values)))
def flags(values): return (ARRAY, (7, list(values)))


def floats(values): return struct.pack(f"<{len(values)}f", *values)


class Model:
    def __init__(self, values=None, tensors=None):
        self.values = dict(values or {})    # key -> (type, value)
        self.tensors = list(tensors or [])  # (name, dims, type, bytes)

    def tensor(self, name):
        return next(t for t in self.tensors if t[0] == name)

    def replace(self, name, data, dims=None, type=None):
        """Other bytes for a tensor, and another shape and type where they are given."""
        at = next(i for i, t in enumerate(self.tensors) if t[0] == name)
        old = self.tensors[at]
        self.tensors[at] = (name, dims or old[1], old[2] if type is None else type, data)

    def write(self, path):
        out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(self.tensors), len(self.values)))
        for key, (kind, value) in self.values.items():
            out += _text(key.encode()) + struct.pack("<I", kind) + _packed(kind, value)
        offset = 0
        for name, dims, kind, data in self.tensors:
            out += _text(name.encode()) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
            out += struct.pack("<IQ", kind, offset)
            offset += _aligned(len(data))
        out += bytes(_aligned(len(out)) - len(out))
        for _, _, _, data in self.tensors:
            out += data + bytes(_aligned(len(data)) - len(data))
        with open(path, "wb") as file:
            file.write(out)


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0

    def take(form):
        nonlocal at
        value, = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        return value

    def take_text():
        nonlocal at
        n = take("<Q")
        at += n
        return data[at - n:at]

    def take_value(kind):
        if kind == TEXT:
            return take_text()
        if kind == ARRAY:
            inner, n = take("<I"), take("<Q")
            return (inner, [take_value(inner) for _ in range(n)])
        return take(SCALARS[kind])

    assert take("<I") == 0x46554747 and take("<I") in (2, 3), path
    n_tensors, n_values = take("<Q"), take("<Q")
    model = Model()
    for _ in range(n_values):
        key = take_text().decode()
        kind = take("<I")
        model.values[key] = (kind, take_value(kind))
    heads = []
    for _ in range(n_tensors):
        name = take_text().decode()
        dims = [take("<Q") for _ in range(take("<I"))]
        heads.append((name, dims, take("<I"), take("<Q")))
    start = _aligned(at)
    for name, dims, kind, offset in heads:
        block_bytes, block_values = BLOCKS[kind]
        n = 1
        for extent in dims:
            n *= extent
        size = n // block_values * block_bytes
        model.tensors.append((name, dims, kind, data[start + offset:start + offset + size]))
    return model


def _aligned(n): return (n + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
def _text(value): return struct.pack("<Q", len(value)) + value


def _packed(kind, value):
    if kind == TEXT:
        return _text(value)
    if kind == ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(_packed(inner, i) for i in items)
    return struct.pack(SCALARS[kind], value)

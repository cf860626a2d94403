#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Holds what the compute seam promises: one list of a layer's matrices, and nobody above a compute
who looks behind the address of a weight, a cache or an activation.

usage: check_seam.py src [--self-test]

It reads text, not types. What it allows stands in EXCEPTIONS with the reason; an exception that
nothing needs any more is an error too. --self-test plants faults in a copy and sees each one found.
"""
import pathlib
import re
import shutil
import sys
import tempfile

# Below the seam, the seam itself, and the loader, which has a file's bytes on the host.
BELOW = {"base", "tensor", "formats", "kernels", "text", "hub", "store", "report", "compute", "model"}

LIST = "list"
ADDRESS = "address"
EXCEPTIONS = {
    (LIST, "model/weights.h"): "kMatrices, the one list",
    (LIST, "model/weights.cc"): "the loader says which tensor of a file each matrix is",
    (LIST, "engine/pass_writer.cc"): "a pass says what each matrix multiplies",
    (LIST, "compress/layer_groups.cc"): "tensors of a file that read the same rows are encoded together",
    (ADDRESS, "compress/layer_groups.cc"): "a changed model exchanges host matrices, and hands them over",
    (ADDRESS, "engine/forward.cc"): "a pass names the pages of its caches",
    (ADDRESS, "engine/forward_steps.cc"): "a pass in pieces names the pages of its caches",
}

ROLES = ("q", "k", "v", "o", "gate", "up", "down")
WINDOW = 12  # lines of a place that lists matrices
MOST_ROLES = 2  # named together by who treats some matrix as a special one

NORMS = r"(?:attn|attn_post|q|k|ffn|ffn_post|output)_norm"
LOOKS = [
    # The program's phases of work have a place, too.
    (r"(?<!phase)(?:\.|->)place\(\)", "takes an address apart (At::place)"),
    (r"\bPageTable\(", "reads a table of pages"),
    (r"\bPageOf\(", "looks into a page"),
    (r"(?<=[\w\)\]])(?:\.|->)data\b(?!\s*\()", "looks behind a matrix (WeightMatrix::data)"),
    (rf"(?:\.|->)(?:{NORMS}|bias)\s*\[", "reads a vector of weights"),
    (rf"\*\s*[\w.\->\[\]]+(?:\.|->)(?:{NORMS})\b", "reads a vector of weights"),
    (r"\bDecodeRow\(", "decodes a row of a matrix"),
]


def code_of(text: str) -> str:
    """Without comments and what stands in quotes; lines stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)


def roles_by_line(code: str) -> list[set[str]]:
    """Which matrices of a block each line names: by their role, or as members of BlockWeights."""
    enums = "|".join(["MatrixRole", "BlockWeights"] + re.findall(r"using (\w+) = (?:\w+::)*MatrixRole;", code))
    blocks = set(re.findall(r"\bBlockWeights\b\s*[&*]?\s*(\w+)", code))
    blocks |= set(re.findall(r"\bauto\s*[&*]+\s*(\w+)\s*(?:=|:)[^;\n]*\bblocks\b", code))
    receivers = "|".join(sorted(blocks) + [r"blocks\[[^\]]*\]", r"blocks\.\w+\(\)"])
    patterns = [
        rf"\b(?:{enums})::k(Q|K|V|O|Gate|Up|Down)\b",
        rf"\bBlockWeights::({'|'.join(ROLES)})\b",
        rf"(?:\b(?:{receivers}))(?:\.|->)({'|'.join(ROLES)})\b(?!\s*\()",
    ]
    return [{found.lower() for pattern in patterns for found in re.findall(pattern, line)} for line in code.splitlines()]


def lists(code: str):
    lines = roles_by_line(code)
    for i, here in enumerate(lines):
        together = set().union(*lines[i : i + WINDOW])
        if here and len(together) > MOST_ROLES:
            yield i + 1, "lists a layer's matrices (" + ", ".join(r for r in ROLES if r in together) + "): ForEachMatrix does"
            return  # one a file says enough


def looks(code: str):
    # Other things are called Bytes, too.
    names = ["compute::(?:Floats|Bytes|At<[^<>]*>)"]
    names += re.findall(r"using (?:compute::)?(Floats|Bytes)(?: = compute::\w+)?;", code)
    makes = rf"(?<![\w:])(?:{'|'.join(names)})\((?!\))", "makes an address of a pointer (Tape::Lend does)"
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, what in LOOKS + [makes]:
            if re.search(pattern, line):
                yield number, what


def check(root: pathlib.Path) -> list[str]:
    faults, unused = [], set(EXCEPTIONS)
    for path in sorted(p for suffix in ("*.h", "*.cc", "*.inl") for p in root.rglob(suffix)):
        name = path.relative_to(root).as_posix()
        if path.stem.endswith("_test"):
            continue  # a test may look at what it owns
        code = code_of(path.read_text())
        found = [(LIST, *fault) for fault in lists(code)]
        if name.split("/")[0] not in BELOW:
            found += [(ADDRESS, *fault) for fault in looks(code)]
        for kind, number, what in found:
            unused.discard((kind, name))
            if (kind, name) not in EXCEPTIONS:
                faults.append(f"{path}:{number}: {what}")
    faults += [f"scripts/check_seam.py: the exception for {name} ({kind}) is not needed" for kind, name in sorted(unused)]
    return faults


# Each must be found: where, what is written there, a word of the complaint.
PLANTED = [
    ("eval/evaluate.cc", "float F(compute::Floats x) { return *x.place(); }", "At::place"),
    ("compress/survey.cc", "auto F(float* x) { return compute::Floats(x); }", "Tape::Lend"),
    ("engine/scheduler.cc", "auto F(const KvCache& c) { return compute::PageTable(c.pages(0)); }", "table of pages"),
    ("engine/sequence.cc", "auto F(const kernels::SequenceRows& r) { return r.PageOf(0); }", "into a page"),
    ("plan/size_advice.cc", "auto F(const model::Linear& l) { return l.w.data; }", "behind a matrix"),
    ("tools/cmd_show.cc", "auto F(const model::Weights& w) { return w.blocks[0].at(r).w.data + 1; }", "behind a matrix"),
    ("eval/tasks.cc", "float F(const model::BlockWeights& w) { return w.attn_norm[0]; }", "vector of weights"),
    ("tools/layer_rates.cc", "float F(const model::Weights& w) { return *w.output_norm; }", "vector of weights"),
    ("compress/recode.cc", "void F() { kernels::DecodeRow(w, 0, out, {}); }", "decodes a row"),
    ("plan/speed_plan.cc", "auto F(const model::BlockWeights& w) { return w.q.w.rows + w.k.w.rows +\n w.v.w.rows; }", "lists"),
    ("tools/layer_rates.cc", "auto F(M& m) { for (auto& b : m.weights.blocks) { f(b.gate); f(b.up); f(b.down); } }", "lists"),
    ("engine/pass_work.cc", "constexpr MatrixRole kAll[] = {MatrixRole::kQ, MatrixRole::kK,\n MatrixRole::kV};", "lists"),
    ("model/model.cc", "auto F = {&BlockWeights::q, &BlockWeights::k, &BlockWeights::o};", "lists"),
    ("service/tenants.cc", "float F(compute::Floats x) { return *x.place(); }", "At::place"),
]
# None of these may be.
INNOCENT = [
    ("eval/evaluate.cc", "// x.place(), w.q, w.k, w.v, l.w.data"),
    ("eval/evaluate.cc", 'const char* kText = "w.attn_norm[0] x.place()";'),
    ("tools/cmd_show.cc", "auto F(const std::vector<int>& v) { return v.data() + x->data(); }"),
    ("plan/product_bench.cc", "kernels::WeightMatrix F(const std::byte* b) { return {.rows = 1, .data = b}; }"),
    ("compress/refine.cc", "bool F(Move m, Values& v) { return m.up && m.down && v.q && v.k && v.v; }"),
    ("engine/activations.h", "inline compute::Floats None() { return compute::Floats(); }"),
    ("engine/kv_cache_test.cc", "auto F(compute::Bytes b) { return b.place(); }"),
]


def write_into(root: pathlib.Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("\n" + text + "\n")


def self_test(root: pathlib.Path) -> list[str]:
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "innocent"
        shutil.copytree(root, copy)
        for name, text in INNOCENT:
            write_into(copy, name, text)
        (copy / "engine/pass_writer.cc").write_text("\n")
        for fault in check(copy):
            if "pass_writer.cc (list) is not needed" in fault:
                break
            faults.append(f"self-test: a false alarm, {fault}")
        else:
            faults.append("self-test: an exception that nothing needs was not found")
        copy = pathlib.Path(folder) / "planted"
        shutil.copytree(root, copy)
        for name, text, _ in PLANTED:
            write_into(copy, name, text)
        found = check(copy)
        for name, text, word in PLANTED:
            if not any(f"{copy}/{name}:" in fault and word in fault for fault in found):
                faults.append(f"self-test: not found in {name}: {text}")
    return faults


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    faults = check(root)
    if not faults and "--self-test" in sys.argv[2:]:
        faults = self_test(root)
    for fault in faults:
        print(fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

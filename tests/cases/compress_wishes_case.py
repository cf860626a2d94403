# SPDX-License-Identifier: Apache-2.0

"""What is asked of compress and could not come true is refused before the work, and what it does
unasked is told: expressions that match no tensor (names of transformers for those of GGUF, layers
that there are not, norms), tensors that nothing uses, options without effect, sizes in small
letters."""
import os

import case
import gguf

TYPE = ("--type", "Q4_0")


def refused(*options, err):
    case.run("compress", "m.gguf", "out.gguf", *options, code=2, err=err)
    case.check(not os.path.exists("out.gguf"), f"{options}: a file was left")


with case.folder():
    model = case.tiny_llama()
    model.write("m.gguf")
    with open("text.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 200)

    # An expression that matches nothing, with the names that there are, the nearest first.
    refused(*TYPE, "--keep", "ffn_dwon", err="--keep ffn_dwon: no tensor of m.gguf has such a name; "
            "they are blk.N.ffn_down.weight, ")
    refused(*TYPE, "--only", r"attn_qq\.=Q8_0", err="they are blk.N.attn_q.weight, ")
    refused(*TYPE, "--keep", r"q_proj", err="blk.N.attn_q.weight")
    refused(*TYPE, "--keep", r"blk\.2\.", err="N is 0 to 1")
    refused(*TYPE, "--keep", "attn_q=Q8_0", err="--keep attn_q=Q8_0: no tensor")
    # Of several each counts, with a mix too.
    refused("--size", "1MB", "--text", "text.txt", "--keep", "attn_q", "--keep", "lm_head",
            err="--keep lm_head: no tensor")
    case.run("compress", "m.gguf", "--plan", "--text", "text.txt", "--only", "embd_tokens=Q8_0",
             code=2, err="they are token_embd.weight, ")
    # Norms keep their type, whatever is asked for; but what has it already is no error.
    refused(*TYPE, "--only", "norm=Q8_0", err="--only norm=Q8_0: only matrices get another type")
    case.run("compress", "m.gguf", "norms.gguf", *TYPE, "--only", "norm=F32", "--keep", "norm")
    case.run("compress", "m.gguf", "kept.gguf", *TYPE, "--keep", "ffn_down")
    kinds = {t[0]: t[2] for t in gguf.read("kept.gguf").tensors}
    case.same("types", (kinds["blk.1.ffn_down.weight"], kinds["blk.1.ffn_up.weight"]), (gguf.F16, 2))

    # Options without effect.
    refused(*TYPE, "--resume", err="--type without a calibration text keeps no work")
    refused(*TYPE, "--restart", err="--type without a calibration text keeps no work")
    refused(*TYPE, "--judge-chunks", 3, err="--judge-chunks has no effect")
    refused(*TYPE, "--text", "text.txt", "--judge-chunks", 3, err="--judge-chunks has no effect")
    case.run("compress", "m.gguf", "--plan", "--text", "text.txt", "--judge-chunks", 3, code=2,
             err="--judge-chunks has no effect")
    case.run("compress", "m.gguf", "--plan", "--text", "text.txt", "--force", code=2,
             err="--plan writes nothing that --force could be about")
    case.run("compress", "m.gguf", "judged.gguf", *TYPE, "--judge", "t=text.txt", "--judge-chunks", 1)

    # A name that leaves no room for what stands behind it until the file is whole, told before work.
    name = "n" * 245 + ".gguf"
    done = case.run("compress", "m.gguf", name, *TYPE, code=1,
                    err="the name has 250 bytes, and the 255 that are the most here")
    case.run("compress", "m.gguf", "n" * 225 + ".gguf", *TYPE, "--judge", "t=text.txt", "--max-kld",
             9, code=1, err="that are the most here")
    case.run("compress", "m.gguf", "no/such/out.gguf", *TYPE, "--text", "text.txt", code=3,
             err="no/such/out.gguf")

    # A size as it is typed.
    for size in ("80kb", "80 KB", "0.08mb"):
        case.run("compress", "m.gguf", "out.gguf", "--size", size, "--text", "missing.txt", code=3,
                 err="missing.txt")  # the size was taken
    refused("--size", "70 m", "--text", "text.txt", err="'70 m' is no size; write it like 70MB")

    # What nothing uses is told, and written: others may know it.
    model.tensors.append(("blk.0.attn_extra.weight", [32], gguf.F32, gguf.floats([1.0] * 32)))
    model.write("m.gguf")
    done = case.run("compress", "m.gguf", "extra.gguf", *TYPE, "--force",
                    err="warning: m.gguf: tensor blk.0.attn_extra.weight is not used here and was "
                    "written all the same")
    case.check("attn\\_extra" in open("extra.md").read(), "the card does not tell it")
    case.check(gguf.read("extra.gguf").tensor("blk.0.attn_extra.weight"), "it was not written")
    # A second kind: a layer that guesses further tokens, behind the model's own.
    model = case.tiny_llama()
    model.tensors += [(name.replace("blk.1.", "blk.2."), *rest) for name, *rest in model.tensors
                      if name.startswith("blk.1.")]
    model.write("mtp.gguf")
    n = sum(1 for t in model.tensors if t[0].startswith("blk.2."))
    case.run("compress", "mtp.gguf", "mtp-small.gguf", *TYPE,
             err=f"{n} tensors, the first blk.2.")
case.end()

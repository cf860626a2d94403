# SPDX-License-Identifier: Apache-2.0

"""An index and its shards that do not list the same tensors: no harm unless the model needs what
is nowhere. (huggingface/huggingface_hub 4725; ids: the same weights without an index.)"""
import pathlib

import case
import safetensors

IDS = [57, 154, 81, 32]
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def run(**checks):
    done = case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks)
    return done.json.get("ids") if done.code == 0 else done.err.count("warning")


with case.folder():
    folder = safetensors.tiny_llama("model")
    names = list(folder.tensors)
    shards = {ONE: names[:10], TWO: names[10:]}
    truth = {name: file for file, held in shards.items() for name in held}

    folder.write(shards, {**truth, "mtp.fc.weight": TWO})
    case.same("a tensor too many", run(err="mtp.fc.weight"), IDS)
    tower = {f"model.visual.blocks.{i}.norm1.weight": ONE for i in range(40)}
    folder.write(shards, {**truth, **tower, "model.layers.2.self_attn.q_proj.weight": TWO})
    case.same("a tower and a layer beyond", run(err="and 38 more"), IDS)
    folder.write(shards, {name: file for name, file in truth.items() if name != names[3]})
    case.same("one too few", run(err=names[3]), IDS)
    folder.write(shards, {name: {ONE: TWO, TWO: ONE}[file] for name, file in truth.items()})
    case.same("in the other file", run(err="lists in another file"), IDS)

    # A whole shard that the index does not name: without it the head would be another one.
    folder.write(shards, {name: file for name, file in truth.items() if file == ONE})
    case.same("a shard too few", run(err="does not list"), IDS)
    last = {ONE: [n for n in names if n != "lm_head.weight"], TWO: ["lm_head.weight"]}
    folder.write(last, {name: ONE for name in last[ONE]})
    case.same("the head's shard", run(err="lm_head.weight"), IDS)
    case.same("the old index", run(no_err="embedding is taken"), IDS)

    left = pathlib.Path("model/model-00003-of-00003.safetensors")
    left.write_bytes(b"half a download")
    case.same("a broken file beside them", run(err="does not name this file, and it is not used"), IDS)
    left.unlink()

    # A file that is not there, of which nothing is wanted.
    folder.write(shards, {**truth, **{name: "model-00009-of-00009.safetensors" for name in tower}})
    case.same("a tower's file", run(err='not there: "model-00009-of-00009.safetensors"'), IDS)
    folder.write(shards, {name: "./" + file for name, file in truth.items()})
    case.same("as paths", run(no_err="warning"), IDS)
    folder.write({ONE: shards[ONE]}, truth)
    run(code=3, err=f'which the model needs, in "{TWO}", but this file is not there')

    # Needed: an error that names it, also where a model without it would be another good one.
    for needed in ("model.layers.1.mlp.up_proj.weight", "lm_head.weight"):
        less = {file: [n for n in held if n != needed] for file, held in shards.items()}
        folder.write(less, truth)
        run(code=6, err=f'"{needed}", which the model needs')
    folder.write(shards, {**truth, "model.layers.0.self_attn.q_proj.bias": ONE})
    run(code=6, err='q_proj.bias", which the model needs')
    folder.config["tie_word_embeddings"] = True
    folder.write(less, truth)
    case.check(len(run(err="lm_head.weight")) == 4, "a tied model needs no head")
case.end()

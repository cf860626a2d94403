# SPDX-License-Identifier: Apache-2.0

"""Merges whose parts or result are no tokens, as files whose vocabulary was cut have them. They can do
nothing; llama.cpp reads such files without looking. (tokenizer.json: the tokenizers library 0.22
refuses it, "Token `x` out of vocabulary", and so do we.)"""
import json
import shutil

import case
import gguf

with case.folder() as work:
    model = case.tiny_llama()
    good = model.values["tokenizer.ggml.merges"][1][1]
    model.values["tokenizer.ggml.merges"] = gguf.texts([b"zz top", b"q q", b"alone", *good])
    model.write("m.gguf")
    done = case.run("tokenize", "m.gguf", "-p", "hell qq", "--json")
    case.same("ids", done.json.get("ids"), [256, 257, *b" qq"])
    said = f"3 of {3 + len(good)} merges join or make what is no token"
    case.same("said once", done.err.count(said), 1)
    case.run("run", "m.gguf", "-p", "Hello", "--raw", "-n", 1, err=said)

    model.values["tokenizer.ggml.merges"] = gguf.texts(good)
    model.values["tokenizer.ggml.pre"] = gguf.text("elvish")
    model.write("elvish.gguf")
    case.run("tokenize", "elvish.gguf", "-p", "a", code=None,
             err='elvish.gguf: pre-tokenizer "elvish" is not known')

    shutil.copytree(case.model_path("chat_template_folder"), "folder")
    tokenizer = json.loads((work / "folder/tokenizer.json").read_text())
    tokenizer["model"]["merges"].append("zz top")
    (work / "folder/tokenizer.json").write_text(json.dumps(tokenizer))
    case.run("tokenize", "folder", "-p", "a", code=None, err="not in the vocabulary")
case.end()

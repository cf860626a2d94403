# SPDX-License-Identifier: Apache-2.0

"""White space behind Phi-3's special tokens belongs to them; GGUF has no key for it. (ggml-org/
llama.cpp PR 7685; ids: tokenizers with the flags of Phi-3's tokenizer.json, and llama.cpp 0c1e570.)"""
import case
import gguf

TEXT = "<|user|>\nHi you<|end|>\n<|assistant|>\n"
STRIPPED = [272, 269, 268, 273, 271]
KEPT = [272, 259, 13, 265, 268, 273, 259, 13, 271, 259, 13]


def ids(path, *options):
    return case.run("tokenize", path, "-p", TEXT, "--special", "--json", *options).json.get("ids")


with case.folder():
    model = gguf.read(case.model_path("phi3_tokenizer.gguf"))
    case.same("as it is", ids(case.model_path("phi3_tokenizer.gguf")), STRIPPED)

    del model.values["general.name"]
    model.write("by_architecture.gguf")
    case.same("by its architecture", ids("by_architecture.gguf"), STRIPPED)

    model.values["general.architecture"] = gguf.text("llama")
    model.write("other.gguf")
    case.same("another model", ids("other.gguf"), KEPT)

    model.values["general.name"] = gguf.text("My Phi-3 Tune")
    model.write("by_name.gguf")
    case.same("by its name", ids("by_name.gguf"), STRIPPED)
case.end()

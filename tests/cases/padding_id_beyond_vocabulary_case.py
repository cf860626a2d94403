# SPDX-License-Identifier: Apache-2.0

"""A padding token beyond the vocabulary, as fine-tunes with an added pad token have it. Nothing that
runs needs it. (ggml-org/llama.cpp issues 3634 and 2981; ids: llama.cpp 0c1e570.)"""
import case
import gguf

IDS = [57, 154, 81, 32]


def run(path, **said):
    done = case.run("run", path, "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **said)
    case.same(f"{path}: ids", done.json.get("ids"), IDS)


with case.folder():
    model = case.tiny_llama()
    model.values["tokenizer.ggml.padding_token_id"] = gguf.u32(32000)
    model.write("m.gguf")
    run("m.gguf", err="padding_token_id is 32000")

    model = case.tiny_llama()
    model.values["tokenizer.ggml.eot_token_id"] = gguf.u32(272)
    model.values["tokenizer.ggml.bos_token_id"] = gguf.i32(-1)
    model.write("ends.gguf")
    run("ends.gguf", err="eot_token_id is 272, but there are 272 tokens; ignored",
        no_err="bos_token_id")

    # Two tokens more than rows, in one file with types for fewer.
    model = case.tiny_llama()
    tokens = model.values["tokenizer.ggml.tokens"][1][1] + [b"[PAD]", b"<tool>"]
    model.values["tokenizer.ggml.tokens"] = gguf.texts(tokens)
    model.write("rowless.gguf")
    run("rowless.gguf", err="the tokenizer has 274 tokens, but the embedding only 272 rows")
    done = case.run("tokenize", "rowless.gguf", "-p", "[PAD]", "--special", "--json")
    case.same("spelled out", done.json.get("ids"), list(b"[PAD]"))
case.end()

# SPDX-License-Identifier: Apache-2.0

"""Ollama's converter writes several end tokens as a list of its own, tokenizer.ggml.eos_token_ids."""
import case
import gguf
import script


def answer(**checks):
    done = case.run("run", "m.gguf", "-p", "a", "--raw", "--temp", 0, "-n", 8, "--json", **checks)
    return done.json.get("text"), done.json.get("finish_reason")


with case.folder():
    model = script.tiny_llama([b"a", b"O", b"k", 269, b"!"])
    model.values["tokenizer.ggml.eos_token_ids"] = gguf.i32s([271, 269])
    model.write("m.gguf")
    case.same("a token of the list", answer(), ("Ok", "stop"))
    model.values["tokenizer.ggml.eos_token_ids"] = gguf.i32s([9999, -1, 269])
    model.write("m.gguf")
    case.same("others are no tokens", answer(err="holds 9999"), ("Ok", "stop"))

    # gpt-oss: <|end|> ends a message and not the turn, but it is no text of the answer.
    for kind in (3, 4):
        model = script.tiny_llama([b"a", b"O", b"k", 269, b"!"])
        for token, text in ((269, "<|end|>"), (268, "<|return|>"), (267, "<|call|>")):
            script.name_token(model, token, text, kind)
        model.write("m.gguf")
        case.same(f"harmony, type {kind}", answer()[0][:3], "Ok!")
case.end()

"""A padding token beyond the vocabulary, as fine-tunes with an added pad token have it. Nothing that
runs needs it. (ggml-org/llama.cpp issues 3634 and 2981; ids: llama.cpp 0c1e570.)"""
import case
import gguf

with case.folder():
    model = case.tiny_llama()
    model.values["tokenizer.ggml.padding_token_id"] = gguf.u32(32000)
    model.write("m.gguf")
    done = case.run("run", "m.gguf", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", err="padding_token_id is 32000")
    case.same("ids", done.json.get("ids"), [57, 154, 81, 32])
case.end()

# SPDX-License-Identifier: Apache-2.0

"""<|im_end|> stands in the file as another type than control, and eos is another token (ChatML
fine-tunes). It ends a turn by its text. (lmstudio-bug-tracker 1143; llama.cpp 0c1e570 mends the type
with a warning and ends here with 269 and 271.)"""
import json
import shutil

import case
import gguf


def ends_at_once(model, token, *options):
    done = case.run("run", model, "-p", "Hi", "--temp", 0, "-n", 10, "--json", *options,
                    err=f"does not mark {token}")
    case.same(f"{model}: finish_reason", done.json.get("finish_reason"), "stop")
    case.same(f"{model}: text", done.json.get("text"), "")


with case.folder() as work:
    path = case.model_path("turn_end_of_wrong_type.gguf")
    ends_at_once(path, "<|im_end|>")

    # Another text, another type.
    model = gguf.read(path)
    kinds = model.values["tokenizer.ggml.token_type"][1][1]
    tokens = model.values["tokenizer.ggml.tokens"][1][1]
    kinds[271] = 1
    tokens[271] = b"<turn|>"
    model.values["tokenizer.ggml.token_type"] = gguf.i32s(kinds)
    model.values["tokenizer.ggml.tokens"] = gguf.texts(tokens)
    model.write("normal.gguf")
    ends_at_once("normal.gguf", "<turn|>")

    # A folder whose tokenizer.json adds it without "special"; its answers are always id 200.
    shutil.copytree(case.model_path("eos_of_config_json"), "folder")
    config = json.loads((work / "folder/config.json").read_text())
    del config["eos_token_id"]
    (work / "folder/config.json").write_text(json.dumps(config))
    tokenizer = json.loads((work / "folder/tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {"<|im_end|>" if i == 200 else t: i for t, i in vocab.items()}
    tokenizer["added_tokens"][1] = {"id": 200, "content": "<|im_end|>", "special": False}
    (work / "folder/tokenizer.json").write_text(json.dumps(tokenizer))
    # A role would make it a control token, as in transformers; nobody names it here.
    (work / "folder/tokenizer_config.json").write_text('{"add_bos_token": false}')
    ends_at_once("folder", "<|im_end|>", "--raw")
case.end()

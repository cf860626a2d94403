# SPDX-License-Identifier: Apache-2.0

"""tokenizer_config.json names a pad_token that tokenizer.json does not have. Padding is not needed to
run. (hf-lin/ChatMusician 23; transformers adds the token as id 272, for which the model has no row.)"""
import json
import shutil

import case

IDS = [57, 154, 81, 32]


def run(folder, said):
    done = case.run("run", folder, "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", err=said)
    case.same(f"{folder}: ids", done.json.get("ids"), IDS)


with case.folder() as work:
    base = case.model_path("pad_token_not_in_vocabulary")
    run(base, 'pad_token "[PAD]" is not in the vocabulary; ignored')

    shutil.copytree(base, "eos")
    (work / "eos/tokenizer_config.json").write_text(
        '{"eos_token": {"content": "<|nobody|>"}, "add_bos_token": false}')
    run("eos", 'eos_token "<|nobody|>" is not in the vocabulary; ignored')

    # The token is in tokenizer.json, but the model has no row for it. A prompt may write it: it is
    # spelled out then.
    shutil.copytree(base, "rowless")
    tokenizer = json.loads((work / "rowless/tokenizer.json").read_text())
    tokenizer["added_tokens"] += [{"id": 272, "content": "[PAD]", "special": True},
                                  {"id": 273, "content": "<tool>", "special": False}]
    (work / "rowless/tokenizer.json").write_text(json.dumps(tokenizer))
    warning = "the tokenizer has 274 tokens, but the embedding only 272 rows"
    run("rowless", warning)
    for text in ("[PAD]", "<tool>"):
        done = case.run("run", "rowless", "-p", text, "--raw", "--temp", 0, "-n", 1, "--json",
                        "--ignore-eos", err=warning)
        case.same("prompt_tokens", done.json.get("prompt_tokens", len(text)), len(text))
        done = case.run("tokenize", "rowless", "-p", text, "--special", "--json")
        case.same(text, done.json.get("ids"), list(text.encode()))
    case.run("tokenize", "rowless", "--ids", 272, code=None, err="outside the vocabulary of 272")
case.end()

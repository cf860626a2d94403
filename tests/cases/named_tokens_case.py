# SPDX-License-Identifier: Apache-2.0

"""Tokens that stand beside tokenizer.json: added_tokens_decoder, added_tokens.json,
special_tokens_map.json, named tokens. Fine-tunes add them there, and the embedding has spare rows
for them. (Ids, order and template variables: transformers 4.57.6, AutoTokenizer, no tokens beyond
the embedding's 272 rows.)"""
import json
import shutil

import case
import chat


def folder(name, files, n_vocabulary=264):
    """The folder of byte-level tokens with the last names of its vocabulary left out: rows without
    a token. `files`: name -> a value for JSON, or a text as it stands."""
    shutil.copytree(case.model_path("pad_token_not_in_vocabulary"), name)
    path = work / name / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {k: v for k, v in vocabulary.items() if v < n_vocabulary}
    for token in tokenizer["added_tokens"]:
        token["id"] -= 270 - n_vocabulary
    path.write_text(json.dumps(tokenizer))
    for file, value in files.items():
        (work / name / file).write_text(value if isinstance(value, str) else json.dumps(value))


def same_ids(name, text, ids, **said):
    done = case.run("tokenize", name, "-p", text, "--special", "--json", **said)
    case.same(f"{name}: {text}", done.json.get("ids"), ids)


with case.folder() as work:
    # 264 and 265 are <|im_start|> and <|im_end|> of tokenizer.json.
    folder("decoder", {"tokenizer_config.json": {
        "eos_token": "<|im_end|>", "pad_token": "<pad>", "add_bos_token": False,
        "added_tokens_decoder": {"300": {"content": "<call>", "special": True},
                                 "20": {"content": "<tool>", "special": False, "lstrip": True}},
        "additional_special_tokens": ["<more>", "[PAD258]"],
        "extra_special_tokens": {"image_token": "<image>"}}})
    same_ids("decoder", "a <tool><call><pad><more>[PAD258]<image>",
             [97, 266, 267, 268, 269, 258, 270])
    folder("older", {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
                     "added_tokens.json": {"<b>": 267, "<a>": 266},
                     "special_tokens_map.json": {"pad_token": {"content": "<b>"},
                                                 "eos_token": "<|im_end|>",
                                                 "additional_special_tokens": ["<c>"]}})
    same_ids("older", "<a><b><c>", [266, 267, 268])
    case.same("hidden", case.run("tokenize", "older", "--ids", "266,267,268").out, "<a>")

    # No row is left for the last.
    folder("full", {"tokenizer_config.json": {"pad_token": "<pad>", "cls_token": "<cls>"}}, 269)
    same_ids("full", "<pad><cls>", [271, *b"<cls>"],
             err='cls_token "<cls>" is not in the vocabulary; ignored')

    # Templates read their texts, and those are tokens, not words.
    folder("chat", {"chat_template.jinja": "{{ unk_token }}{{ image_token }}{{ pad_token }}"
                                           "{{ additional_special_tokens[0] }}"
                                           "{{ sep_token is defined }}",
                    "tokenizer_config.json": {"unk_token": "<unk>", "pad_token": "<pad>",
                                              "additional_special_tokens": ["<more>"],
                                              "extra_special_tokens": {"image_token": "<im>"}}})
    done = case.run("run", "chat", "-p", "Hi", *chat.ANSWER)
    case.same("template", done.json.get("prompt_tokens"), 4 + len("False"))

    # What is odd and does no harm: each with one word.
    odd = {"pad_token": False, "add_bos_token": "true", "bos_token": "<|im_start|>"}
    folder("odd", {"tokenizer_config.json": odd, "generation_config.json": "[]"})
    said = case.run("tokenize", "odd", "-p", "a", "--bos", "--json", err="generation_config.json is")
    case.same("bos", said.json.get("ids"), [264, 97])
    for word in ("pad_token false is not a token's text; ignored", "taken as true"):
        case.same(word, said.err.count(word), 1)
    folder("empty", {"tokenizer_config.json": "", "generation_config.json": ""})
    same_ids("empty", "<|im_start|>a", [264, 97], err="tokenizer_config.json is empty; ignored")
    case.run("run", "empty", "-p", "a", "--raw", "-n", 1, err="generation_config.json is empty")
    for ends in (265.0, "265", "<|im_end|>", [[265]], [265, True]):
        name = "ends" + json.dumps(ends).replace("/", "")
        folder(name, {"generation_config.json": {"eos_token_id": ends}})
        case.run("run", name, "-p", "Hello", "--raw", "-n", 1, no_err="fetch")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""The literals that Python's json writes: Infinity in a field that the model does not use.
(ai-dynamo/dynamo 2882, huggingface/transformers PR 42959.)"""
import json
import pathlib

import case
import safetensors

IDS = [226, 65, 64, 233]


def ids(**checks):
    done = case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", no_err="Broken", **checks)
    return done.json.get("ids")


with case.folder():
    folder = safetensors.copy(case.model_path("config_json_infinity"), "model")
    case.same("Infinity", ids(), IDS)
    # The others, deep inside, beside a text that only looks like one; and in the index.
    folder.config["ssm"] = {"limits": [float("-inf"), float("nan"), {"x": float("inf")}],
                            "comment": 'NaN, "Infinity" and -Infinity'}
    names = list(folder.tensors)
    folder.write(shards={"a.safetensors": names[:9], "b.safetensors": names[9:]})
    index = pathlib.Path("model", safetensors.INDEX)
    index.write_text('{"metadata": {"loss": NaN, "total_size": 1}, ' + index.read_text()[1:])
    assert "[-Infinity, NaN, {" in pathlib.Path("model/config.json").read_text()
    pathlib.Path("model/generation_config.json").write_text('{"eos_token_id": 271, "x": [NaN]}')
    words = json.loads(pathlib.Path("model/tokenizer_config.json").read_text())
    words.update(model_max_length=int(1e30), padding=float("-inf"))
    pathlib.Path("model/tokenizer_config.json").write_text(json.dumps(words))
    case.same("all of them", ids(), IDS)
    # What else Python reads: numbers that are too large, a key that stands there twice (the last
    # counts), half a surrogate pair. And the words in tokenizer.json.
    config = pathlib.Path("model/config.json")
    good = config.read_text()
    half = '"\\ud83d"'
    config.write_text('{"rms_norm_eps": "x", "limit": [1e999, -1e400], "note": ' + half + ', ' + good[1:])
    done = case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", err='key "rms_norm_eps" stands there twice; the last value')
    case.same("as Python reads", done.json.get("ids"), IDS)
    config.write_text(good)
    tokenizer = pathlib.Path("model/tokenizer.json")
    whole = tokenizer.read_text()
    tokenizer.write_text('{"score": NaN, "most": 1e999, ' + whole.lstrip()[1:])
    case.same("in tokenizer.json", ids(), IDS)
    tokenizer.write_text(whole)
    # Where the number is used it is the number that is wrong, and said so.
    folder.config["rope_theta"] = float("inf")
    folder.write()
    case.run("run", "model", "-p", "Hello", "-n", 1, code=None, err="config.json: rope_theta is inf")
case.end()

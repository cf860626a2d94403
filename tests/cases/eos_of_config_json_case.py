# SPDX-License-Identifier: Apache-2.0

"""config.json's eos_token_id is another than tokenizer_config.json's, and there is no
generation_config.json. (hiyouga/LlamaFactory 4087; transformers:
GenerationConfig.from_model_config.) The model's answers are always id 200."""
import json
import shutil

import case


def run(folder, reason, n, **said):
    done = case.run("run", folder, "-p", "Hi", "--raw", "--temp", 0, "-n", 20, "--json", **said)
    case.same(f"{folder}: finish_reason", done.json.get("finish_reason"), reason)
    shown = [i for i in done.json.get("ids", []) if i != 200 or reason == "length"]
    case.same(f"{folder}: tokens", len(shown), n)


with case.folder() as work:
    base = case.model_path("eos_of_config_json")
    run(base, "stop", 0)

    def changed(name, generation=None, **keys):
        shutil.copytree(base, name)
        config = json.loads((work / name / "config.json").read_text())
        config.update(keys)
        (work / name / "config.json").write_text(json.dumps(config))
        if generation is not None:
            (work / name / "generation_config.json").write_text(json.dumps(generation))
        return name

    run(changed("list", eos_token_id=[5, 200]), "stop", 0)
    run(changed("nested", eos_token_id=None, text_config={"eos_token_id": 200}), "stop", 0)
    run(changed("silent", generation={"do_sample": False}), "stop", 0)
    run(changed("other", generation={"eos_token_id": 5}), "length", 20)
    run(changed("beyond", generation={"eos_token_id": [9999, 200]}), "stop", 0,
        err="eos_token_id 9999 is no token of a vocabulary of 272; ignored")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""A sliding_window that was left in the config.json of a Llama folder: transformers' class does not
look at it, only Mistral's does."""
import case
import safetensors

PROMPT = "The scale of this text matters much"


def ids(folder, **checks):
    folder.write()
    done = case.run("run", "model", "-p", PROMPT, "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks)
    return done.json.get("ids")


with case.folder():
    folder = safetensors.tiny_llama("model")
    whole = ids(folder)
    folder.config["sliding_window"] = 4
    case.same("a Llama with a window", ids(folder), whole)
    folder.config["architectures"] = ["MistralForCausalLM"]
    folder.config["model_type"] = "mistral"
    case.check(ids(folder) != whole, "Mistral's window does nothing")
case.end()

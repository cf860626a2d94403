# SPDX-License-Identifier: Apache-2.0

"""Keys that config.json leaves out because they are what the class takes anyway: transformers'
configuration classes of 5.23.0, with one warning each."""
import case
import safetensors

IDS = [57, 154, 81, 32]


def run(folder, **checks):
    folder.write()
    return case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks)


with case.folder():
    folder = safetensors.tiny_llama("model")
    left_out = {"rms_norm_eps": "1e-6", "rope_theta": "10000.0", "hidden_act": '"silu"',
                "max_position_embeddings": "2048"}
    for key in left_out:
        del folder.config[key]
    del folder.config["vocab_size"], folder.config["architectures"]  # told by the embedding, the type
    done = run(folder)
    for key, value in left_out.items():
        case.check(f"{key} is missing; {value} is taken" in done.err, f"{key}: {done.err!r}")
    case.check("LlamaForCausalLM is taken" in done.err, done.err)
    folder.config["rms_norm_eps"] = 1e-6
    case.same("ids", done.json.get("ids"), run(folder, no_err="rms_norm_eps").json.get("ids"))

    # Another class of the same family takes other numbers: a window, and fewer KV heads.
    folder = safetensors.tiny_llama("model")
    folder.config["architectures"] = ["MistralForCausalLM"]
    folder.config.update(num_key_value_heads=1)
    run(folder, err="sliding_window is missing; 4096 is taken")
    del folder.config["num_key_value_heads"]
    folder.config["sliding_window"] = None
    run(folder, code=6, err="num_key_value_heads is missing; 8 is taken")

    # gemma3's is the one base that is no 10000; null is a word and stays.
    folder = safetensors.copy(case.model_path("gemma3_head_of_an_adapter"), "model")
    del folder.config["rope_theta"], folder.config["query_pre_attn_scalar"]
    done = run(folder, err="rope_theta is missing; 1000000.0 is taken")
    case.check("query_pre_attn_scalar is missing; 256 is taken" in done.err, done.err)
    folder.config["rope_parameters"] = {"full_attention": {"rope_theta": 1e6},
                                        "sliding_attention": {"rope_theta": 1e4}}
    run(folder, no_err="rope_theta")
    # Nothing stands for a type and for the number of layers that tensors then contradict.
    folder = safetensors.tiny_llama("model")
    del folder.config["num_hidden_layers"]
    run(folder, code=6, err="num_hidden_layers is missing; 32 is taken")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""A head that a merge has left in a folder whose class ties head and embedding unless config.json
says otherwise. (ggml-org/llama.cpp 12483; ids: transformers' classes tie by default.)"""
import case
import safetensors

TIED, HEAD = [117, 117, 117, 117], [154, 117, 154, 117]


def ids(folder, **checks):
    folder.write()
    done = case.run("run", "model", "-p", "Hello you", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks)
    return done.json.get("ids")


with case.folder():
    folder = safetensors.copy(case.model_path("gemma3_head_of_an_adapter"), "model")
    case.same("not said", ids(folder, err="lm_head.weight is another than the embedding"), TIED)
    folder.config["tie_word_embeddings"] = True
    case.same("tied", ids(folder, err='config.json says "tie_word_embeddings": true'), TIED)
    folder.config["tie_word_embeddings"] = False
    case.same("not tied", ids(folder, no_err="lm_head"), HEAD)

    # Gemma 2's class ties too: with the head and without it the same.
    for name in [name for name in folder.tensors if "q_norm" in name or "k_norm" in name]:
        del folder.tensors[name]
    folder.config.update(architectures=["Gemma2ForCausalLM"], model_type="gemma2")
    del folder.config["rope_local_base_freq"], folder.config["tie_word_embeddings"]
    with_head = ids(folder, err="lm_head.weight is another than the embedding")
    del folder.tensors["lm_head.weight"]
    case.same("gemma2", with_head, ids(folder, no_err="lm_head"))

    # A llama's class does not tie.
    folder = safetensors.tiny_llama("model")
    said = ids(folder)
    del folder.config["tie_word_embeddings"]
    case.same("llama", ids(folder, no_err="lm_head"), said)
    del folder.tensors["lm_head.weight"]
    ids(folder, err="lm_head.weight is missing; the embedding is taken")
case.end()

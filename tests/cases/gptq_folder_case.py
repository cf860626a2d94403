# SPDX-License-Identifier: Apache-2.0

"""Weights that others have quantized: refused by the name of the method, for fetching them again
would not help. (ggml-org/llama.cpp 7505.)"""
import math
import pathlib

import case
import safetensors


def refused(*words):
    done = case.run("run", "model", "-p", "Hi", "--raw", "-n", 1, code=1, no_err="fetch it again")
    for word in (*words, "GGUF file"):
        case.check(word in done.err, f"no {word!r} in {done.err!r}")
    done = case.run("compress", "model", "m.gguf", "--type", "Q8_0", code=1)
    case.check(words[0] in done.err, f"compress: {done.err!r}")


CONFIGS = [
    ({"quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemm"}}, "AWQ", "4 bits"),
    ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": False,
                              "load_in_4bit": True}}, "bitsandbytes", "4 bits"),
    ({"quantization_config": {"load_in_8bit": True}}, "bitsandbytes", "8 bits"),
    ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, "FP8", "8 bits"),
    ({"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {
        "group_0": {"weights": {"num_bits": 4, "type": "int"}}}}}, "compressed-tensors", "4 bits"),
    ({"quantization_config": {"quant_method": "hqq"}}, "HQQ"),
    ({"quantization_config": {"w_bit": 4, "version": "GEMM"}}, "AWQ", "4 bits"),
    ({"quantization_config": {"quant_method": "eetq"}}, "EETQ"),
    ({"quantization_config": {"quant_method": "aqlm", "nbits_per_codebook": 16}}, "AQLM"),
    ({"quantization": {"group_size": 64, "bits": 4},
      "quantization_config": {"group_size": 64, "bits": 4}}, "MLX", "4 bits"),
]

Q = "model.layers.0.self_attn.q_proj"
# What stands in place of a layer's weight in folders that say nothing: bitsandbytes (save_pretrained
# of transformers), MLX, HQQ, DeepSeek's FP8, vLLM's FP8 and INT8, gpt-oss, EETQ, Quanto, torchao.
TENSORS = [
    ({".weight": ("U8", [512, 1]), ".weight.absmax": ("F32", [16]), ".weight.quant_map": ("F32", [16]),
      ".weight.quant_state.bitsandbytes__nf4": ("U8", [90])}, "bitsandbytes to 4 bits", "nf4"),
    ({".weight": ("U8", [512, 1]), ".weight.absmax": ("U8", [16])}, "bitsandbytes to 4 bits"),
    ({".weight": ("I8", [32, 32]), ".SCB": ("F32", [32])}, "bitsandbytes to 8 bits"),
    ({".weight": ("U32", [32, 4]), ".scales": ("BF16", [32, 1]), ".biases": ("BF16", [32, 1])}, "MLX"),
    ({".W_q": ("U8", [16, 32]), ".scale": ("F16", [1, 32]), ".zero": ("F16", [1, 32]),
      ".shape": ("I64", [2])}, "HQQ"),
    ({".weight": ("F8_E4M3", [32, 32]), ".weight_scale_inv": ("F32", [1, 1])}, "FP8 to 8 bits"),
    ({".weight": ("F8_E5M2", [32, 32]), ".weight_scale": ("F32", [])}, "FP8 to 8 bits"),
    ({".weight": ("I8", [32, 32]), ".weight_scale": ("F32", [32, 1])}, "compressed-tensors"),
    ({"_proj_blocks": ("U8", [1, 32, 1, 16]), "_proj_scales": ("U8", [1, 32, 1])}, "MXFP4 to 4 bits"),
    ({".weight": ("I8", [32, 32]), ".weight_scales": ("F16", [32])}, "EETQ to 8 bits"),
    ({".weight._data": ("I8", [32, 32]), ".weight._scale": ("F16", [32, 1])}, "Quanto"),
    ({"._weight_qdata": ("I8", [32, 32]), "._weight_scale": ("F32", [32, 1])}, "torchao"),
    ({".indices": ("I32", [1, 8]), ".centroids.weight": ("F16", [1, 64])}, "VPTQ"),
    # Nothing that would tell a method.
    ({".weight": ("U16", [32, 32])}, 'q_proj.weight" has the element type "U16"'),
]
BYTES = {"U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "BOOL": 1, "U16": 2, "F16": 2, "BF16": 2,
         "U32": 4, "F32": 4, "I32": 4, "I64": 8}


def tensor(kind, shape):
    return kind, shape, bytes(BYTES[kind] * math.prod(shape))


with case.folder():
    folder = safetensors.copy(case.model_path("gptq_folder"), "model")
    refused("GPTQ", "4 bits")
    # As AutoGPTQ wrote it in 2023; then without any word.
    del folder.config["quantization_config"]
    folder.write()
    beside = pathlib.Path("model/quantize_config.json")
    beside.write_text('{"bits": 3, "group_size": 128}')
    refused("GPTQ", "3 bits")
    beside.unlink()
    refused("GPTQ", "down_proj.g_idx")
    folder.tensors = {n: t for n, t in folder.tensors.items() if not n.endswith("g_idx")}
    folder.write()
    refused("GPTQ or AWQ", "down_proj.qweight")

    for words, *named in CONFIGS:
        folder = safetensors.tiny_llama("model")
        folder.config.update(words)
        # Types that a GGUF-like reader does not even have.
        folder.tensors["model.layers.0.mlp.up_proj.weight"] = ("F8_E4M3", [32, 32], bytes(1024))
        folder.write()
        refused(*named)
    for held, *named in TENSORS:
        folder = safetensors.tiny_llama("model")
        del folder.tensors[Q + ".weight"]
        stem = "model.layers.0.mlp.experts.gate_up" if "_proj_blocks" in held else Q
        folder.tensors.update({stem + name: tensor(*form) for name, form in held.items()})
        folder.write()
        if "has the element type" in named[0]:
            case.run("run", "model", "-p", "Hi", "-n", 1, code=1, err=named[0])
        else:
            refused(*named)
    # What no weight uses may be of any type; a quantized tower is not the model.
    folder = safetensors.tiny_llama("model")
    folder.tensors["model.layers.0.self_attn.causal_mask"] = tensor("BOOL", [4, 4])
    folder.tensors["model.layers.0.self_attn.empty"] = tensor("F32", [0])
    folder.tensors["vision_tower.proj.weight"] = tensor("U8", [8, 1])
    folder.tensors["vision_tower.proj.weight.absmax"] = tensor("F32", [1])
    folder.write()
    done = case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", err="it is not used, nor are 2 more like it")
    case.same("with tensors of other types", done.json["ids"], [57, 154, 81, 32])
    case.same("one sentence", done.err.count("has the element type") + done.err.count("is empty"), 1)
    case.run("compress", "model", "m.gguf", "--type", "F16", err="it is not used")
    # A copy by MLX that is not quantized is a copy.
    folder = safetensors.tiny_llama("model")
    folder.metadata = {"format": "mlx"}
    folder.write()
    done = case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", err="written by MLX")
    case.same("mlx", done.json.get("ids"), [57, 154, 81, 32])
case.end()

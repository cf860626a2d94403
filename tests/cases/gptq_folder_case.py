# SPDX-License-Identifier: Apache-2.0

"""Weights that others have quantized: refused by the name of the method, for fetching them again
would not help. (ggml-org/llama.cpp 7505.)"""
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
    ({"quantization_config": {"quant_method": "eetq"}}, "EETQ"),
    ({"quantization_config": {"quant_method": "aqlm", "nbits_per_codebook": 16}}, "AQLM"),
    ({"quantization": {"group_size": 64, "bits": 4},
      "quantization_config": {"group_size": 64, "bits": 4}}, "MLX", "4 bits"),
]

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
    refused("GPTQ or AWQ", "q_proj.qweight")

    for words, *named in CONFIGS:
        folder = safetensors.tiny_llama("model")
        folder.config.update(words)
        # Types that a GGUF-like reader does not even have.
        folder.tensors["model.layers.0.mlp.up_proj.weight"] = ("F8_E4M3", [32, 32], bytes(1024))
        folder.write()
        refused(*named)
    # A copy by MLX that is not quantized is a copy.
    folder = safetensors.tiny_llama("model")
    folder.metadata = {"format": "mlx"}
    folder.write()
    done = case.run("run", "model", "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", err="written by MLX")
    case.same("mlx", done.json.get("ids"), [57, 154, 81, 32])
case.end()

# SPDX-License-Identifier: Apache-2.0

"""A layer's tensor that no supported architecture has, such as stacked experts, is refused by name
and shape, whatever the other keys say."""
import case
import gguf
import safetensors

with case.folder():
    # Old mixtures call themselves llama; here without the key that counts the experts.
    model = case.tiny_llama()
    model.tensors = [t for t in model.tensors if ".ffn_up." not in t[0]]
    model.tensors.append(("blk.0.ffn_up_exps.weight", [32, 32, 2], gguf.F16, bytes(4096)))
    model.write("m.gguf")
    case.run("run", "m.gguf", "-p", "a", code=1, no_err="fetch it again",
             err="blk.0.ffn_up_exps.weight [2, 32, 32]")
    model = case.tiny_llama()
    model.tensors.append(("blk.1.ffn_gate.1.weight", [32, 32], gguf.F16, bytes(2048)))
    model.write("m.gguf")
    case.run("run", "m.gguf", "-p", "a", code=1, err="blk.1.ffn_gate.1.weight [32, 32]")

    folder = safetensors.tiny_llama("model")
    folder.tensors["model.layers.1.mlp.experts.gate_up_proj"] = ("F16", [2, 64, 32], bytes(8192))
    folder.write()
    for command in (("run", "model", "-p", "a"), ("compress", "model", "x.gguf", "--type", "F16")):
        case.run(*command, code=1, err="model.layers.1.mlp.experts.gate_up_proj [2, 64, 32]")
case.end()

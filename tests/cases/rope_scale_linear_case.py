# SPDX-License-Identifier: Apache-2.0

"""Linear rope scaling under its key of 2023, and under today's without a type: positions divided by
4. (ggml-org/llama.cpp PR 2772; ids of the first: llama.cpp 0c1e570, float64.)"""
import case
import gguf

PROMPT = "The scale of this text matters much"
SCALED, PLAIN = [143, 226, 116, 68], [238, 215, 226, 116]


def ids(model, **checks):
    model.write("m.gguf")
    done = case.run("run", "m.gguf", "-p", PROMPT, "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks)
    return done.json.get("ids")


def changed(**values):
    model = gguf.read(case.model_path("rope_scale_linear.gguf"))
    del model.values["llama.rope.scale_linear"]
    for key, value in values.items():
        model.values["llama.rope." + key.replace("__", ".")] = value
    return model


with case.folder():
    case.same("as it is", ids(gguf.read(case.model_path("rope_scale_linear.gguf"))), SCALED)
    # llama.cpp's load_hparams: the type is linear where none is said; the newer key goes before.
    case.same("no type", ids(changed(scaling__factor=gguf.f32(4))), SCALED)
    case.same("both keys", ids(changed(scaling__factor=gguf.f32(4), scale_linear=gguf.f32(2))),
              SCALED)
    case.same("old key with a type", ids(changed(scaling__type=gguf.text("linear"),
                                                 scale_linear=gguf.f32(4))), SCALED)
    # "none" switches it off, and 0 is how llama.cpp itself writes that there is none.
    case.same("none", ids(changed(scaling__type=gguf.text("none"), scaling__factor=gguf.f32(4))),
              PLAIN)
    case.same("0", ids(changed(scaling__type=gguf.text("linear"), scaling__factor=gguf.f32(0))),
              PLAIN)
case.end()

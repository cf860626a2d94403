# SPDX-License-Identifier: Apache-2.0

"""A model of Ollama whose chat template is a layer beside the GGUF file: older models have none in
the file. The template is Go's text/template. (containers/ramalama issue 1857; texts by the rules of
Go's package and of Ollama's template.go.)"""
import hashlib
import json
import os
import re

import case
import chat

TURNS = ("{{ if .System }}<|im_start|>system {{ .System }}<|im_end|>{{ end }}<|im_start|>user "
         "{{ .Prompt }}<|im_end|><|im_start|>assistant ")
MESSAGES = """{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ .Content }}{{ if not $last }}<|im_end|>
{{ end }}
{{- end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}"""


def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    os.makedirs("store/blobs", exist_ok=True)
    with open(f"store/blobs/sha256-{digest}", "wb") as file:
        file.write(data)
    return "sha256:" + digest


def lay(name, own_template=None, config="{}", **layers):
    """A model in the store, as `ollama create` lays it out."""
    chat.model_with(own_template, "blob.gguf")
    layers = {"model": open("blob.gguf", "rb").read(),
              **{kind: text.encode() for kind, text in layers.items()}}
    manifest = {"schemaVersion": 2, "config": {"digest": blob(config.encode())}, "layers": [
        {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": blob(data),
         "size": len(data)} for kind, data in layers.items()]}
    chat.write(f"store/manifests/registry.ollama.ai/library/{name}/latest", json.dumps(manifest))


def run(name, *arguments, **expected):
    return case.run("run", f"ollama:{name}", "-p", "Hi", *chat.ANSWER, *arguments, **expected,
                    env={"OLLAMA_MODELS": os.path.abspath("store")})


with case.folder():
    lay("tiny", template=TURNS)
    done = run("tiny", no_err="no chat template")
    case.same("prompt tokens", done.json.get("prompt_tokens"), 20)
    chat.same_prompt("with a system message", run("tiny", "--sys", "S"),
                     "<|im_start|>system S<|im_end|><|im_start|>user Hi<|im_end|>"
                     "<|im_start|>assistant ")

    # Another kind of template, and the Modelfile's SYSTEM and PARAMETER.
    lay("messages", template=MESSAGES, system="Be brief.",
        params=json.dumps({"stop": ["<|im_end|>"], "temperature": 0.1}))
    user = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    chat.same_prompt("messages", run("messages", err="parameters are not used: temperature"),
                     "<|im_start|>system\nBe brief.<|im_end|>\n" + user)
    chat.same_prompt("another system message", run("messages", "--sys", "Sing."),
                     "<|im_start|>system\nSing.<|im_end|>\n" + user)

    # A user's text ends no turn, whatever it says.
    lay("plain", template="<|im_start|>{{ .Prompt }}")
    done = case.run("run", "ollama:plain", "-p", "<|im_end|>", *chat.ANSWER,
                    env={"OLLAMA_MODELS": os.path.abspath("store")})
    case.same("a control token in a message", done.json.get("prompt_tokens"), 1 + 10)

    # Beside another one inside the file the layer wins, as in Ollama, and that is told once. The
    # file's own is used where the file is opened by its path.
    lay("own", own_template=chat.CHATML, template=TURNS, system="S")
    told = "ollama:own:latest: Ollama's chat template is used, as Ollama does; "
    done = run("own", err=told)
    case.same("told once", done.err.count("Ollama's chat template"), 1)
    chat.same_prompt("the layer", done, "<|im_start|>system S<|im_end|>"
                     "<|im_start|>user Hi<|im_end|><|im_start|>assistant ")
    path = re.search(r"opened as (\S+) it is used", done.err).group(1)
    chat.same_prompt("its own", case.run("run", path, "-p", "Hi", *chat.ANSWER, no_err="Ollama"),
                     "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n")
    # Two that say the same are no news, and neither is a layer that is empty.
    lay("same", own_template=chat.CHATML, template="{{ range .Messages }}<|im_start|>{{ .Role }}\n"
        "{{ .Content }}<|im_end|>{{ end }}<|im_start|>assistant\n")
    run("same", no_err="chat template")
    lay("empty", own_template=chat.CHATML, template="")
    chat.same_prompt("an empty layer", run("empty", no_err="chat template"),
                     "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n")

    # A model whose chats Ollama writes by code of its own has a layer that it does not run.
    lay("coded", own_template=chat.CHATML, template="{{ .Prompt }}",
        config='{"renderer": "qwen3-coder"}')
    chat.same_prompt("in place of Ollama's code", run("coded", err="('qwen3-coder')"),
                     "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n")

    # What cannot be translated is named, and why.
    lay("strange", template="a\n{{ .Weather }}")
    done = run("strange", err="is not used: line 2: .Weather is not known")
    case.same("without a template", done.json.get("prompt_tokens"), 2)
    lay("both", own_template=chat.CHATML, template="a\n{{ .Weather }}")
    chat.same_prompt("its own in place of it",
                     run("both", err=".Weather is not known; the one inside the file is"),
                     "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n")
    lay("adapted", template=TURNS, adapter="x")
    run("adapted", err="Ollama's layer 'adapter' of the model is not used")
case.end()

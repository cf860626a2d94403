# SPDX-License-Identifier: Apache-2.0

"""A folder's template stands in chat_template.json, where processors write it (Gemma 3, Mistral Small
3.1), or in another of the places that transformers 5 looks at. (ggml-org/llama.cpp PR 12460.)"""
import json

import case
import chat
import gguf

HI = "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n"
OTHER = "<|im_start|>{{ messages[0].content }}<|im_end|>"
OTHER_HI = "<|im_start|>Hi<|im_end|>"
CONFIG = json.load(open(case.model_path("chat_template_folder/tokenizer_config.json")))
names = iter(range(100))


def named(value):
    return json.dumps({"chat_template": value})


def configured(value):
    return json.dumps({**CONFIG, "chat_template": value})


def prompt_of(files, **expected):
    name = chat.folder_model(f"folder{next(names)}", files)
    return case.run("run", name, "-p", "Hi", *chat.ANSWER, **expected)


def by_name(**templates):
    return [{"name": name, "template": text} for name, text in templates.items()]


with case.folder():
    done = prompt_of({"chat_template.json": named(chat.CHATML)})
    case.same("chat_template.json", done.json.get("prompt_tokens"), 20)

    for what, files in {
            "processor_config.json": {"processor_config.json": named(chat.CHATML)},
            "a list": {"tokenizer_config.json": configured(by_name(tool_use=OTHER,
                                                                   default=chat.CHATML))},
            "an object": {"chat_template.json": named({"tool_use": OTHER,
                                                       "default": chat.CHATML})},
            "a folder of templates": {"additional_chat_templates/default.jinja": chat.CHATML,
                                      "additional_chat_templates/rag.jinja": OTHER},
            "a file and a folder": {"chat_template.jinja": chat.CHATML,
                                    "additional_chat_templates/rag.jinja": OTHER},
            "a file before a key": {"chat_template.jinja": chat.CHATML,
                                    "tokenizer_config.json": configured(OTHER)},
            "the tokenizer's key before the processor's": {
                "tokenizer_config.json": configured(chat.CHATML),
                "chat_template.json": named(OTHER)},
            # Laguna's tokenizer_config.json
            "an included file": {
                "tokenizer_config.json": configured("{% include 'chat_template.jinja' %}"),
                "chat_template.jinja": chat.CHATML},
            "a folder's include": {
                "additional_chat_templates/default.jinja": "{%- include \"chat_template.jinja\" -%}\n",
                "chat_template.jinja": chat.CHATML}}.items():
        chat.same_prompt(what, prompt_of(files), HI)
    chat.same_prompt("a folder's default before the file", prompt_of({
        "chat_template.jinja": chat.CHATML, "additional_chat_templates/default.jinja": OTHER}),
                     OTHER_HI)

    prompt_of({"tokenizer_config.json": configured("{% include 'other.jinja' %}")}, code=None,
              err="{% include 'other.jinja' %}")
    prompt_of({"tokenizer_config.json": configured("{% include 'chat_template.jinja' %}")},
              code=None, err="{% include 'chat_template.jinja' %}")
    done = prompt_of({"tokenizer_config.json": configured(by_name(rag=OTHER, tool_use=OTHER))},
                     err='the chat templates "rag", "tool_use" are not used')
    case.same("none is named default", done.json.get("prompt_tokens"), 2)

    # A file with templates by name, but not the usual one.
    model = case.tiny_llama()
    model.values["tokenizer.chat_template.rag"] = gguf.text(OTHER)
    model.write("named.gguf")
    case.run("run", "named.gguf", "-p", "Hi", *chat.ANSWER,
             err='the chat templates "rag" are not used')
case.end()

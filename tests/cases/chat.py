# SPDX-License-Identifier: Apache-2.0

"""What the cases of chat templates share: the small models speak bytes and two control tokens."""
import pathlib
import re
import shutil

import case
import gguf

CHATML = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
ANSWER = ("-n", 1, "--json")


def tokens(text):
    """How many tokens of tiny_llama's vocabulary a rendered chat has: one a byte and control token;
    the words "he" and "ll" are tokens too."""
    return len(re.sub(r"<\|im_start\|>|<\|im_end\|>|he|ll", "x", text).encode())


def model_with(template, name="m.gguf"):
    """tiny_llama with this template in the file."""
    model = case.tiny_llama()
    if template is not None:
        model.values["tokenizer.chat_template"] = gguf.text(template)
    model.write(name)
    return name


def folder_model(name, files):
    """A Hugging Face folder of the same kind with these files, path -> text."""
    shutil.copytree(case.model_path("chat_template_folder"), name)
    for path, text in files.items():
        write(f"{name}/{path}", text)
    return name


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def same_prompt(what, done, text):
    """The prompt was the rendered chat `text`, as far as its number of tokens tells."""
    case.same(what, done.json.get("prompt_tokens"), tokens(text))

# SPDX-License-Identifier: Apache-2.0

"""A template that asks whether tools is none, without asking first whether it is defined:
transformers' apply_chat_template passes tools and documents as None, and the special tokens.
(lablup/mlxcel issue 1597; numbers by jinja2.)"""
import case
import chat

MESSAGES = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
TOOLS = ("{% if tools is not none %}<|im_start|>system\nYou may call these tools: {% for t in tools %}"
         "{{ t }}{% endfor %}<|im_end|>{% endif %}" + MESSAGES + "<|im_start|>assistant\n")
# Undefined would be an error here: none has no length, but undefined no attributes either.
DOCUMENTS = ("{% if documents is none and tools == none %}none: {{ tools }}{% else %}"
             "{{ raise_exception('given') }}{% endif %}{{ bos_token }}{{ eos_token }}" + MESSAGES)

with case.folder():
    done = case.run("run", chat.model_with(TOOLS), "-p", "Hi", *chat.ANSWER)
    case.same("prompt tokens", done.json.get("prompt_tokens"), 19)

    chat.folder_model("folder", {"chat_template.jinja": DOCUMENTS})
    done = case.run("run", "folder", "-p", "Hi", *chat.ANSWER)
    chat.same_prompt("documents, in a folder", done,
                     "none: None<|im_start|><|im_end|><|im_start|>user\nHi<|im_end|>")
case.end()

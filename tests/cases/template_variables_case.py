# SPDX-License-Identifier: Apache-2.0

"""What a template reads can be seen and set: thinking is on or off by the model's own default, which
differs from checkpoint to checkpoint. (Names as Hugging Face's templates have them.)"""
import case
import chat

TEMPLATE = ("{% set thinks = enable_thinking is not defined or enable_thinking %}"
            "{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}"
            "{% if thinks %}<think>{% endif %}{{ '!' * (level | default(0)) }}{{ date_string }}")


def prompt(model, *settings, **expected):
    options = [part for each in settings for part in ("--template-var", each)]
    return case.run("run", model, "-p", "Hi", *chat.ANSWER, *options, **expected)


with case.folder():
    model = chat.model_with(TEMPLATE)
    shown = case.run("show", model, "--json").json
    case.same("variables", shown.get("template_variables"),
              ["date_string", "enable_thinking", "level"])
    case.check("reads date_string, enable_thinking, level" in case.run("show", model).out,
               "show does not list the variables")
    chat.same_prompt("as it is", prompt(model), "<|im_start|>Hi<think>")
    chat.same_prompt("off", prompt(model, "enable_thinking=false", "level=3"), "<|im_start|>Hi!!!")
    # A text stays a text, whatever it says: no control token.
    done = prompt(model, "enable_thinking=no", "date_string=<|im_end|>")
    case.same("a text", done.json.get("prompt_tokens"), chat.tokens("<|im_start|>Hi<think>") + 10)
    prompt(model, "enable_thought=1",
           err="does not read 'enable_thought'; it reads date_string, enable_thinking, level")
    prompt(model, "level", code=2, err="is not of the form NAME=VALUE")

    # In a folder, and a template that reads nothing.
    chat.folder_model("folder", {"chat_template.jinja": chat.CHATML})
    case.same("none", case.run("show", "folder", "--json").json.get("template_variables"), [])
    chat.folder_model("without", {})
    shown = case.run("show", "without", "--json").json
    case.check("template_variables" not in shown, "a model without a template has variables")
case.end()

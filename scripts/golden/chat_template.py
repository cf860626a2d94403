#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Renders chat templates with transformers' own environment; writes tests/golden/chat_template/.

usage: chat_template.py MODEL.gguf   (SmolLM2, whose template is Apache-2.0)

Needs transformers, jinja2 and gguf. The time is held still at 2024-07-26 12:34:56 UTC.
"""
import datetime
import json
import pathlib
import sys

import gguf
import jinja2
import transformers
from transformers.utils import chat_template_utils

NOW = 1721997296
HERE = pathlib.Path(__file__).parent
OUT = HERE.parent.parent / "tests" / "golden" / "chat_template"


class HeldTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


def message(role, content, **more):
    return {"role": role, "content": content, **more}


TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather of a city, e.g. \"서울\" <now>",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "the city's name"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "default": 1}}, "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "add", "description": "Adds.", "parameters": {
            "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}}},
]
CALL = message("assistant", None, tool_calls=[{"id": "abcdefgh1", "type": "function", "function": {
    "name": "get_weather", "arguments": {"city": "서울", "days": 2, "exact": True, "x": 1.5, "y": None}}}])
ANSWER = message("tool", "{\"degrees\": -3.5}", tool_call_id="abcdefgh1", name="get_weather")
HARD = "<|im_end|>\n<|im_start|>system\n{{ messages }} {% raw %} '\"\\ <end_of_turn>"
CONVERSATIONS = {
    "single": [message("user", "Hi there")],
    "system": [message("system", "  Be brief.\n"), message("user", "Hi")],
    "turns": [message("user", "One"), message("assistant", " 1 "), message("user", "Two")],
    "system turns": [message("system", "S"), message("user", "a"), message("assistant", "b"),
                     message("user", "c"), message("assistant", "d")],
    "korean": [message("user", "안녕하세요 👋🏽 세상"), message("assistant", "네, 반갑습니다.\n\n- 하나\n")],
    "hard": [message("system", HARD), message("user", HARD), message("assistant", HARD)],
    "empty": [message("user", ""), message("assistant", ""), message("user", " \n\t ")],
    "spaces": [message("user", "\n\n  two lines\u00a0\n\u3000"), message("assistant", "\tx\r\n")],
    "thinking": [message("user", "q"), message("assistant", "<think>\nhm\n</think>\n\na"),
                 message("user", "r"), message("assistant", "<think>so</think>b")],
    "tools": [message("user", "Weather?"), CALL, ANSWER, message("assistant", "Cold."),
              message("user", "Thanks")],
    "wrong order": [message("user", "a"), message("user", "b")],
    "starts with assistant": [message("assistant", "a")],
    "unknown role": [message("user", "a"), message("critic", "b")],
    "two calls": [message("user", "x"), {**CALL, "tool_calls": CALL["tool_calls"] * 2}],
    "parts": [message("user", [{"type": "text", "text": " look "}, {"type": "image"}])],
    "no messages": [],
}


def template_of_gguf(path):
    field = gguf.GGUFReader(path).fields["tokenizer.chat_template"]
    return bytes(field.parts[field.data[0]]).decode()


def render(compiled, context):
    try:
        return {"text": compiled.render(**context)}
    except Exception as error:  # what a template raises is part of the answer
        kind = type(error)
        exact = isinstance(error, jinja2.exceptions.TemplateError)
        return {"error": str(error) if exact else "", "type": kind.__name__}


def cases(compiled):
    for name, messages in CONVERSATIONS.items():
        for tools in (None, TOOLS):
            for prompt in (False, True):
                context = {"messages": messages, "tools": tools, "documents": None,
                           "add_generation_prompt": prompt, "bos_token": "<s>", "eos_token": "</s>"}
                yield {"name": name, "tools": tools is not None, "add_generation_prompt": prompt,
                       **render(compiled, context)}


def main():
    chat_template_utils.datetime = HeldTime
    sources = {path.stem: path.read_text()
               for path in sorted((HERE / "chat_template_sources").glob("*.jinja"))}
    sources["smollm2"] = template_of_gguf(sys.argv[1])
    OUT.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        compiled = chat_template_utils._compile_jinja_template(source)
        golden = {"template": source, "conversations": CONVERSATIONS, "tools": TOOLS, "now": NOW,
                  "cases": list(cases(compiled))}
        text = json.dumps(golden, ensure_ascii=False, indent=1) + "\n"
        assert len(text.encode()) < 300_000, name
        (OUT / f"{name}.json").write_text(text)
        print(name, len(text.encode()), sum("error" in case for case in golden["cases"]))
    print("jinja2", jinja2.__version__, "transformers", transformers.__version__)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Renders every chat template of llama.cpp with jinja2 and with this project, and compares.

usage: chat_templates_of_llama_cpp.py TEMPLATES RENDER_TEMPLATE [--write]

TEMPLATES is the folder models/templates of llama.cpp's source (it is also part of the source
package llama-cpp-python 0.3.36 on PyPI, vendor/llama.cpp/models/templates); RENDER_TEMPLATE the
program that the target render_template builds. Needs transformers and jinja2: templates are compiled
by transformers' own function, with from_json as a filter, which llama.cpp adds. The time is held
still. Text must be equal byte for byte; where jinja2 raises, this project must fail too, with the
template's own words where they are raised by the template.

The templates belong to the makers of their models, so they are not kept here. --write notes the
SHA-256 of each template and of what it renders in tests/golden/chat_template/of_llama_cpp.json; without
it the two are compared as well.
"""
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys

import jinja2
from transformers.utils import chat_template_utils

NOW = 1721997296  # 2024-07-26 12:34:56 UTC
HASHES = (pathlib.Path(__file__).parent.parent.parent / "tests" / "golden" / "chat_template" /
          "of_llama_cpp.json")


class HeldTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, identity="abcdefgh1"):
    return {"id": identity, "type": "function",
            "function": {"name": name, "arguments": arguments}}


TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather of a city, e.g. \"서울\" <now>",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "the city's name"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "default": 1},
            "places": {"type": "array", "items": {"type": "string"}},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}}},
            "either": {"type": ["string", "null"]}}, "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "add", "description": "Adds.", "strict": True, "parameters": {
            "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}}},
]
ARGUMENTS = {"city": "서울", "days": 2, "exact": True, "x": 1.5, "y": None, "l": [1, "a<b"],
             "o": {"k": "v"}}
ANSWER = message("tool", "{\"degrees\": -3.5}", tool_call_id="abcdefgh1", name="get_weather")
DOCUMENTS = [{"title": "Penguins", "text": "Emperor penguins are the tallest.", "doc_id": 1},
             {"title": "서울", "text": "A city & more.", "doc_id": 2}]


def conversations():
    """name -> context"""
    user = message("user", "Hi there")
    turns = [message("system", "  Be brief.\n"), message("user", "One"),
             message("assistant", " 1 "), message("user", "Two")]
    for arguments, kind in ((ARGUMENTS, "object"), (json.dumps(ARGUMENTS, ensure_ascii=False), "text")):
        for content in ("", "I look."):
            calls = [message("system", "S"), message("user", "Weather?"),
                     message("assistant", content, tool_calls=[call("get_weather", arguments)])]
            yield f"call, {kind}, {content!r}", {"messages": calls, "tools": TOOLS}
            yield f"answer, {kind}, {content!r}", {"messages": [*calls, ANSWER], "tools": TOOLS}
            yield f"after, {kind}, {content!r}", {
                "messages": [*calls, ANSWER, message("assistant", "Cold."),
                             message("user", "Thanks")], "tools": TOOLS}
    two = [call("get_weather", ARGUMENTS), call("add", {"a": 1, "b": 2}, "abcdefgh2")]
    yield "two calls", {"messages": [
        user, message("assistant", None, tool_calls=two), ANSWER,
        message("tool", "3", tool_call_id="abcdefgh2", name="add")], "tools": TOOLS}
    yield "plain", {"messages": [user]}
    yield "system", {"messages": [message("system", "Be brief."), user]}
    yield "developer", {"messages": [message("developer", "Be brief."), user]}
    yield "turns", {"messages": turns}
    yield "ends with assistant", {"messages": turns[:3]}
    yield "korean", {"messages": [message("user", "안녕하세요 👋🏽 세상"),
                                  message("assistant", "네, 반갑습니다.\n\n- 하나\n"),
                                  message("user", " \n\t ")]}
    yield "hard", {"messages": [message("user", "<|im_end|>\n{{ messages }} {% raw %} '\"\\ <b>&")]}
    yield "parts", {"messages": [message("user", [{"type": "text", "text": " look "},
                                                  {"type": "text", "text": "here"}])]}
    yield "image", {"messages": [message("user", [{"type": "text", "text": "look"},
                                                  {"type": "image"}])]}
    yield "tools, no call", {"messages": turns, "tools": TOOLS}
    yield "no messages", {"messages": []}
    yield "wrong order", {"messages": [user, user, message("assistant", "b")]}
    yield "unknown role", {"messages": [user, message("critic", "b")]}
    thinking = [message("user", "q"), message("assistant", "<think>\nhm\n</think>\n\na"),
                message("user", "r"),
                message("assistant", "b", reasoning_content="so", thinking="so"),
                message("user", "s")]
    yield "thinking", {"messages": thinking}
    yield "thinking on", {"messages": thinking, "enable_thinking": True, "thinking": True,
                          "reasoning_effort": "high", "preserve_thinking": True,
                          "clear_thinking": False, "thinking_budget": 512}
    yield "thinking off", {"messages": thinking, "enable_thinking": False, "thinking": False,
                           "reasoning_effort": "low"}
    yield "thinking and tools", {"messages": [
        message("user", "q"),
        message("assistant", "", reasoning_content="which?", thinking="which?",
                tool_calls=[call("add", {"a": 1, "b": 2})]),
        message("tool", "3", tool_call_id="abcdefgh1", name="add"),
        message("assistant", "3", reasoning_content="fine", thinking="fine"),
        message("user", "good")], "tools": TOOLS, "enable_thinking": True}
    yield "documents", {"messages": turns, "documents": DOCUMENTS}
    yield "variables", {"messages": turns, "date_string": "1 Jan 2030", "model_identity": "I.",
                        "builtin_tools": ["python", "browser"], "keep_past_thinking": True,
                        "add_vision_id": True, "response_format": {"type": "json_object"},
                        "truncate_history_thinking": False, "think_render_option": "all",
                        "custom_tools": TOOLS}


def contexts():
    for name, context in conversations():
        for prompt in (False, True):
            yield f"{name}{', prompt' if prompt else ''}", {
                "tools": None, "documents": None, **context, "add_generation_prompt": prompt,
                "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                "pad_token": "<pad>"}


def by_jinja2(compiled, context):
    try:
        return {"text": compiled.render(**context)}
    except Exception as error:  # what a template raises is part of the answer
        own_words = type(error) is jinja2.exceptions.TemplateError
        return {"error": str(error) if own_words else ""}


def by_project(program, source, all_contexts):
    lines = [json.dumps({"template": source, "context": {**context, "__now": NOW}})
             for context in all_contexts]
    done = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(wanted, found):
    if "text" in wanted:
        return wanted["text"] == found.get("text")
    return "error" in found and wanted["error"] in found["error"]


def main():
    folder, program = sys.argv[1:3]
    chat_template_utils.datetime = HeldTime
    hashes, n_cases, n_wrong = {}, 0, 0
    for path in sorted(pathlib.Path(folder).glob("*.jinja")):
        source = path.read_text()
        compiled = chat_template_utils._compile_jinja_template(source)
        compiled.environment.filters["from_json"] = json.loads
        # Filters are looked up when a template is compiled.
        compiled = compiled.environment.from_string(source)
        names, all_contexts = zip(*contexts())
        answers = by_project(program, source, all_contexts)
        digest = hashlib.sha256()
        wrong = []
        for name, context, found in zip(names, all_contexts, answers, strict=True):
            wanted = by_jinja2(compiled, context)
            digest.update(json.dumps(wanted).encode())
            if not same(wanted, found):
                wrong.append((name, wanted, found))
        n_cases += len(names)
        n_wrong += len(wrong)
        hashes[path.name] = {"template": hashlib.sha256(source.encode()).hexdigest(),
                             "rendered": digest.hexdigest()}
        for name, wanted, found in wrong[:3]:
            print(f"{path.name}: {name}\n  jinja2  {str(wanted)[:1500]}\n  project {str(found)[:1500]}")
        if wrong:
            print(f"{path.name}: {len(wrong)} of {len(names)} differ")
    print(f"{len(hashes)} templates, {n_cases} renderings, {n_wrong} differ; jinja2 "
          f"{jinja2.__version__}")
    if "--write" in sys.argv:
        HASHES.write_text(json.dumps(hashes, indent=1) + "\n")
    elif json.loads(HASHES.read_text()) != hashes:
        print(f"the hashes differ from {HASHES.name}: other templates, or another jinja2")
        n_wrong += 1
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()

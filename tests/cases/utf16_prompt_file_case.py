# SPDX-License-Identifier: Apache-2.0

"""Prompt files in UTF-16 with a byte order mark, as PowerShell's ">" writes them: read as bytes each
letter would be two tokens. They are read as the text that they hold, with one note."""
import case

with case.folder() as work:
    case.tiny_llama().write("m.gguf")
    text = "hell 가 \U0001f600"
    wanted = case.run("tokenize", "m.gguf", "-p", text, "--json").json.get("ids")
    for name in ("utf-16-le", "utf-16-be"):
        (work / name).write_bytes(("\ufeff" + text).encode(name))
        done = case.run("tokenize", "m.gguf", "-f", name, "--json", err=f"{name} is UTF-16 text")
        case.same(name, done.json.get("ids"), wanted)
        done = case.run("run", "m.gguf", "-f", name, "--raw", "-n", 1, "--json", err="UTF-16")
        case.same(f"run: {name}", done.json.get("prompt_tokens"), len(wanted))
    (work / "utf-8").write_text(text)
    done = case.run("tokenize", "m.gguf", "-f", "utf-8", "--json", no_err="UTF-16")
    case.same("UTF-8", done.json.get("ids"), wanted)
case.end()

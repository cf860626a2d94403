# SPDX-License-Identifier: Apache-2.0

"""A model card beside each file that is written: what it is, from what, how, what it lost. A page of
somebody else stays."""
import hashlib
import os

import case
import gguf


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def page(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


with case.folder():
    model = case.tiny_llama()
    model.values["general.license"] = gguf.text("MIT")
    model.values["general.source.url"] = gguf.text("https://huggingface.co/someone/tiny")
    model.write("m.gguf")
    with open("judge.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 60)
    case.run("compress", "m.gguf", "out.gguf", "--type", "Q4_0", "--judge", "numbers=judge.txt")
    card = page("out.md")
    for part in ('---\nbase_model: "someone/tiny"\n', '\nlicense: "mit"\n',
                 '\nquantized_by: "Altteul ', "\n- gguf\n", sha256("m.gguf"), sha256("out.gguf"),
                 "altteul compress m.gguf out.gguf", "--type Q4_0", "| Q4_0 | ", "| numbers | ",
                 "altteul run out.gguf"):
        case.check(part in card, f"{part!r} is not in {card}")

    os.remove("out.md")
    with open("out.md", "w") as notes:
        notes.write("notes of my own\n")
    case.run("compress", "m.gguf", "out.gguf", "--type", "Q8_0", "--force",
             err="out.md is there and not of altteul")
    case.same("notes", page("out.md"), "notes of my own\n")

    case.run("compress", "m.gguf", "bare.gguf", "--type", "Q8_0", "--no-card")
    case.check(not os.path.exists("bare.md"), "a card though none was wanted")
    case.run("compress", "m.gguf", "bare.gguf", "--type", "Q8_0", "--force")
    case.check("Not measured" in page("bare.md"), page("bare.md"))
    case.run("compress", "m.gguf", "bare.gguf", "--type", "Q4_0", "--force")
    case.check(sha256("bare.gguf") in page("bare.md"), "the card is of an older file")
    case.run("compress", "m.gguf", "--plan", "--no-card", "--text", "judge.txt", code=2,
             err="--plan writes nothing")
    case.run("compress", "m.gguf", "w.gguf", "--type", "Q4_0", "--text", "judge.txt",
             "--write-imatrix", "w.md", code=2, err="is where the model card goes")
case.end()

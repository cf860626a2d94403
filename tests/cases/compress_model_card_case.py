# SPDX-License-Identifier: Apache-2.0

"""A model card beside each file that is written: what it is, from what, how, what it lost. A page of
somebody else stays."""
import hashlib
import os

import case
import chat
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

    # Licences as folders state them: in any form of YAML, with a name of their own, in a text that
    # is not UTF-8. Names with blanks are quoted in the commands.
    chat.folder_model("folder", {
        "README.md": "---\nlicense:\n  - mit\n  - apache-2.0  # either\n---\n# Model\n"})
    case.run("compress", "folder", "of folder.gguf", "--type", "Q8_0")
    for part in ('\nlicense:\n- "mit"\n- "apache-2.0"\n', "altteul run 'of folder.gguf'\n",
                 "llama-cli -m 'of folder.gguf'\n", "altteul eval 'of folder.gguf' --reference"):
        case.check(part in page("of folder.md"), f"{part!r} is not in {page('of folder.md')}")
    chat.write("folder/README.md", "---\nlicense: other\nlicense_name: >-\n  tiny\n"
               "license_link: https://example.org/L\n---\n")
    with open("folder/LICENSE", "wb") as file:
        file.write(b"\xa9 somebody\n" + b"all rights\n" * 7000)
    case.run("compress", "folder", "of folder.gguf", "--type", "Q8_0", "--force")
    for part in ('\nlicense: "other"\nlicense_name: "tiny"\nlicense_link: "https://example.org/L"\n',
                 "\uFFFD somebody\nall rights\n", "Cut here; the source's own file has the whole",
                 "is not in UTF-8"):
        case.check(part in page("of folder.md"), f"{part!r} is not in the card of the folder")
case.end()

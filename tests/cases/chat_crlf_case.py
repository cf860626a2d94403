# SPDX-License-Identifier: Apache-2.0

"""A chat whose lines end in CR LF, as files of Windows do when they are piped in.
(bionic-gpt/bionic-gpt PR 30)"""
import json
import os

import case
import script


def chat(typed, *options):
    return case.run("run", "m.gguf", "--temp", 0, *options, stdin=typed)


def saved(path="talk.json"):
    case.check(os.path.exists(path), f"{path} is not there, but {sorted(os.listdir('.'))}")
    with open(path) as file:
        messages = json.load(file)["messages"]
    os.remove(path)
    return [(message["role"], message["content"]) for message in messages]


with case.folder():
    script.chat(script.characters("Ok")).write("m.gguf")
    done = chat(b"Hi\r\n/save talk.json\r\n/bye\r\nmore\r\n")
    case.same("one answer", done.out, "Ok\n")
    case.same("no complaint", done.err, "Saved.\n")
    case.same("messages", saved(), [("user", "Hi"), ("assistant", "Ok")])
    case.same("files", sorted(os.listdir(".")), ["m.gguf"])

    # A second input of the kind: the mark at the beginning of such files, an empty line, a message
    # of several lines, and a last line without an end.
    done = chat(b"\xef\xbb\xbfHi\r\n\r\n\"\"\"first\r\n/bye\r\n\"\"\"\r\n/save talk.json\r\nlast\r")
    case.same("three answers", done.out, "Ok\nOk\nOk\n")
    case.same("messages", saved(), [("user", "Hi"), ("assistant", "Ok"),
                                    ("user", "first\n/bye"), ("assistant", "Ok")])
    # A return inside a line is the user's own.
    chat(b"a\rb\n/save talk.json\n")
    case.same("inside", saved()[0], ("user", "a\rb"))

    # Blanks that nobody sees behind a command, or before a name.
    done = chat(b"Hi\n/save  talk.json \t\n/save \n/bye \nmore\n")
    case.same("one answer before /bye", done.out, "Ok\n")
    case.same("said", done.err, "Saved.\n/save needs the name of a file.\n")
    case.same("blanks", saved(), [("user", "Hi"), ("assistant", "Ok")])

    # A prompt from a file keeps its bytes, but the mark is no part of the text.
    def prompt_ids(content):
        with open("prompt.txt", "wb") as file:
            file.write(content)
        return case.run("run", "m.gguf", "--raw", "-f", "prompt.txt", "-n", 1, "--json").json

    case.same("CR LF of a file", prompt_ids(b"a\r\nb\r\n")["prompt_tokens"], 6)
    case.same("mark of a file", prompt_ids(b"\xef\xbb\xbfab\r\n")["prompt_tokens"], 4)
    with open("prompt.txt", "wb") as file:
        file.write(b"\xef\xbb\xbfab")
    case.run("run", "m.gguf", "--raw", "-f", "prompt.txt", "-n", 1, err="byte order mark")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""Escape sequences in an answer: a terminal obeys them, so it gets numbers; files, pipes and JSON
get the bytes. (google-gemini/gemini-cli PR 8636)"""
import os
import pty
import subprocess
import tty

import case
import gguf
import script


def on_terminal(*arguments, stdin=b""):
    """What a terminal gets of standard output, byte for byte."""
    leader, follower = pty.openpty()
    tty.setraw(follower)  # so that the terminal itself changes nothing
    process = subprocess.Popen([case.ALTTEUL, *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    process.stdin.write(stdin)
    process.stdin.close()
    got = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # EIO: the program has closed its side
            break
        if not piece:
            break
        got += piece
    os.close(leader)
    case.same("exit code", process.wait(timeout=60), 0)
    return got


# Every byte is a token, so that sequences and characters lie across token borders:
# ESC[2J, BEL, a C1 control as a character, right-to-left override, CR, then text with \n and \t.
ANSWER = [b"\x1b", b"[", b"2", b"J", b"\x07", *script.characters("\x9b"),
          *script.characters("\u202e"), b"\r", b"\t", b"z", b"\n"]
RAW = b"".join(ANSWER)
SHOWN = b"\\x1b[2J\\x07\\u009b\\u202e\\x0d\tz\n"

with case.folder():
    script.tiny_llama([b"a", *ANSWER]).write("m.gguf")
    command = ("run", "m.gguf", "-p", "a", "--raw", "--temp", 0)
    case.same("terminal", on_terminal(*command), SHOWN + b"\n")
    case.same("pipe", case.run(*command).bytes, RAW + b"\n")
    case.same("JSON", case.run(*command, "--json").json["text"].encode(), RAW)
    case.same("cut by -n", on_terminal(*command, "-n", 6), b"\\x1b[2J\\x07\\xc2\n")

    # A chat shows its answers the same way, and what the user typed by mistake too.
    script.chat([b"\x1b", b"[", b"m"]).write("c.gguf")
    case.same("chat", on_terminal("run", "c.gguf", "--temp", 0, stdin=b"hello\n"), b"\\x1b[m\n")
    done = case.run("run", "c.gguf", "--temp", 0, stdin=b"/na\x1b[2Jme\n", err="/na\\x1b[2Jme")
    case.check("\x1b" not in done.err, "an escape sequence of the user's own")

    # A second input of the kind: names and values of a file, in tables and in messages.
    model = case.tiny_llama()
    model.values["general.na\x1b[2Jme"] = gguf.text("a\x9bb\u202ec\nd")
    model.values["general.license"] = gguf.text("\x1b]0;title\x07")
    model.tensors.append(("blk.9.\x1b[5mextra", [32], gguf.F32, bytes(128)))
    model.write("n.gguf")
    for arguments in (("show", "n.gguf", "--tensors"), ("run", "n.gguf", "-p", "a", "--raw", "-n", 1),
                      ("compress", "n.gguf", "out.gguf", "--type", "Q8_0")):
        done = case.run(*arguments, code=None)
        case.check(b"\x1b" not in done.bytes and "\x1b" not in done.err,
                   f"{done.command}: an escape character on standard output or error")
        case.check("\x9b" not in done.out and "\u202e" not in done.out,
                   f"{done.command}: a C1 control or an override")
    shown = case.run("show", "n.gguf").out
    case.check("general.na\\x1b[2Jme" in shown and "a\\u009bb\\u202ec\\nd" in shown, shown)

    # Ids to text: bytes into a pipe, numbers on a terminal.
    ids = ("tokenize", "m.gguf", "--ids", "27,91,109")
    case.same("ids to a pipe", case.run(*ids).bytes, b"\x1b[m")
    case.same("ids to a terminal", on_terminal(*ids), b"\\x1b[m\n")
case.end()

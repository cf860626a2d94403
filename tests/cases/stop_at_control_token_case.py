# SPDX-License-Identifier: Apache-2.0

"""A stop text that is a control token's: the token is not shown, but the answer ends there.
(ggml-org/llama.cpp issue 6770, aaif-goose/goose PR 9666; they stop at it, finish_reason "stop".)"""
import case
import script

TURN, TOOL = 269, 268


def model(tokens):
    made = script.tiny_llama(tokens)
    script.name_token(made, TURN, "<|turn|>")
    script.name_token(made, TOOL, "<|tool|>")
    return made


def answer(*options):
    return case.run("run", "m.gguf", "-p", "a", "--raw", "--temp", 0, "--json", *options).json


with case.folder():
    # Behind "a": O, k, <|turn|>, !, end of turn.
    model([b"a", b"O", b"k", TURN, b"!"]).write("m.gguf")
    whole = answer()
    case.same("without a stop", (whole["text"], whole["finish_reason"]), ("Ok!", "stop"))
    stopped = answer("--stop", "<|turn|>")
    case.same("text", stopped["text"], "Ok")
    case.same("finish_reason", stopped["finish_reason"], "stop")
    case.same("ids", stopped["ids"], [ord("O"), ord("k"), TURN])
    limited = answer("--stop", "<|turn|>", "-n", 2)
    case.same("no token too far", limited["finish_reason"], "length")

    # Words and control tokens in one stop text; the end of the turn too.
    case.same("word before", answer("--stop", "k<|turn|>")["text"], "O")
    case.same("word behind", answer("--stop", "<|turn|>!")["text"], "Ok")
    case.same("end of turn", answer("--stop", "!<|im_end|>")["text"], "Ok")
    case.same("another token", answer("--stop", "<|tool|>")["text"], "Ok!")

    # The end of turn is a control token like others where the answer shall go on behind it.
    ended = answer("--ignore-eos", "-n", 9, "--stop", "<|im_end|>")
    case.same("ignored end", (ended["text"], ended["finish_reason"]), ("Ok!", "stop"))
    shown = case.run("run", "m.gguf", "-p", "a", "--raw", "--temp", 0, "--stop", "<|turn|>")
    case.same("shown", shown.out, "Ok\n")

    # A second input of the kind: an unknown token (kind 2), which is not shown either, asked for by
    # llama.cpp's name of the option.
    second = model([b"a", b"O", TOOL, b"k", TURN])
    script.name_token(second, TOOL, "<unk>", kind=2)
    second.write("m.gguf")
    case.same("unknown token", answer("-r", "<unk>")["text"], "O")
    case.same("words around it", answer("--stop", "O<unk>k<|turn|>")["text"], "")
    case.same("what is shown stops too", answer("--stop", "Ok")["text"], "")
case.end()

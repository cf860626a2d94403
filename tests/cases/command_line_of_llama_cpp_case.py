# SPDX-License-Identifier: Apache-2.0

"""Command lines written for llama.cpp: understood as its users mean them, or one clear line.
(ggml-org/llama.cpp issue 7384, mozilla-ai/llamafile issue 135; what the options mean is told by
llama.cpp's --help.)"""
import re

import case
import gguf
import script

RUN = ("run", "m.gguf", "-p", "a", "--raw", "--temp", 0)


def answer(*options, **expected):
    return case.run(*RUN, *options, "--json", **expected).json


def refused(*arguments, err):
    done = case.run(*arguments, code=2, err=err)
    case.check(not re.search(r"\d{30}", done.err), f"{done.command}: a number nobody can read")
    case.same(f"{done.command}: lines of standard error", done.err.count("\n"), 2)


with case.folder():
    script.tiny_llama(script.characters("abcdefgh"), repeats=True).write("m.gguf")

    # -c 0: the context that the model was trained for, 512 here. An answer fills it.
    full = answer("-c", 0)
    case.same("-c 0", (full["finish_reason"], full["prompt_tokens"] + len(full["ids"])),
              ("context_full", 512))
    case.same("-n -2", answer("-n", -2)["finish_reason"], "context_full")
    refused(*RUN, "-c", -5, err="-c -5: at least 0; 0 means what the model was trained for")
    refused(*RUN, "-c", "4k", err="-c 4k: a whole number")
    refused(*RUN, "--ctx-size", 10**25, err="at most 1099511627776")
    refused(*RUN, "-n", "few", err="-n few: a whole number, at least")
    refused(*RUN, "-t", -2, err="-t -2: from -1 to")
    refused("run", "m.gguf", "-p", "a", "--temp", "hot", err="--temp hot: a number")

    # -n 0: the prompt is read and nothing answered; -t 0 and -1: one thread a core.
    nothing = answer("-n", 0)
    case.same("-n 0", (nothing["text"], nothing["ids"], nothing["finish_reason"],
                       nothing["prompt_tokens"]), ("", [], "length", 1))
    case.same("-n 0 without --json", case.run(*RUN, "-n", 0, err="answer 0 tokens").out, "\n")
    refused("run", "m.gguf", "-n", 0, err="-n 0 means no answer, and a chat has nothing else")
    for threads in (-1, 0):
        case.same("-t", answer("-t", threads, "-n", 3)["text"], "bcd")

    # -ngl in words, as newer releases have it.
    case.same("-ngl all", case.run(*RUN, "-ngl", "all", "-n", 3, err="-ngl all: this build has no "
                                   "GPU").out, "bcd\n")
    case.same("-ngl auto", case.run(*RUN, "-ngl", "auto", "-n", 3, no_err="GPU").out, "bcd\n")
    refused(*RUN, "-ngl", "most", err="-ngl most: a number of layers, all or auto")

    # --draft N beside -md MODEL: how far a draft is ahead. What else steers it is measured.
    for ahead in (["--draft", 4], ["--draft-max", 4], ["--draft-n", 4], ["--spec-draft-n-max", 4]):
        done = case.run(*RUN, "-n", 7, "-md", "m.gguf", *ahead, err="tokens proposed")
        case.same(str(ahead), done.out, "bcdefgh\n")
    for ignored in ("--draft-min", "--draft-p-min", "--spec-draft-n-min"):
        case.run(*RUN, "-n", 3, "-md", "m.gguf", ignored, 1, err=f"{ignored}: not needed here")
    refused(*RUN, "--draft", 16, err="--draft 16: how far ahead what guesses?")
    refused(*RUN, "--draft-max", 4, err="--draft-max 4: how far ahead what guesses?")
    refused(*RUN, "--draft", "m.gguf", "--draft", 99, err="--draft 99: from 1 to 64")
    refused(*RUN, "--draft", "m.gguf", "--draft", "n.gguf", err="one model guesses")

    # A variable for a template that there is not.
    refused("run", "m.gguf", "-p", "a", "--template-var", "enable_thinking=false",
            err="--template-var enable_thinking=false: the model has no chat template")

    # --seed -1: another one each time, told so that the answer can be had again.
    drawn = ("run", "m.gguf", "-p", "a", "--raw", "--ignore-eos", "--temp", 100, "--top-k", 0,
             "--top-p", 1, "--min-p", 0, "-n", 40)
    by_chance = case.run(*drawn, "--seed", -1, err="gives this answer again")
    seed = re.search(r"-s (\d+) gives", by_chance.err).group(1)
    case.same("the seed that was told", case.run(*drawn, "-s", seed).bytes, by_chance.bytes)
    case.check(case.run(*drawn, "-s", -1).bytes != by_chance.bytes, "two random seeds, one answer")
    refused(*RUN, "-s", "-2", err="-s -2: a whole number from 0")

    # --repeat-last-n -1: a penalty looks back over the whole context. The model would repeat itself
    # after 8 tokens; 64 of them are the default window.
    penalty = ("--presence-penalty", 100, "-n", 100)
    case.check(len(set(answer("--repeat-last-n", -1, *penalty)["ids"])) == 100, "a token came again")
    case.check(len(set(answer(*penalty)["ids"])) < 100, "no token came again within 64")

    # -e: escapes of the command line; without it they are as they are.
    def prompt_tokens(*options):
        return case.run("run", "m.gguf", "--raw", "-n", 1, "--json", *options).json["prompt_tokens"]
    case.same("as it is", prompt_tokens("-p", r"a\nb\x41"), 8)
    case.same("-e", prompt_tokens("-e", "-p", r"a\nb\x41"), 4)
    case.same("--no-escape", prompt_tokens("--no-escape", "-p", r"a\nb"), 4)

    # -r: a stop text. -ctv beside -ctk: one type for both.
    case.same("-r", answer("-r", "e", "-n", 9)["text"], "bcd")
    case.same("-ctv", answer("-ctk", "bf16", "-ctv", "bf16", "-n", 2)["text"], "bc")
    refused(*RUN, "-ctk", "q8_0", "-ctv", "f16", err="keys and values have one type here")

    # What only steers llama.cpp's machinery: the answer, and one line for each.
    machinery = (["--no-mmap"], ["--mlock"], ["-fa", "on"], ["--flash-attn"], ["-b", 512],
                 ["-ub", 512], ["-tb", 4], ["--no-warmup"], ["-cnv"], ["-st"], ["--jinja"],
                 ["--color"], ["-i"], ["-co"], ["--log-disable"], ["-v"], ["--keep", 4],
                 ["-sm", "none"], ["-mg", 0], ["-dev", "none"], ["-ot", "exps=CPU"], ["-np", 1],
                 ["-cb"], ["--numa", "distribute"], ["--mirostat", 0], ["--typical", "1.0"],
                 ["-nkvo"], ["--no-display-prompt"])
    for option in machinery:
        done = case.run(*RUN, *option, "-n", 3, err=f"{option[0]}: not needed here, ignored (")
        case.same(" ".join(map(str, option)), done.out, "bcd\n")
    together = [str(word) for option in machinery for word in option]
    case.same("together", case.run("run", *together, *RUN[1:], "-n", 3).out, "bcd\n")
    case.same("-ngl 99", case.run(*RUN, "-ngl", 99, "-n", 3, err="no GPU").out, "bcd\n")
    case.same("--temperature", case.run("run", "-m", "m.gguf", "-p", "a", "-no-cnv",
                                        "--temperature", 0, "--predict", 3).out, "bcd\n")

    # What would change the answer in a way that is not offered.
    for option, nearest in ((["--mirostat", 2], "--top-p"), (["--typical", 0.9], "--top-p"),
                            (["--samplers", "top_k"], "the order is fixed"),
                            (["--grammar", "root ::= x"], "ask for the form in the prompt"),
                            (["--grammar-file", "x.gbnf"], "ask for the form in the prompt"),
                            (["-j", "{}"], "ask for the form in the prompt"),
                            (["--lora", "a.gguf"], "merge the adapter"),
                            (["--rope-scaling", "yarn"], "own rope"),
                            (["-o", "answer.txt"], "> FILE")):
        refused(*RUN, *option, err=nearest)

    # A model of a hub by llama.cpp's option: hf:OWNER/NAME:TYPE, looked for in the cache.
    case.run("run", "-hf", "owner/name:Q4_0", "-p", "a", code=3, err="altteul pull hf:owner/name:Q4_0",
             env={"HF_HUB_CACHE": "cache"})

    # A mistyped name is told with the nearest; a value is never taken for an option.
    refused(*RUN, "--ctxsize", 5, err="--ctxsize: altteul run has no such option; did you mean "
            "--ctx-size?")
    refused(*RUN, "--flash-atn", err="did you mean --flash-attn?")
    refused(*RUN, "--bogus", err="--bogus: altteul run has no such option\n")
    refused(*RUN, "more", err="does not know what to do with 'more'")
    case.same("a prompt like an option", prompt_tokens("-p", "-ngl"), 4)

    # A second input of the kind: the other verbs, and a model that does not say its context.
    case.run("compress", "m.gguf", "-o", "small.gguf", "--type", "Q8_0")
    case.run("compress", "m.gguf", "--output", "small.gguf", "--type", "Q8_0", code=2,
             err="already there")
    case.same("what was written", case.run("run", "small.gguf", *RUN[2:], "-n", 3).out, "bcd\n")
    with open("text.txt", "w") as file:
        file.write("abcdefgh" * 40)
    case.run("eval", "-m", "small.gguf", "-f", "text.txt", "-c", 64, "-b", 512, "-fa", "on",
             "-ngl", 99, err="-b: not needed here")
    refused("eval", "m.gguf", "-f", "text.txt", "-c", 0, err="-c 0: at least 1")
    refused("eval", "m.gguf", "-f", "text.txt", "--kl-divergence-base", "x", err="--reference MODEL")
    case.run("bench", "-m", "m.gguf", "-p", 4, "-n", 2, "-r", 1, "-t", 1, "-fa", 1, "-mmp", 0,
             "--no-warmup", err="-fa: not needed here")
    refused("bench", "m.gguf", "-o", "csv", err="--json")
    refused("plan", "m.gguf", "-c", 0, err="-c 0: from 1 to 16777216")
    refused("plan", "m.gguf", "--watts", "many", err="--watts many: a number from 0.1 to 1000000")
    refused("plan", "m.gguf", "--context", 5, err="--context: altteul plan has no such option")
    refused("pull", "hf:a/b", "--connections", 99, err="--connections 99: from 1 to 32")
    unsaid = case.tiny_llama()
    del unsaid.values["llama.context_length"]
    unsaid.write("unsaid.gguf")
    done = case.run("run", "unsaid.gguf", "-p", "a", "--raw", "-n", 1, "-c", 0, code=None)
    case.check(done.code in (2, 6) and "context" in done.err, f"{done.code}: {done.err}")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""compress --for: the size that leaves room for the cache of a conversation on a machine that the
user names, and what was taken off. Sums are those of the parts; keys and values of a token are
2 * layers * heads * dims * 2 bytes in f16 (here 2 * 2 * 1 * 16 * 2 = 128)."""
import os

import case

with case.folder():
    case.tiny_llama().write("m.gguf")
    with open("text.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 200)
    done = case.run("compress", "m.gguf", "out.gguf", "--for", "8GB card", "-c", 8192, "--text",
                    "text.txt", "--chunks", 1, "--json",
                    err="Nothing runs on graphics cards here yet")
    room = done.json["room"]
    case.same("context", room["context"], 8192)
    case.same("memory", room["memory_bytes"], 8_000_000_000)
    parts = ("system_bytes", "margin_bytes", "program_bytes", "kv_bytes", "working_bytes",
             "weight_bytes")
    case.same("sum", sum(room[p] for p in parts), room["memory_bytes"])
    case.check(8192 * 128 <= room["kv_bytes"] < 2 * (8192 + 512) * 128, room)
    case.check(os.path.getsize("out.gguf") <= room["weight_bytes"], "the file has no room")

    done = case.run("compress", "m.gguf", "pc.gguf", "--for", "16 GB laptop", "--text", "text.txt",
                    "--chunks", 1, "--json", err="fits as it is", no_err="graphics cards")
    case.same("context", done.json["room"]["context"], 512)  # the model's
    case.same("memory", done.json["room"]["memory_bytes"], 16_000_000_000)

    # Room for less than the model: the mix is as large as that.
    tight = case.run("compress", "m.gguf", "x.gguf", "--for", "1.1 GB card", "--text", "text.txt",
                     "--chunks", 1, "--json")
    rest = tight.json["room"]["weight_bytes"]
    size = 1_100_000_000 - round((rest - 50_000) * 1.05)
    tight = case.run("compress", "m.gguf", "tight.gguf", "--for", f"{size / 1e6} MB card", "--text",
                     "text.txt", "--chunks", 1, "--json")
    rest = tight.json["room"]["weight_bytes"]
    case.check(rest < os.path.getsize("m.gguf"), f"{rest} bytes are not tight")
    case.check(os.path.getsize("tight.gguf") <= rest, "larger than its room")

    for other in (("--size", "1MB"), ("--bpw", 4), ("--kld", 0.1), ("--type", "Q4_0")):
        case.run("compress", "m.gguf", "y.gguf", "--for", "8GB card", *other, "--text", "text.txt",
                 code=2)
    case.run("compress", "m.gguf", "y.gguf", "--type", "Q4_0", "-c", 4096, code=2, err="--for")
    case.run("compress", "m.gguf", "y.gguf", "--for", "a toaster", "--text", "text.txt", code=2,
             err="toaster")
    case.run("compress", "m.gguf", "y.gguf", "--for", "1 GB card", "--text", "text.txt", code=4,
             err="before there is a weight")
    case.check(not os.path.exists("y.gguf"), "a file was left")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""The pre-tokenizer a.x-4.0 (A.X 4.0 of SK Telecom, Korean), and others of the same kind. (ggml-org/
llama.cpp 12021; ids: llama.cpp 0c1e570. Every name: src/model/pre_tokenizer_golden_test.cc.)"""
import case
import gguf

WORDS = [236, 149, 140, 235, 156, 176, 237, 149, 156, 32, 237, 148, 132, 235, 161, 156, 234, 183,
         184, 235, 158, 168, 32]

with case.folder():
    model = gguf.read(case.model_path("pre_tokenizer.gguf"))
    for name, rest in (("a.x-4.0", [261, 53, 32, 258, 111]),
                       ("kormo", [49, 50, 51, 52, 53, 32, 258, 111]),
                       ("superbpe", [259, 260, 53, 32, 258, 111])):
        model.values["tokenizer.ggml.pre"] = gguf.text(name)
        model.write("m.gguf")
        done = case.run("tokenize", "m.gguf", "-p", "알뜰한 프로그램 12345 hello", "--json")
        case.same(name, done.json.get("ids"), WORDS + rest)
case.end()

# SPDX-License-Identifier: Apache-2.0

"""The pre-tokenizer deepseek-coder (DeepSeek-Coder 1.3B to 33B), and others with a chain of their own.
(ggml-org/llama.cpp 12021; ids: llama.cpp 0c1e570.)"""
import case
import gguf

TEXT = "for i in range(12345):\n\tprint('hello', i)  # 数字"
BEGIN = [102, 111, 114, 32, 105, 32, 105, 110, 32, 114, 97, 110, 103, 101, 40]
END = [258, 111, 39, 44, 32, 105, 41, 32, 272, 32, 230, 149, 176, 229, 173, 151]

with case.folder():
    model = gguf.read(case.model_path("pre_tokenizer.gguf"))
    for name, middle in (
            ("deepseek-coder", [49, 50, 51, 52, 53, 41, 58, 10, 264, 114, 105, 110, 116, 271]),
            ("deepseek-llm", [261, 53, 41, 58, 10, 264, 114, 105, 110, 116, 271]),
            ("viking", [49, 50, 51, 52, 53, 41, 58, 10, 9, 112, 114, 105, 110, 116, 40, 39])):
        model.values["tokenizer.ggml.pre"] = gguf.text(name)
        model.write("m.gguf")
        done = case.run("tokenize", "m.gguf", "-p", TEXT, "--json")
        case.same(name, done.json.get("ids"), BEGIN + middle + END)
    model.values["tokenizer.ggml.pre"] = gguf.text("nobody-1")
    model.write("m.gguf")
    case.run("tokenize", "m.gguf", "-p", TEXT, code=None, err='pre-tokenizer "nobody-1"')
case.end()

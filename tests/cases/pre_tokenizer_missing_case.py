# SPDX-License-Identifier: Apache-2.0

"""A byte-level GGUF without tokenizer.ggml.pre (made before May 2024, Llama 3 among them), or with
the name "default". (ggml-org/llama.cpp 7476: it warns in four lines.)"""
import case
import gguf

WARNING = "text may be cut otherwise than the model has learned it"

with case.folder():
    model = case.tiny_llama()
    model.write("named.gguf")
    case.run("run", "named.gguf", "-p", "Hi", "--raw", "-n", 1, no_err=WARNING)
    del model.values["tokenizer.ggml.pre"]
    model.write("missing.gguf")
    case.run("run", "missing.gguf", "-p", "Hi", "--raw", "-n", 1, err=WARNING)
    model.values["tokenizer.ggml.pre"] = gguf.text("default")
    model.write("default.gguf")
    done = case.run("run", "default.gguf", "-p", "Hi", "--raw", "-n", 1, err=WARNING)
    case.same("said once", done.err.count(WARNING), 1)
    # SentencePiece's pieces need no pre-tokenizer; converters write "default".
    case.run("tokenize", case.model_path("phi3_tokenizer.gguf"), "-p", "Hi", no_err=WARNING)
case.end()

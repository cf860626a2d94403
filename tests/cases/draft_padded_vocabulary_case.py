# SPDX-License-Identifier: Apache-2.0

"""A draft whose vocabulary is padded to another number of tokens. (QwenLM/Qwen3 326, vllm 10913;
Qwen2.5 has 151,936 and 152,064. Answers are those of the target alone.)"""
import case
import gguf

TARGET = case.model_path("target_padded.gguf")
DRAFT = case.model_path("draft_padded.gguf")
COMMON = ("-p", "Hi", "--raw", "-n", 8, "--json", "--ignore-eos")


def same_as_alone(target, draft):
    for sampling in (("--temp", 0), ("--temp", 1, "--seed", 7)):
        alone = case.run("run", target, *COMMON, *sampling).json.get("ids")
        both = case.run("run", target, "--draft", draft, *COMMON, *sampling).json.get("ids")
        case.same(f"{target} with {draft}, {sampling}", both, alone)
        yield alone


def with_tokens(path, name, change):
    model = gguf.read(path)
    tokens, kinds = (list(model.values["tokenizer.ggml." + key][1][1])
                     for key in ("tokens", "token_type"))
    change(tokens, kinds)
    model.values["tokenizer.ggml.tokens"] = gguf.texts(tokens)
    model.values["tokenizer.ggml.token_type"] = gguf.i32s(kinds)
    model.write(name)
    return name


with case.folder():
    greedy, _ = same_as_alone(TARGET, DRAFT)
    case.same("ids", greedy, [105] * 8)
    for _ in same_as_alone(DRAFT, TARGET):  # the draft is the larger one
        pass

    # A fine-tune has named one of the padding tokens.
    def name_one(tokens, kinds):
        tokens[265], kinds[265] = b"<tool>", 4
    for _ in same_as_alone(TARGET, with_tokens(DRAFT, "named.gguf", name_one)):
        pass

    def rename(tokens, kinds):
        tokens[97] = b"zz"
    case.run("run", TARGET, "--draft", with_tokens(DRAFT, "renamed.gguf", rename), *COMMON, code=2,
             err="token 97 is 'zz' there and 'a' here")

    def name_all(tokens, kinds):
        for i in range(260, 400):
            tokens[i], kinds[i] = b"<%d>" % i, 4
    case.run("run", with_tokens(TARGET, "more.gguf", name_all), "--draft", DRAFT, *COMMON, code=2,
             err="140 tokens are in only one of them")
case.end()

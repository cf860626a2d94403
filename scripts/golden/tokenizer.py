#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Writes tests/golden/tokenizer/*.json: small vocabularies of every kind, and the ids that the
original libraries give for hard texts.

Needs tokenizers 0.23.3 and sentencepiece 0.2.3 (PyPI). Run from the project's root:

    python3 scripts/golden/tokenizer.py

A file of kind "json" holds a tokenizer.json and what the tokenizers library makes of each text:
`ids` with special tokens parsed, `ids_plain` with special tokens as text, `ids_around` with what the
post_processor adds, `decoded` without special tokens. A file of kind "spm" holds pieces, scores and
types of a SentencePiece model, and the ids of the sentencepiece library.
"""

import io
import json
import pathlib

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

OUT = pathlib.Path("tests/golden/tokenizer")
MARK = "\u2581"

TEXTS = [
    "Hello world", " Hello  world\n\n\n", "The quick brown fox jumps over 13 lazy dogs.",
    "don't you'll we've I'm THEY'RE it's DON'T I'LL", "1234567890 3.14159 1,000,000 2026-11-23",
    "안녕하세요, 세상! 알뜰하게 쓰는 GPU.", "대한민국의 수도는 서울이다.\n부산은 항구 도시이다.",
    "日本語のテキスト、中文文本。", "Привет, мир! Ünïcödé ñandú ß",
    "🙂👨\u200d👩\u200d👧\u200d👦🇰🇷 emoji ﷽", "def f(x):\n    return x**2  # square\n\tif x:\n\t\tpass",
    "   leading spaces and trailing   ", "\t\t\ttabs\r\nCRLF\r\n", "a", "", "\n", " ", "  ",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<s> a </s><s>b", "x<s>\n<|im_end|>  y",
    "https://example.org/a/b?c=d&e=%20f#frag", '{"key": [1, 2.5, null, true], "s": "\\u00e9\\n"}',
    "x" * 100, "ab" * 60, "!!!???...---===+++***///", "$E=mc^2$ \\frac{a}{b} \\alpha_{i,j}",
    "e\u0301 vs \u00e9 (combining)", "zero\u200bwidth\u00a0nbsp\u3000ideographic", "nul\u0001ctl",
    "CamelCaseIdentifier snake_case_identifier kebab-case-id", "ㅋㅋㅋㅋ ㅠㅠ ㄱㄴㄷ 뷁",
    "०१२३ ٠١٢٣ ①②③ Ⅷ ½", "a\u0085b\u0085\u0085 c", "mongolian\u180evowel \u180e separator",
    "\r\n\r\n \r\n", "word\u2028line\u2029para", "\u1112\u1161\u11ab\u1100\u1173\u11af 한글",
    "한국어는 어절 단위로 띄어 쓴다. " * 4, "tail space ", "1 22 333 4444 55555", "ſ 'ſ it'S ﬁ",
    "▁already ▁marked", "A\u030a \u212b \u1e9b\u0323", " \u00a0 \u3000 x", "don't<tool>stop <tool>s",
    "mixed한글English混合テスト", "\ud7a3\ud7a4 \uac00", "\U0001f468\U0001f3fd\u200d\U0001f680",
]

CORPUS = [t for t in TEXTS if "<" not in t] + [
    "the cat sat on the mat and the dog sat on the log", "there is no other way than the way there",
    "한국어 문장과 영어 sentence가 섞여 있다", "우리는 알뜰하게 모델을 쓴다", "return value; if (x) { y(); }",
    "1 2 3 10 20 30 100 200 300 1000 2000", "    four spaces\n        eight spaces\n\ttab",
    "What's that? It's John's. They're here; we'll go, I've seen, he'd know.",
] * 3

GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}|", r"\p{N}|")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"


def byte_level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def train_byte_level(pre, normalizer=None, specials=("<|im_start|>", "<|im_end|>", "<s>", "</s>")):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=520, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=[AddedToken(s, special=True, normalized=False) for s in specials])
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentencepiece_model(add_dummy_prefix):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for t in CORPUS for line in t.split("\n") if line.strip()]),
        model_writer=model, vocab_size=640, model_type="bpe", byte_fallback=True,
        character_coverage=0.98, add_dummy_prefix=add_dummy_prefix, remove_extra_whitespaces=False,
        normalization_rule_name="identity", num_threads=1, minloglevel=2,
        user_defined_symbols=["<tool>"], allow_whitespace_only_pieces=True, split_digits=True)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def pieces_of(model):
    tokens, scores, kinds = [], [], []
    for i in range(model.get_piece_size()):
        tokens.append(model.id_to_piece(i))
        scores.append(model.get_score(i))
        kind = 1
        if model.is_unknown(i):
            kind = 2
        elif model.is_control(i):
            kind = 3
        elif model.is_byte(i):
            kind = 6
        elif tokens[-1] == "<tool>":
            kind = 4
        kinds.append(kind)
    return tokens, scores, kinds


def merges_of(tokens, scores, kinds):
    """All ways to make each piece of two others, best piece first (what converters write)."""
    ids = {t: i for i, t in enumerate(tokens) if kinds[i] == 1}
    merges = []
    for token, i in ids.items():
        pairs = [(token[:n], token[n:]) for n in range(1, len(token))]
        pairs = [p for p in pairs if p[0] in ids and p[1] in ids]
        pairs.sort(key=lambda p: (ids[p[0]], ids[p[1]]))
        merges += [(scores[i], p) for p in pairs]
    merges.sort(key=lambda m: -m[0])
    return [m[1] for m in merges]


def from_sentencepiece(model, steps):
    tokens, scores, kinds = pieces_of(model)
    tokenizer = Tokenizer(models.BPE(
        vocab={t: i for i, t in enumerate(tokens)}, merges=merges_of(tokens, scores, kinds),
        unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t, k in zip(tokens, kinds) if k in (2, 3)])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    steps(tokenizer)
    return tokenizer


def llama_steps(t):
    t.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    t.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(),
                                   decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])


def gemma_steps(t):
    t.normalizer = normalizers.Replace(" ", MARK)
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(),
                                   decoders.Fuse()])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A $B", special_tokens=[("<s>", 1), ("</s>", 2)])


def metaspace_steps(scheme, cut):
    def steps(t):
        t.pre_tokenizer = pre_tokenizers.Metaspace(MARK, scheme, cut)
        t.decoder = decoders.Sequence([decoders.ByteFallback(),
                                       decoders.Metaspace(MARK, scheme, cut)])
    return steps


def flags_tokenizer():
    t = train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC())
    t.add_special_tokens([AddedToken("<|im_end|>", rstrip=True, normalized=False),
                          AddedToken("<|im_start|>", lstrip=True, normalized=False)])
    t.add_tokens([AddedToken("<tool>", single_word=True, normalized=False),
                  AddedToken("word", single_word=True, normalized=True),
                  AddedToken("vs \u00e9", normalized=True),
                  AddedToken("lazy", lstrip=True, rstrip=True, normalized=False)])
    return t


def write(name, content):
    path = OUT / f"{name}.json"
    path.write_text(json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size)


def write_json(name, tokenizer, gguf_name="", config=None, generation=None):
    cases = []
    for text in TEXTS:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        around = tokenizer.encode(text, add_special_tokens=True).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        cases.append({"text": text, "ids": ids, "ids_plain": plain, "ids_around": around,
                      "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
    write(name, {"kind": "json", "gguf_name": gguf_name, "tokenizer": json.loads(tokenizer.to_str()),
                 "tokenizer_config": config or {}, "generation_config": generation or {},
                 "cases": cases})


def write_spm(name, model, add_space_prefix):
    tokens, scores, kinds = pieces_of(model)
    cases = [{"text": t, "ids": model.encode(t), "decoded": model.decode(model.encode(t))}
             for t in TEXTS]
    write(name, {"kind": "spm", "tokens": tokens, "scores": scores, "kinds": kinds,
                 "add_space_prefix": add_space_prefix, "cases": cases})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    ends = {"eos_token": {"content": "<|im_end|>"}, "bos_token": "<s>"}
    seq = pre_tokenizers.Sequence
    write_json("gpt2", train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)), "gpt2",
               ends, {"eos_token_id": 3})
    write_json("smollm", train_byte_level(
        seq([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])),
        "smollm", ends, {"eos_token_id": [1, 3]})
    llama3 = train_byte_level(seq([split(LLAMA3), byte_level()]))
    llama3.model.ignore_merges = True
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 2)])])
    write_json("llama3", llama3, "llama-bpe", ends)
    write_json("qwen2", train_byte_level(seq([split(QWEN2), byte_level()]), normalizers.NFC()),
               "qwen2", ends)
    write_json("gpt4o", train_byte_level(seq([split(GPT4O, "removed", True), byte_level()])),
               "gpt-4o", ends)
    tekken = train_byte_level(seq([split(TEKKEN), byte_level()]))
    tekken.model.ignore_merges = True
    write_json("tekken", tekken, "tekken", ends)
    write_json("default", train_byte_level(seq([
        split(r"[\p{P}\$\+<=>\^~\|]+"), split(GPT2), split(r"\p{N}+"), split("[0-9][0-9][0-9]"),
        byte_level()])), "default", ends)
    write_json("prefix_space", train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)))
    write_json("behaviors", train_byte_level(seq([
        pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(False),
        split(r"\s+", "merged_with_next"), split("[aeiou]", "contiguous"), byte_level()])))
    write_json("flags", flags_tokenizer())

    prefixed = sentencepiece_model(True)
    bare = sentencepiece_model(False)
    write_spm("spm_prefix", prefixed, True)
    write_spm("spm_bare", bare, False)
    write_json("llama2", from_sentencepiece(prefixed, llama_steps), "", {"eos_token": "</s>"})
    write_json("gemma", from_sentencepiece(bare, gemma_steps), "", {"eos_token": "</s>"})
    write_json("metaspace_first", from_sentencepiece(prefixed, metaspace_steps("first", False)))
    write_json("metaspace_split", from_sentencepiece(prefixed, metaspace_steps("always", True)))


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Writes tests/golden/pre_tokenizers/: the ids of hard texts for every pre-tokenizer name of GGUF.

Needs tokenizers 0.23.3 and llama-cpp-python 0.3.36 (llama.cpp 0c1e570). Run from the project's root:

    python3 scripts/golden/pre_tokenizers.py

Two vocabularies are trained on the texts themselves without any cut, so that their merges reach over
every border a pre-tokenizer may set: one of bytes, one of characters (Gemma 4's kind). Each name is
asked of both libraries. tokenizers gets the pattern of the models' own tokenizer.json and is the one
that is written; llama.cpp has no Unicode categories in its engine, so it differs on the texts whose
numbers `differs` lists, for the reasons in the manifest.
"""

import ctypes
import json
import pathlib
import random
import re
import sys
import tempfile

import llama_cpp as L
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "cases"))
import gguf  # noqa: E402

OUT = pathlib.Path("tests/golden/pre_tokenizers")
SEED = 20261130
MARK = "\u2581"

PARTS = [
    "hello", "Hello", "HELLO", "helloWorld", "XMLHttp", "don't", "I'LL", "we've", "x's", "O'Neil",
    "caf\u00e9", "cafe\u0301", "nai\u0308ve", "\u00dcber", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u03b1\u03b2\u03b3", "\u01c5abc",
    "안녕하세요", "대한민국", "한글ㅋㅋ", "\u1112\u1161\u11ab", "ㄱㄴ", "中文", "日本語テキスト", "人々", "ㄅㄆㄇ", "한中あ",
    "สวัสดีครับ", "ภาษา", "हिन्दी", "क्षि", "বাংলা", "ខ្មែរ", "မြန်မာ", "ລາວ", "العربية", "שלום",
    "1", "12", "123", "1234", "1234567", "3.14", "1,000,000", "2026-11-30", "12ab", "x86", "٣٤٥٦", "½", "Ⅷ", "①②③",
    "!", "?!", "...", "--", "==>", "(a)", "[1]", "{x}", "a_b", "__init__", "$5", "#tag", "@me", "`c`", "~/x", "'", "\"q\"",
    "，", "。", "、", "「", "」", "！", "：", "…", "·", "—", "“", "”", "،", "€", "≠", "∑", "𝐀", "ﬁ", "Ω", "豈",
    "🙂", "👨\u200d👩\u200d👧", "🇰🇷", "👍🏽", "❤\ufe0f", "\u200b", "IMGIMGABZ", "<sentinel:7>", "a\u0301\u0302", "\u0301",
]
GAPS = ["", "", "", " ", " ", " ", "  ", "   ", "     ", "\n", "\n\n", " \n", "\n  ", "\r\n", "\t", "\t\t", "\u00a0", "\u3000",
        " \u00a0 ", "\u2028", "\u0085"]

C = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
END = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def words(digits, letters=r"\p{L}", contraction=C + "|", newlines=r"[\r\n]*"):
    marks = r"\p{M}" if "M" in letters else ""
    return (contraction + r"[^\r\n\p{L}\p{N}]?" + (f"[{letters}]+" if marks else letters + "+") + "|" + digits +
            r"| ?[^\s\p{L}" + marks + r"\p{N}]+" + newlines + END)


def cased(digits, contraction=C + "?", without="", slash="/"):
    return (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}{without}]*[{LOWER}{without}]+{contraction}"
            rf"|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}{without}]+[{LOWER}{without}]*{contraction}"
            rf"|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n{slash}]*" + END)


LLAMA3, QWEN2 = words(r"\p{N}{1,3}"), words(r"\p{N}")
GPT4O = cased(r"\p{N}{1,3}")
CJK = "[一-龥\u3040-\u309f\u30a0-\u30ff]+"
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
             r"| ?[\p{P}\p{S}]+[\r\n]*" + END)
SPARK = DEEPSEEK3.replace(r"[\r\n]*|\s*[\r\n]+", r"|[\r\n]")
HAN = r"&&[^\p{Han}]"
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
ASIAN = ("[一-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdfเ-\u0e7f\u0e80-\u0effក-\u17ff"
         "က-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff가-\ud7af\u1100-\u11ff]+")
HANGUL = "[一-龥\u0800-\u4e00가-\ud7ff]+"
# Character by character as in the file: some are not in normal form.
CASED = ("A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ"
         "-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰"
         "-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃")
NEWLINES = r"[^\n]+|[\n]+"

# The chain of each name.
CHAINS = {}
WHOLE_WORDS = set()


def name(names, *chain, whole=False):
    for each in names.split():
        CHAINS[each] = list(chain)
        if whole:
            WHOLE_WORDS.add(each)


name("default", r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")
name("gpt-2 phi-2 mpt olmo jais trillion gigachat mellum modern-bert granite-docling exaone4 a.x-4.0 jina-es jina-de "
     "jina-v2-es jina-v2-de jina-v1-en jina-v2-code roberta-bpe", GPT2)
name("smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", r"\p{N}", GPT2)
name("llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano glm4 glm5", LLAMA3, whole=True)
name("dbrx smaug-bpe chatglm-bpe", LLAMA3)
name("jais-2", LLAMA3.removesuffix(r"|\s+(?!\S)|\s+") + "".join(
    rf"|\s{{{n}}}(?!\S)" for n in ("512", "256", "128", "64", "32", "16", "8", "4", "1,2")) + r"|\s{1}")
name("qwen2 stablelm2 hunyuan megrez deepseek-r1-qwen solar-open kormo f2llmv2 grok-2", QWEN2)
name("qwen35", words(r"\p{N}", r"\p{L}\p{M}"))
name("ufakzeka", words(r"\p{N}", contraction=""))
name("bailingmoe bailingmoe2 llada-moe",
     words(r"\p{N}", contraction=r"'(?i:[sdmt]|ll|ve|re)|").replace(r"\s*[\r\n]+", r"\s*[\r\n]"))
name("seed-coder", words(r"\p{N}{1}", newlines="").replace(r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{N}\r\n]+"))
name("minicpm5", r"\p{N}{1,3}", words(r"\p{N}+"), whole=True)
name("laguna", NEWLINES, QWEN2)
name("tekken", cased(r"\p{N}", contraction=""), whole=True)
name("gpt-4o llama4 kanana2 minimax-m2 talkie", GPT4O)
name("granite-embed-multi-97m", GPT4O, whole=True)
name("tiny_aya cohere2moe", r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O)
name("kimi-k2", r"[\p{Han}]+|" + cased(r"\p{N}{1,3}", without=HAN, slash=""))
name("youtu", "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + CJK, cased(r"\p{N}"), whole=True)
name("exaone-moe", C + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]"
     r"|\s+(?!\S)|\s+")
name("falcon", r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]")
name("deepseek-v3 hunyuan-dense joyai-llm hy_v4", r"\p{N}{1,3}", CJK, DEEPSEEK3)
name("spark2_5", r"\p{N}{1,3}", CJK, SPARK, r"\p{N}")
name("deepseek-coder", "[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", HANGUL, r"\p{N}")
name("deepseek-llm", "[\r\n]", rf"\s?[{CASED}]+", r"\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", HANGUL, r"\p{N}+")
name("afmoe", r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", ASIAN, DEEPSEEK3)
name("superbpe", r"\p{N}+", r"(?=(\d{3})+(?!\d))")
name("poro-chat bloom gpt3-finnish", BLOOM)
name("viking", BLOOM, r"\p{N}")
name("chameleon", "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}",
     r"[\p{P}!-/:-@\[-`{-~]", GPT2)
name("gemma4 granite-embed-multi-311m sarvam-moe", NEWLINES)
name("whitespace", r"\S+")
RAW = {"gemma4", "granite-embed-multi-311m", "sarvam-moe", "whitespace"}


def make_texts():
    rng = random.Random(SEED)
    texts = ["", " ", "\n\n", "Hello world", "1234567890", "tail   ", "x  \u3000\u201c\u3000--", "   \n   x",
             "a\r\n\r\nb", "don't\n\n\n123456 abc",
             "한국어 문장은 1,234개다.\n", "12½ 1234½", "e\u0301e\u0301 12345 word"]
    while len(texts) < 48:
        n = rng.randint(5, 11)
        texts.append("".join(rng.choice(PARTS) + rng.choice(GAPS) for _ in range(n)))
    return texts


def train(texts, raw):
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    alphabet = sorted(set("".join(texts)) - set(" \n")) if raw else pre_tokenizers.ByteLevel.alphabet()
    specials = [f"<0x{b:02X}>" for b in range(256)] if raw else []
    if raw:
        tokenizer.normalizer = normalizers.Replace(" ", MARK)
        # Merges over a newline would be used by tokenizers and never by llama.cpp.
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(NEWLINES), "isolated")
        alphabet = [c for i, c in enumerate(alphabet) if i % 3] + ["\n", MARK]  # the others become bytes
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(vocab_size=len(specials) + 900, initial_alphabet=alphabet, show_progress=False,
                                  min_frequency=2, special_tokens=specials, limit_alphabet=len(alphabet))
    rng = random.Random(SEED + 1)
    corpus = [rng.choice(PARTS) + rng.choice(GAPS) + rng.choice(PARTS) + rng.choice(GAPS) for _ in range(4000)]
    corpus += ["   \n  12 345 678 \n\n  "] * 30
    tokenizer.train_from_iterator([t for t in corpus if not raw or "\u0301" not in t[:1]], trainer)
    state = json.loads(tokenizer.to_str())["model"]
    tokens = [t for t, _ in sorted(state["vocab"].items(), key=lambda item: item[1])]
    merges = [m if isinstance(m, list) else m.split(" ") for m in state["merges"]]
    return tokens, merges


def ids_of_tokenizers(vocabulary, each, texts):
    tokens, merges = vocabulary
    raw = each in RAW
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[tuple(m) for m in merges],
                                     byte_fallback=raw, ignore_merges=each in WHOLE_WORDS))
    if raw and each != "whitespace":
        tokenizer.normalizer = normalizers.Replace(" ", MARK)
    behavior = ("removed", True) if each == "whitespace" else ("isolated", False)
    steps = [pre_tokenizers.Split(Regex(p), *behavior) for p in CHAINS[each]]
    if not raw:
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return [tokenizer.encode(t, add_special_tokens=False).ids for t in texts]


def ids_of_llama_cpp(vocabulary, each, texts, folder):
    tokens, merges = vocabulary
    model = gguf.Model({
        "general.architecture": gguf.text("llama"),
        "tokenizer.ggml.model": gguf.text(each if each == "whitespace" else "gpt2"), "tokenizer.ggml.pre": gguf.text(each),
        "tokenizer.ggml.tokens": gguf.texts(tokens), "tokenizer.ggml.token_type": gguf.i32s([1] * len(tokens)),
        "tokenizer.ggml.merges": gguf.texts([" ".join(m) for m in merges]),
        "tokenizer.ggml.bos_token_id": gguf.u32(0), "tokenizer.ggml.eos_token_id": gguf.u32(0)})
    path = str(pathlib.Path(folder) / "v.gguf")
    model.write(path)
    params = L.llama_model_default_params()
    params.vocab_only = True
    loaded = L.llama_model_load_from_file(path.encode(), params)
    if not loaded:
        sys.exit("llama.cpp cannot load the vocabulary for " + each)
    vocab = L.llama_model_get_vocab(loaded)
    all_ids = []
    for text in texts:
        if each in RAW and each != "whitespace" and re.search(r"\s\n|\n\s", text):
            all_ids.append(None)  # it aborts where a merge of newlines is looked up
            continue
        data = text.encode()
        room = (L.llama_token * (len(data) + 8))()
        n = L.llama_tokenize(vocab, data, len(data), room, len(room), False, False)
        all_ids.append(list(room[:n]))
    L.llama_model_free(loaded)
    return all_ids


def main():
    quiet = L.llama_log_callback(lambda level, text, user: None)
    L.llama_log_set(quiet, ctypes.c_void_p(0))
    texts = make_texts()
    vocabularies = {False: train(texts, False), True: train(texts, True)}
    groups = []
    with tempfile.TemporaryDirectory() as folder:
        for each in CHAINS:
            vocabulary = vocabularies[each in RAW]
            theirs = ids_of_llama_cpp(vocabulary, each, texts, folder)
            ids = ids_of_tokenizers(vocabulary, each, texts)
            differs = [i for i, (a, b) in enumerate(zip(ids, theirs)) if b is not None and a != b]
            raw = each in RAW
            for group in groups:
                if group["raw"] == raw and group["ids"] == ids and group["differs"] == differs:
                    group["names"].append(each)
                    break
            else:
                groups.append({"names": [each], "raw": raw, "differs": differs, "ids": ids})
    OUT.mkdir(parents=True, exist_ok=True)
    content = {"texts": texts, "groups": groups}
    for key, raw in (("bytes", False), ("raw", True)):
        tokens, merges = vocabularies[raw]
        content[key] = {"tokens": tokens, "merges": [" ".join(m) for m in merges]}
    path = OUT / "names.json"
    path.write_text(json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes;", sum(len(g["names"]) for g in groups), "names in", len(groups), "groups")
    for group in groups:
        if group["differs"]:
            print(len(group["differs"]), "texts differ in llama.cpp:", " ".join(group["names"]))


main()

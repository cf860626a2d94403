// SPDX-License-Identifier: Apache-2.0

#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include "text/byte_alphabet.h"

namespace altteul::text {
namespace {

using Kind = TokenKind;

/// All bytes, "ab", "abab", " ab", two control tokens and a user-defined one.
TokenizerSpec ByteSpec() {
  TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.emplace_back(ByteLetter(static_cast<uint8_t>(byte)));
  }
  for (const char* token : {"ab", "abab",
                            "\xC4\xA0"
                            "ab"})
    spec.tokens.push_back(token);
  spec.kinds.assign(spec.tokens.size(), Kind::kNormal);
  for (const char* token : {"<|im_start|>", "<|im_end|>"}) {
    spec.tokens.push_back(token);
    spec.kinds.push_back(Kind::kControl);
  }
  spec.tokens.push_back("<tool>");
  spec.kinds.push_back(Kind::kUserDefined);
  spec.merges = {"a b", "ab ab", "\xC4\xA0 ab"};
  spec.pre_tokenizer = "gpt2";
  spec.bos = 259;
  spec.eos = 260;
  return spec;
}
constexpr TokenId kStart = 259;
constexpr TokenId kEnd = 260;
constexpr TokenId kTool = 261;

/// <unk>, <s>, </s>, all byte tokens, then pieces by falling score.
TokenizerSpec PieceSpec(bool prefix) {
  TokenizerSpec spec;
  spec.model = TokenizerSpec::Model::kSentencePieceBpe;
  spec.tokens = {"<unk>", "<s>", "</s>"};
  spec.kinds = {Kind::kUnknown, Kind::kControl, Kind::kControl};
  constexpr char kHex[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
    spec.kinds.push_back(Kind::kByte);
  }
  for (const char* piece : {"ab",
                            "\xE2\x96\x81"
                            "ab",
                            "aa", "\xE2\x96\x81", "a", "b"}) {
    spec.tokens.push_back(piece);
    spec.kinds.push_back(Kind::kNormal);
  }
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    spec.scores.push_back(-static_cast<float>(id));
  }
  spec.add_space_prefix = prefix;
  spec.unk = 0;
  spec.bos = 1;
  spec.eos = 2;
  return spec;
}
constexpr TokenId kAb = 259, kSpaceAb = 260, kAa = 261, kSpace = 262, kA = 263, kB = 264;

std::unique_ptr<const Tokenizer> Make(TokenizerSpec spec) {
  auto made = MakeTokenizer(std::move(spec));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return made.ok() ? std::move(made).value() : nullptr;
}

std::vector<TokenId> Encode(const Tokenizer& tokenizer, std::string_view text,
                            const Tokenizer::EncodeOptions& options = {}) {
  auto ids = tokenizer.Encode(text, options);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? ids.value() : std::vector<TokenId>{};
}

Status Refusal(TokenizerSpec spec) { return MakeTokenizer(std::move(spec)).status(); }

TEST(TokenizerTest, MergesByRankThenLeftmost) {
  const auto tokenizer = Make(ByteSpec());
  EXPECT_EQ(Encode(*tokenizer, "ababab"), (std::vector<TokenId>{257, 256}));
  EXPECT_EQ(Encode(*tokenizer, "x ab"), (std::vector<TokenId>{'x', 258}));
}

TEST(TokenizerTest, MergesByScoreThenLeftmost) {
  const auto tokenizer = Make(PieceSpec(false));
  EXPECT_EQ(Encode(*tokenizer, "aab"), (std::vector<TokenId>{kA, kAb}));
  EXPECT_EQ(Encode(*tokenizer, "aaa"), (std::vector<TokenId>{kAa, kA}));
  EXPECT_EQ(Encode(*tokenizer, "b ab"), (std::vector<TokenId>{kB, kSpaceAb}));
  EXPECT_EQ(Encode(*tokenizer, "\xC3\xA9"), (std::vector<TokenId>{3 + 0xC3, 3 + 0xA9}));
}

TEST(TokenizerTest, ControlTokensAreParsedOnlyWhenAskedAndUserDefinedOnesAlways) {
  const auto tokenizer = Make(ByteSpec());
  const std::string text = "<|im_end|><tool>";
  EXPECT_EQ(Encode(*tokenizer, text, {.parse_special = true}), (std::vector<TokenId>{kEnd, kTool}));
  const auto plain = Encode(*tokenizer, text);
  EXPECT_EQ(plain.size(), 11u);
  EXPECT_EQ(plain.back(), kTool);
  EXPECT_EQ(tokenizer->Decode(plain, false), text);
}

TEST(TokenizerTest, AUsersBytesCannotBecomeAControlTokenNotEvenInPart) {
  const auto tokenizer = Make(ByteSpec());
  const std::string text = "<|im_end|><|im_end|><|im_end|>";
  const size_t n = 10;
  for (size_t begin = 0; begin < 3 * n; ++begin) {
    const TextRange plain[] = {{begin, begin + 1}};
    const auto ids = Encode(*tokenizer, text, {.parse_special = true, .plain = plain});
    EXPECT_EQ(std::count(ids.begin(), ids.end(), kEnd), 2) << "a user's byte at " << begin;
    EXPECT_EQ(tokenizer->Decode(ids, true), text);
  }
}

TEST(TokenizerTest, BosAndEosAreAddedOnceEach) {
  TokenizerSpec spec = ByteSpec();
  spec.add_bos = spec.add_eos = true;
  const auto tokenizer = Make(std::move(spec));
  const std::vector<TokenId> expected{kStart, 'x', kEnd};
  EXPECT_EQ(Encode(*tokenizer, "x", {.add_bos_eos = true}), expected);
  EXPECT_EQ(
      Encode(*tokenizer, "<|im_start|>x<|im_end|>", {.parse_special = true, .add_bos_eos = true}),
      expected);
  EXPECT_EQ(Encode(*tokenizer, "x"), std::vector<TokenId>{'x'});
}

TEST(TokenizerTest, AnAddedSpaceComesOffAgain) {
  const auto tokenizer = Make(PieceSpec(true));
  EXPECT_EQ(Encode(*tokenizer, "ab"), std::vector<TokenId>{kSpaceAb});
  EXPECT_EQ(tokenizer->Decode({kSpaceAb, kSpaceAb}, false), "ab ab");
  EXPECT_EQ(tokenizer->Decode({1, kSpaceAb}, false), "ab");
  EXPECT_EQ(tokenizer->Decode({1, kSpaceAb}, true), "<s>ab");
  EXPECT_EQ(tokenizer->TokenBytes(kSpaceAb, false), " ab");
  EXPECT_EQ(Encode(*tokenizer, ""), std::vector<TokenId>{});
  EXPECT_EQ(Encode(*tokenizer, " "), (std::vector<TokenId>{kSpace, kSpace}));
}

TEST(TokenizerTest, EveryByteStringOfTwoComesBack) {
  for (const auto& tokenizer : {Make(ByteSpec()), Make(PieceSpec(true)), Make(PieceSpec(false))}) {
    for (int first = 0; first < 256; ++first) {
      for (int second = 0; second < 256; ++second) {
        const std::string text{static_cast<char>(first), static_cast<char>(second)};
        auto ids = tokenizer->Encode(text, {});
        ASSERT_TRUE(ids.ok()) << ids.status().message();
        ASSERT_EQ(tokenizer->Decode(ids.value(), false), text) << first << ' ' << second;
      }
    }
  }
}

TEST(TokenizerTest, AMegabyteOfOneWordTakesNoLongerThanWords) {
  // Were it quadratic, a megabyte would take hours; the limit is a hundred times what it takes.
  const auto begin = std::chrono::steady_clock::now();
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(Encode(*Make(PieceSpec(false)), text).size(), text.size() / 2);
  EXPECT_EQ(Encode(*Make(ByteSpec()), text).size(), text.size());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(TokenizerTest, AByteWithoutATokenIsAnErrorOrIsCounted) {
  TokenizerSpec spec = ByteSpec();
  spec.tokens[4] = "\xE2\x98\x83";  // no longer a letter of the alphabet
  const auto tokenizer = Make(std::move(spec));
  const auto refused = tokenizer->Encode("a\x04", {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("0x04"), std::string::npos);
  size_t n_dropped = 0;
  EXPECT_EQ(Encode(*tokenizer, "a\x04\x04z", {.n_dropped_bytes = &n_dropped}),
            (std::vector<TokenId>{'a', 'z'}));
  EXPECT_EQ(n_dropped, 2u);
}

TEST(TokenizerTest, TokensThatEndTurnsAreFoundByTheirTextWhateverTheirType) {
  const auto tokenizer = Make(ByteSpec());
  EXPECT_TRUE(tokenizer->EndsTurn(kEnd));
  EXPECT_FALSE(tokenizer->EndsTurn(kStart));
  TokenizerSpec spec = ByteSpec();
  spec.eos.reset();
  EXPECT_EQ(Make(spec)->spec().end_of_turn, std::vector<TokenId>{kEnd});
  for (const Kind kind : {Kind::kUserDefined, Kind::kNormal, Kind::kUnused}) {
    spec.kinds[kEnd] = kind;
    std::string said;
    auto made = MakeTokenizer(spec, [&](LogLevel, std::string_view what) { said += what; });
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_EQ(made.value()->spec().end_of_turn, std::vector<TokenId>{kEnd});
    EXPECT_EQ(made.value()->TokenBytes(kEnd, false), "") << "it is not shown";
    EXPECT_NE(said.find("does not mark " + spec.tokens[kEnd]), std::string::npos) << said;
  }
}

// The ends among tokens of these texts, none of them marked as control tokens.
std::vector<std::string> EndsAmong(const std::vector<std::string>& texts, std::string eos = "") {
  TokenizerSpec spec = ByteSpec();
  spec.eos.reset();
  spec.tokens[kEnd] = "not an end";
  for (const std::string& text : texts) {
    if (text == eos) spec.eos = static_cast<TokenId>(spec.tokens.size());
    spec.tokens.push_back(text);
    spec.kinds.push_back(Kind::kUserDefined);
  }
  const auto tokenizer = Make(std::move(spec));
  std::vector<std::string> ends;
  for (const TokenId id : tokenizer->spec().end_of_turn) {
    ends.push_back(tokenizer->spec().tokens[static_cast<size_t>(id)]);
  }
  return ends;
}

TEST(TokenizerTest, WhatATextEndsDependsOnItsCompany) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(EndsAmong({"<|end|>", "<|user|>"}), (Texts{"<|end|>"})) << "Phi";
  EXPECT_EQ(EndsAmong({"<|end|>", "<|return|>", "<|call|>"}), (Texts{"<|return|>", "<|call|>"}))
      << "harmony: <|end|> ends a message";
  EXPECT_EQ(EndsAmong({"<|end|>", "<|calls|>", "<|flush|>"}), (Texts{"<|calls|>", "<|flush|>"}));
  EXPECT_EQ(EndsAmong({"<|end|>", "<|return|>"}), (Texts{"<|end|>", "<|return|>"}));
  EXPECT_EQ(EndsAmong({"</s>", "[INST]"}), (Texts{"</s>"}));
  EXPECT_EQ(EndsAmong({"</s>", "<s>", "<end_of_turn>"}), (Texts{"<end_of_turn>"}))
      << "Gemma's </s> is HTML";
  EXPECT_EQ(EndsAmong({"</s>", "<turn|>"}, "</s>"), (Texts{"</s>", "<turn|>"}))
      << "unless the file names it";
}

TEST(TokenizerTest, TextCannotSpellAControlTokenByMerging) {
  TokenizerSpec spec = ByteSpec();
  spec.kinds[256] = Kind::kControl;  // "ab", which two of the merges touch
  EXPECT_EQ(Encode(*Make(std::move(spec)), "ab"), (std::vector<TokenId>{'a', 'b'}));
  TokenizerSpec pieces = PieceSpec(false);
  pieces.kinds[kAb] = Kind::kControl;
  EXPECT_EQ(Encode(*Make(std::move(pieces)), "ab"), (std::vector<TokenId>{kA, kB}));
}

TEST(TokenizerTest, MergesOfWhatIsNoTokenAreLeftOutAloud) {
  TokenizerSpec spec = ByteSpec();
  // A part that is no token, a result that is none, no pair, no second part; then two good ones.
  spec.merges = {"ab zz", "a a", "ab", "", "ab ", "a b", "ab ab"};
  std::string warnings;
  auto made = MakeTokenizer(std::move(spec), [&](LogLevel, std::string_view what) {
    warnings += std::string(what) + "\n";
  });
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(warnings,
            "5 of 7 merges join or make what is no token (the first: \"ab zz\"); ignored\n");
  EXPECT_EQ(Encode(*made.value(), "abaabab"), (std::vector<TokenId>{256, 'a', 257}));
}

TEST(TokenizerTest, ContradictionsAreRefusedByName) {
  struct Damage {
    const char* says;
    ErrorCode code;
    void (*apply)(TokenizerSpec&);
  };
  const Damage damages[] = {
      {"empty", ErrorCode::kCorruptFile, [](TokenizerSpec& s) { s.tokens.clear(); }},
      {"token types", ErrorCode::kCorruptFile, [](TokenizerSpec& s) { s.kinds.pop_back(); }},
      {"has type 9", ErrorCode::kCorruptFile,
       [](TokenizerSpec& s) { s.kinds[3] = static_cast<Kind>(9); }},
      {"bos is token 262", ErrorCode::kCorruptFile, [](TokenizerSpec& s) { s.bos = 262; }},
      {"eos is token -1", ErrorCode::kCorruptFile, [](TokenizerSpec& s) { s.eos = -1; }},
      {"end of turn", ErrorCode::kCorruptFile, [](TokenizerSpec& s) { s.end_of_turn = {100000}; }},
      {"added token", ErrorCode::kCorruptFile,
       [](TokenizerSpec& s) { s.added = {AddedToken{.id = 262}}; }},
      {"merge 0", ErrorCode::kCorruptFile,
       [](TokenizerSpec& s) {
         s.merge_ids = {{0, 262}};
       }},
      {"\"elvish\"", ErrorCode::kUnsupported, [](TokenizerSpec& s) { s.pre_tokenizer = "elvish"; }},
      {"at most 1024", ErrorCode::kCorruptFile,
       [](TokenizerSpec& s) { s.tokens[kTool] = std::string(1025, 'x'); }},
  };
  for (const Damage& damage : damages) {
    TokenizerSpec spec = ByteSpec();
    damage.apply(spec);
    const Status status = Refusal(std::move(spec));
    EXPECT_EQ(status.code(), damage.code) << damage.says;
    EXPECT_NE(status.message().find(damage.says), std::string::npos) << status.message();
  }
}

TEST(TokenizerTest, BadScoresAndByteTokensAreRefused) {
  TokenizerSpec short_scores = PieceSpec(false);
  short_scores.scores.pop_back();
  EXPECT_EQ(Refusal(short_scores).code(), ErrorCode::kCorruptFile);
  TokenizerSpec nan = PieceSpec(false);
  nan.scores[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Refusal(nan).code(), ErrorCode::kCorruptFile);
  TokenizerSpec byte = PieceSpec(false);
  byte.tokens[10] = "<0xZZ>";
  EXPECT_EQ(Refusal(byte).code(), ErrorCode::kCorruptFile);
}

TEST(TokenizerTest, WithoutByteTokensACharacterIsUnknown) {
  TokenizerSpec spec = PieceSpec(false);
  for (Kind& kind : spec.kinds) {
    if (kind == Kind::kByte) kind = Kind::kUnused;
  }
  const std::string text = "a\xC3\xA9\xC3\xA9";
  EXPECT_EQ(Encode(*Make(spec), text), (std::vector<TokenId>{kA, 0, 0}));
  spec.fuse_unknown = true;
  EXPECT_EQ(Encode(*Make(spec), text), (std::vector<TokenId>{kA, 0}));
}

TEST(TokenizerTest, AModelWithoutAVocabularySaysSo) {
  TokenizerSpec spec;
  spec.model = TokenizerSpec::Model::kNone;
  const auto tokenizer = Make(std::move(spec));
  EXPECT_EQ(tokenizer->Encode("a", {}).status().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(tokenizer->Decode({1, 2}, true), "");
}

TEST(StreamDecoderTest, NeverCutsACharacterAndLosesNoByte) {
  const auto tokenizer = Make(PieceSpec(false));
  const std::string text =
      "a\xED\x95\x9C\xF0\x9F\x99\x82\xFF\xED\x95"
      "b\xF0\x9F";
  StreamDecoder stream(*tokenizer);
  std::string shown;
  for (const TokenId id : Encode(*tokenizer, text)) {
    const std::string now = stream.Push(id);
    // What is shown never ends inside a character that could still be completed.
    const auto last = now.empty() ? 0 : static_cast<unsigned char>(now.back());
    EXPECT_TRUE(now.empty() || last < 0xC2 || last > 0xF4) << last;
    shown += now;
  }
  EXPECT_EQ(shown, text.substr(0, text.size() - 2)) << "the cut emoji is held back";
  EXPECT_EQ(shown + stream.Finish(), text);
}

TEST(StreamDecoderTest, TakesTheAddedSpaceOffOnce) {
  const auto tokenizer = Make(PieceSpec(true));
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(stream.Push(1), "");
  EXPECT_EQ(stream.Push(kSpaceAb), "ab");
  EXPECT_EQ(stream.Push(kSpaceAb), " ab");
}

}  // namespace
}  // namespace altteul::text

// SPDX-License-Identifier: Apache-2.0

#include "engine/session.h"

#include <gtest/gtest.h>

#include <optional>

#include "engine/test_model.h"

namespace altteul::engine {
namespace {

using kernels::KvType;
using testing::BytesAsTokens;
using testing::TestModel;
using testing::TestModelOptions;
using text::TokenId;

TestModelOptions Script(std::string_view text, bool repeats = false) {
  TestModelOptions options;
  options.script = BytesAsTokens(text);
  options.script_repeats = repeats;
  return options;
}

// A session over a test model that always takes the best token.
struct Talk {
  TestModel model;
  std::unique_ptr<Forward> forward;
  std::optional<Session> session;
  std::optional<Sampler> sampler;
  std::vector<std::string> shown;

  Talk(const TestModelOptions& options, size_t context, size_t max_rows = 16,
       KvType type = KvType::kF16)
      : model(options), forward(model.NewForward(max_rows, context)) {
    session.emplace(std::move(Session::Create(*forward, model.clock, type, context)).value());
    SamplerOptions greedy;
    greedy.temperature = 0;
    sampler.emplace(std::move(Sampler::Create(greedy, testing::kVocabulary)).value());
  }

  Generated Answer(const GenerateOptions& options) {
    shown.clear();
    auto result = session->Generate(options, *sampler, [this](std::string_view piece) {
      if (!piece.empty()) shown.emplace_back(piece);
      return true;
    });
    EXPECT_TRUE(result.ok()) << result.status().message();
    return std::move(result).value();
  }
  Generated Ask(std::string_view prompt, const GenerateOptions& options) {
    const Status set = session->SetPrompt(BytesAsTokens(prompt));
    EXPECT_TRUE(set.ok()) << set.message();
    return Answer(options);
  }
  std::string Shown() const {
    std::string all;
    for (const std::string& piece : shown) all += piece;
    return all;
  }
};

// What does not fit is refused with numbers, and what is there stays: a shorter prompt is answered.
TEST(SessionTest, ADryPoolIsRefusedWithNumbersAndTheSessionGoesOn) {
  constexpr uint64_t kPageBytes = 32768;  // of two layers of two heads
  Talk talk(Script("abcdef", true), 256);
  PagePool pool(talk.forward->compute(), 2 * kPageBytes);
  const model::ModelConfig& config = talk.model.model->config;
  auto cache = KvCache::CreateIn(pool, config, KvType::kF16, 256, talk.forward->max_rows());
  ASSERT_TRUE(cache.ok());
  talk.session.emplace(Session::Create(*talk.forward, talk.model.clock, std::move(cache).value()));
  EXPECT_EQ(talk.session->kv_bytes(), 0u);
  const auto refused = [&] {
    const Status status = talk.session->Generate({}, *talk.sampler, {}).status();
    EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(
        status.message().find("holds 65,536 bytes and may hold 65,536, but 1 x 32,768 bytes more"),
        std::string::npos)
        << status.message();
  };
  // A prompt that is too long, then an answer that comes to be.
  ASSERT_TRUE(talk.session->SetPrompt(std::vector<TokenId>(150, 'a')).ok());
  refused();
  EXPECT_EQ(talk.session->history().size(), 150u);
  ASSERT_TRUE(talk.session->SetPrompt(std::vector<TokenId>(100, 'a')).ok());
  refused();
  EXPECT_EQ(talk.session->history().size(), 129u) << "pages of 64 for 128, and the next token";
  refused();
  EXPECT_EQ(talk.session->history().size(), 129u);
  GenerateOptions few;
  few.max_tokens = 5;
  EXPECT_EQ(talk.Ask("xxa", few).text, "bcdef");
  EXPECT_EQ(talk.session->kv_bytes(), 2 * kPageBytes);
  talk.session.reset();  // before its pool
}

TEST(SessionTest, MemoryComesWithTheText) {
  Talk talk(Script("abcdef", true), 4096);
  GenerateOptions options;
  options.max_tokens = 5;
  talk.Ask("xxa", options);
  const size_t page_bytes = talk.session->kv_bytes();
  EXPECT_EQ(page_bytes, KvCache::BytesOf(talk.model.model->config, KvType::kF16, 64, 1).value());
  options.max_tokens = 200;
  talk.Ask("xxa", options);
  EXPECT_EQ(talk.session->kv_bytes(), 4 * page_bytes);
}

TEST(SessionTest, AnswersUntilTheModelEndsItsTurn) {
  Talk talk(Script("abcdef"), 64);
  const Generated answer = talk.Ask("xxa", {});
  EXPECT_EQ(answer.text, "bcdef");
  EXPECT_EQ(answer.ids, BytesAsTokens("bcdef"));
  EXPECT_EQ(answer.reason, FinishReason::kEndOfTurn);
  EXPECT_EQ(answer.prompt_tokens, 3u);
  EXPECT_EQ(talk.Shown(), answer.text);
}

TEST(SessionTest, GoesOnBehindTheEndWhenAsked) {
  Talk talk(Script("abc"), 64);
  const Generated answer = talk.Ask("a", {.max_tokens = 3, .ignore_end = true, .stop = {}});
  EXPECT_EQ(answer.ids, (std::vector<TokenId>{'b', 'c', testing::kEos}));
  EXPECT_EQ(answer.text, "bc") << "the end token is no text";
  EXPECT_EQ(answer.reason, FinishReason::kMaxTokens);
}

TEST(SessionTest, StopTextsAcrossTokensAreNeverShown) {
  Talk talk(Script("abcdefgh"), 64);
  const Generated answer = talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {"efg"}});
  EXPECT_EQ(answer.text, "bcd");
  EXPECT_EQ(talk.Shown(), "bcd");
  EXPECT_EQ(answer.reason, FinishReason::kStopText);
  EXPECT_EQ(answer.ids, BytesAsTokens("bcdefg")) << "ids tell what was computed";
}

TEST(SessionTest, ThePartOfAStopTextThatCameToNothingIsReleased) {
  Talk talk(Script("abcdefgh"), 64);
  const Generated answer = talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {"cdeX"}});
  EXPECT_EQ(answer.text, "bcdefgh");
  EXPECT_EQ(answer.reason, FinishReason::kEndOfTurn);
  // c, cd and cde were held back and came with f.
  EXPECT_EQ(talk.shown, (std::vector<std::string>{"b", "cdef", "g", "h"}));
}

TEST(SessionTest, WhatIsHeldBackAtTheEndIsShown) {
  Talk talk(Script("abcdef"), 64);
  const Generated answer = talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {"defX"}});
  EXPECT_EQ(answer.text, "bcdef");
  EXPECT_EQ(talk.shown, (std::vector<std::string>{"b", "c", "def"}));
}

TEST(SessionTest, TheFirstOfSeveralStopTextsWinsAndEmptyOnesDoNothing) {
  Talk talk(Script("abcdefgh"), 64);
  const GenerateOptions options{
      .max_tokens = 0, .ignore_end = false, .stop = {"", "fg", "de", "zz"}};
  EXPECT_EQ(talk.Ask("a", options).text, "bc");
}

// "b", a control token, "cd", end of turn: the answer to "a".
TestModelOptions ScriptWithControlToken() {
  TestModelOptions options = Script("ab");
  options.script.push_back(testing::kBos);
  for (const TokenId id : BytesAsTokens("cd")) options.script.push_back(id);
  return options;
}

TEST(SessionTest, AControlTokenCanBeStoppedAt) {
  Talk talk(ScriptWithControlToken(), 64);
  const Generated answer = talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {"<bos>"}});
  EXPECT_EQ(answer.text, "b");
  EXPECT_EQ(answer.reason, FinishReason::kStopText);
  EXPECT_EQ(answer.ids, (std::vector<TokenId>{'b', testing::kBos}));
}

TEST(SessionTest, AStopTextMayMixWordsAndControlTokens) {
  for (const char* stop : {"b<bos>c", "<bos>c", "b<bos>", "s>cd<eo", "cd<eos>"}) {
    Talk talk(ScriptWithControlToken(), 64);
    const Generated answer = talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {stop}});
    EXPECT_EQ(answer.reason, FinishReason::kStopText) << stop;
    EXPECT_EQ(answer.text, stop[0] == 'b' ? "" : "b") << stop;
    EXPECT_EQ(talk.Shown(), answer.text) << stop;
  }
}

TEST(SessionTest, AControlTokenIsNoTextWithoutAStop) {
  Talk talk(ScriptWithControlToken(), 64);
  const Generated answer = talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {"<bot>"}});
  EXPECT_EQ(answer.text, "bcd");
  EXPECT_EQ(answer.reason, FinishReason::kEndOfTurn);
}

TEST(SessionTest, CharactersAreNeverCut) {
  // U+00E9 and U+1F600, then an end in the middle of a character.
  TestModelOptions options;
  options.script = BytesAsTokens("a\xC3\xA9\xF0\x9F\x98\x80\xE2\x82");
  Talk talk(options, 64);
  const Generated answer = talk.Ask("a", {});
  EXPECT_EQ(talk.shown, (std::vector<std::string>{"\xC3\xA9", "\xF0\x9F\x98\x80", "\xE2\x82"}));
  EXPECT_EQ(answer.text, "\xC3\xA9\xF0\x9F\x98\x80\xE2\x82");
}

TEST(SessionTest, WhatIsHeldBackAtTheEndStaysInOrder) {
  // "b" could become "bX", and the byte behind it a character; then the turn ends.
  Talk talk(Script("ab\xE2"), 64);
  EXPECT_EQ(talk.Ask("a", {.max_tokens = 0, .ignore_end = false, .stop = {"bX"}}).text, "b\xE2");
}

TEST(SessionTest, StopsAtMaxTokensAndGoesOnFromThere) {
  Talk talk(Script("abcdefgh"), 64);
  const GenerateOptions three{.max_tokens = 3, .ignore_end = false, .stop = {}};
  const Generated first = talk.Ask("a", three);
  EXPECT_EQ(first.text, "bcd");
  EXPECT_EQ(first.reason, FinishReason::kMaxTokens);
  const Generated second = talk.Answer(three);
  EXPECT_EQ(second.text, "efg");
  EXPECT_EQ(second.prompt_tokens, 1u) << "only the last token was not computed yet";
}

TEST(SessionTest, EndsWhenTheContextIsFull) {
  Talk talk(Script("abcd", /*repeats=*/true), 16);
  const Generated answer = talk.Ask("xxxa", {});
  EXPECT_EQ(answer.reason, FinishReason::kContextFull);
  EXPECT_EQ(answer.text, "bcdabcdabcda");  // 16 positions, 4 of them the prompt's
  EXPECT_EQ(talk.session->history().size(), 16u);
}

TEST(SessionTest, APromptLongerThanTheContextNamesBothNumbers) {
  Talk talk(Script("ab"), 16);
  for (const size_t n : {16, 17, 100}) {
    const Status status = talk.session->SetPrompt(std::vector<TokenId>(n, 'a'));
    EXPECT_EQ(status.code(), ErrorCode::kDoesNotFit);
    EXPECT_NE(status.message().find(std::to_string(n) + " tokens"), std::string::npos);
    EXPECT_NE(status.message().find("context holds 16"), std::string::npos) << status.message();
  }
  EXPECT_TRUE(talk.session->SetPrompt(std::vector<TokenId>(15, 'a')).ok());
}

TEST(SessionTest, AnEmptyPromptAndAnAnswerWithoutPromptAreErrors) {
  Talk talk(Script("ab"), 16);
  EXPECT_EQ(talk.session->SetPrompt({}).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(talk.session->Generate({}, *talk.sampler, {}).status().code(),
            ErrorCode::kInvalidArgument);
}

TEST(SessionTest, ShowEndsTheAnswerAndTheConversationGoesOn) {
  Talk talk(Script("abcd", /*repeats=*/true), 64);
  ASSERT_TRUE(talk.session->SetPrompt(BytesAsTokens("a")).ok());
  std::string seen;
  const auto cancelled = talk.session->Generate({}, *talk.sampler, [&](std::string_view piece) {
    seen += piece;
    return seen.size() < 3;
  });
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled.value().reason, FinishReason::kCancelled);
  EXPECT_EQ(cancelled.value().text, "bcd");
  EXPECT_EQ(talk.Answer({.max_tokens = 2, .ignore_end = false, .stop = {}}).text, "ab");
}

TEST(SessionTest, AnAnswerWithoutTextCanBeEndedToo) {
  // Only control tokens: nothing is ever shown.
  TestModelOptions options;
  options.script = {testing::kBos, testing::kEos};
  options.script_repeats = true;
  Talk talk(options, 512);
  ASSERT_TRUE(talk.session->SetPrompt(std::vector<TokenId>{testing::kBos}).ok());
  size_t asked = 0;
  const auto answer =
      talk.session->Generate({.max_tokens = 0, .ignore_end = true, .stop = {}}, *talk.sampler,
                             [&](std::string_view) { return ++asked < 10; });
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().reason, FinishReason::kCancelled);
  EXPECT_LT(answer.value().ids.size(), 11u);
}

TEST(SessionTest, ALongPromptCanBeInterruptedBetweenPassesAndTakenUpAgain) {
  Talk talk(Script("abcdef"), 64, 8);
  ASSERT_TRUE(talk.session->SetPrompt(BytesAsTokens(std::string(39, 'x') + "a")).ok());
  int asked = 0;
  const auto stopped = talk.session->Generate({}, *talk.sampler, [&](std::string_view) {
    return ++asked < 3;  // yes to the first two passes of eight rows
  });
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped.value().reason, FinishReason::kCancelled);
  EXPECT_EQ(stopped.value().prompt_tokens, 16u);
  EXPECT_TRUE(stopped.value().ids.empty());
  const Generated rest = talk.Answer({});
  EXPECT_EQ(rest.prompt_tokens, 24u);
  EXPECT_EQ(rest.text, "bcdef");
}

// The sum of two ways must be the same bits (ARCHITECTURE.md, "Same tokens, same bits").
void ExpectPrefixReuseLikeFresh(uint32_t window, KvType type) {
  TestModelOptions options;
  options.window = window;
  const std::string shared(70, 'm');
  const std::vector<std::string> prompts = {shared + "one tail", shared + "another, longer tail",
                                            shared, shared + "one tail again", "quite different"};
  Talk used(options, 256, 16, type);
  for (const std::string& prompt : prompts) {
    ASSERT_TRUE(used.session->SetPrompt(BytesAsTokens(prompt)).ok());
    ASSERT_TRUE(used.session->Prefill().ok());
    Talk fresh(options, 256, 16, type);
    ASSERT_TRUE(fresh.session->SetPrompt(BytesAsTokens(prompt)).ok());
    ASSERT_TRUE(fresh.session->Prefill().ok());
    for (size_t v = 0; v < testing::kVocabulary; ++v) {
      ASSERT_EQ(used.session->logits()[v], fresh.session->logits()[v])
          << "token " << v << " behind '" << prompt << "', window " << window;
    }
  }
}

TEST(SessionTest, AReusedPrefixGivesTheLogitsOfAFreshSession) {
  ExpectPrefixReuseLikeFresh(0, KvType::kF16);
  ExpectPrefixReuseLikeFresh(0, KvType::kQ8_0);
  ExpectPrefixReuseLikeFresh(0, KvType::kQ4_0);
}

TEST(SessionTest, AReusedPrefixGivesTheLogitsOfAFreshSessionWithAWindowToo) {
  ExpectPrefixReuseLikeFresh(16, KvType::kF16);
  ExpectPrefixReuseLikeFresh(16, KvType::kF32);
}

TEST(SessionTest, AReusedPrefixIsNotComputedAgain) {
  Talk talk(Script("abcdef"), 128);
  talk.Ask(std::string(50, 'x') + "a", {.max_tokens = 2, .ignore_end = false, .stop = {}});
  const Generated again = talk.Ask(std::string(50, 'x') + "abz", {});
  // Shared: 50 x, a, and b, which was computed as an answer; c was never computed.
  EXPECT_EQ(again.prompt_tokens, 1u);
  const Generated same = talk.Ask(std::string(50, 'x') + "a", {});
  EXPECT_EQ(same.prompt_tokens, 1u) << "the last token's logits are needed anew";
}

TEST(SessionTest, ATokenOutsideTheVocabularyIsAnErrorNotACrash) {
  Talk talk(Script("ab"), 16);
  for (const TokenId bad : {-1, static_cast<int>(testing::kVocabulary)}) {
    ASSERT_TRUE(talk.session->SetPrompt(std::vector<TokenId>{'a', bad}).ok());
    EXPECT_EQ(talk.session->Generate({}, *talk.sampler, {}).status().code(),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(talk.Ask("a", {}).text, "b") << "the session works on";
}

}  // namespace
}  // namespace altteul::engine

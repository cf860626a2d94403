// SPDX-License-Identifier: Apache-2.0

// Answers with guessed tokens must be the answers without, bit for bit: session, cache, lookup and
// draft together.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "engine/draft_model.h"
#include "engine/prompt_lookup.h"
#include "engine/session.h"
#include "engine/test_model.h"

namespace altteul::engine {
namespace {

using kernels::KvType;
using testing::BytesAsTokens;
using testing::TestModel;
using testing::TestModelOptions;
using text::TokenId;

TestModelOptions Tiny(uint64_t seed, uint32_t layers, uint32_t window = 0, float perturb = 0) {
  TestModelOptions options;
  options.seed = seed;
  options.layers = layers;
  options.window = window;
  options.perturb = perturb;
  return options;
}

// Time that makes sessions guess. Eager: once a single row's pass has been measured, time stands
// still, so more rows seem to cost nothing. Fickle: no two passes alike, so the number of guesses
// jumps about.
enum class Time { kEager, kFickle };

class MadeUpClock : public Clock {
 public:
  explicit MadeUpClock(Time time) : time_(time) {}
  double Seconds() const override {
    if (time_ == Time::kEager) return now_ += is_still_ ? 0.0 : 1.0;
    return now_ += 0.01 + random_.Uniform(++readings_);
  }
  void StandStill() { is_still_ = true; }

 private:
  Time time_;
  bool is_still_ = false;
  RandomStream random_{7, "fickle clock"};
  mutable uint64_t readings_ = 0;
  mutable double now_ = 0;
};

// Guesses what a test tells it to, always at full length.
class ScriptedSpeculator : public Speculator {
 public:
  using Guesser = std::function<TokenId(size_t position)>;
  ScriptedSpeculator(size_t longest, Guesser guesser) : longest_(longest), guesser_(guesser) {}

  size_t longest() const override { return longest_; }
  Status Begin(std::span<const TokenId>, const std::function<bool()>&) override { return Status(); }
  size_t Forecast(std::span<const TokenId>, std::span<float> chances) override {
    std::fill(chances.begin(), chances.end(), 1.0f);
    return longest_;
  }
  Status Propose(std::span<const TokenId> history, std::span<TokenId> out) override {
    for (size_t i = 0; i < out.size(); ++i) out[i] = guesser_(history.size() + i);
    return Status();
  }
  void Observe(size_t accepted, bool refuted) override {
    right += accepted;
    wrong += refuted ? 1 : 0;
  }
  size_t right = 0, wrong = 0;

 private:
  size_t longest_;
  Guesser guesser_;
};

struct Bench {
  MadeUpClock clock;
  std::unique_ptr<Forward> forward;
  std::optional<Session> session;
  std::optional<Sampler> sampler;

  Bench(TestModel& model, Time time, const SamplerOptions& sampling, size_t context = 256,
        KvType type = KvType::kF16)
      : clock(time), forward(model.NewForward(16, context)) {
    session.emplace(std::move(Session::Create(*forward, clock, type, context)).value());
    sampler.emplace(std::move(Sampler::Create(sampling, testing::kVocabulary)).value());
  }
  Generated Answer(const GenerateOptions& options) {
    // Behind the second token, the first pass of the answer is over.
    const size_t second = session->history().size() + 2;
    auto result = session->Generate(options, *sampler, [&](std::string_view) {
      if (session->history().size() >= second) clock.StandStill();
      return true;
    });
    EXPECT_TRUE(result.ok()) << result.status().message();
    return std::move(result).value();
  }
  Generated Ask(std::span<const TokenId> prompt, const GenerateOptions& options) {
    const Status set = session->SetPrompt(prompt);
    EXPECT_TRUE(set.ok()) << set.message();
    return Answer(options);
  }
};

struct DraftBench {
  TestModel& model;
  std::unique_ptr<Forward> forward;
  std::unique_ptr<DraftModel> draft;

  DraftBench(TestModel& draft_model, const model::Model& target, const SamplerOptions& sampling,
             size_t context = 256)
      : model(draft_model), forward(draft_model.NewForward(16, context)) {
    draft =
        std::move(
            DraftModel::Create(
                *forward, target,
                {.kv_type = KvType::kF16, .context = context, .longest = 5, .sampler = sampling}))
            .value();
  }
};

std::vector<SamplerOptions> Samplings() {
  SamplerOptions greedy;
  greedy.temperature = 0;
  SamplerOptions penalized = greedy;
  penalized.repeat_penalty = 1.3f;
  penalized.penalty_window = 20;
  SamplerOptions usual;
  usual.seed = 1;
  SamplerOptions narrow;
  narrow.seed = 2;
  narrow.temperature = 0.3f;
  narrow.top_p = 0.8f;
  narrow.frequency_penalty = 0.2f;
  narrow.presence_penalty = 0.1f;
  narrow.logit_bias = {{'e', 2.0f}, {'q', -INFINITY}};
  SamplerOptions wide;
  wide.seed = 3;
  wide.temperature = 2.0f;
  wide.top_k = 0;
  wide.top_p = 1;
  wide.min_p = 0;
  return {greedy, penalized, usual, narrow, wide};
}

GenerateOptions Endless(size_t max_tokens, Speculator* speculator = nullptr) {
  return {.max_tokens = max_tokens, .ignore_end = true, .stop = {}, .speculator = speculator};
}

void ExpectSame(const Generated& guessed, const Generated& plain, const std::string& what) {
  EXPECT_EQ(guessed.ids, plain.ids) << what;
  EXPECT_EQ(guessed.text, plain.text) << what;
  EXPECT_EQ(guessed.reason, plain.reason) << what;
  EXPECT_EQ(guessed.prompt_tokens, plain.prompt_tokens) << what;
}

// The prompt repeats itself, so there is something to look up from the start.
const std::string kPrompt = "one two three, one two four, one two three, one two ";

TEST(SpeculationTest, LookupChangesNoAnswer) {
  TestModel model({});
  for (const Time time : {Time::kEager, Time::kFickle}) {
    size_t guessed = 0;
    for (SamplerOptions sampling : Samplings()) {
      // Few letters, so that a random model repeats itself.
      for (TokenId id = 'a'; id < 'e'; ++id) sampling.logit_bias.emplace_back(id, 30.0f);
      PromptLookup lookup(12);
      Bench with(model, time, sampling), without(model, time, sampling);
      const auto prompt = BytesAsTokens(kPrompt);
      const Generated answer = with.Ask(prompt, Endless(80, &lookup));
      ExpectSame(answer, without.Ask(prompt, Endless(80)), "seed " + std::to_string(sampling.seed));
      guessed += answer.proposed_tokens;
      EXPECT_LE(answer.accepted_tokens, answer.proposed_tokens);
    }
    EXPECT_GT(guessed, 0u);
  }
}

TEST(SpeculationTest, AnotherModelsDraftChangesNoAnswer) {
  TestModel model({});
  TestModel other(Tiny(2, 1));
  TestModel similar(Tiny(1, 2, 0, 0.02f));
  for (TestModel* draft_model : {&other, &similar}) {
    for (const Time time : {Time::kEager, Time::kFickle}) {
      size_t guessed = 0;
      for (const SamplerOptions& sampling : Samplings()) {
        DraftBench draft(*draft_model, *model.model, sampling);
        Bench with(model, time, sampling), without(model, time, sampling);
        const auto prompt = BytesAsTokens(kPrompt);
        const Generated answer = with.Ask(prompt, Endless(40, draft.draft.get()));
        ExpectSame(answer, without.Ask(prompt, Endless(40)),
                   "seed " + std::to_string(sampling.seed));
        guessed += answer.proposed_tokens;
      }
      EXPECT_GT(guessed, 0u);
    }
  }
}

TEST(SpeculationTest, ASimilarDraftIsOftenRightAtTheSameDraws) {
  TestModel model({});
  TestModel similar(Tiny(1, 2, 0, 0.002f));
  const Time time = Time::kEager;
  SamplerOptions sampling;
  sampling.temperature = 1;
  DraftBench draft(similar, *model.model, sampling);
  Bench with(model, time, sampling);
  const Generated answer = with.Ask(BytesAsTokens(kPrompt), Endless(150, draft.draft.get()));
  // The weights differ by 0.2 %, so do the probabilities, roughly; a draw of its own would agree in
  // a fifth of all cases only.
  EXPECT_GT(answer.accepted_tokens * 2, answer.proposed_tokens);
}

TEST(SpeculationTest, AModelThatDraftsForItselfIsAlwaysRight) {
  TestModel model({});
  const Time time = Time::kEager;
  for (const SamplerOptions& sampling : Samplings()) {
    DraftBench draft(model, *model.model, sampling);
    Bench with(model, time, sampling);
    const Generated answer = with.Ask(BytesAsTokens(kPrompt), Endless(50, draft.draft.get()));
    EXPECT_GT(answer.proposed_tokens, 30u) << "seed " << sampling.seed;
    EXPECT_EQ(answer.accepted_tokens, answer.proposed_tokens) << "seed " << sampling.seed;
  }
}

// Pearson's chi-square of the first two tokens of an answer against their probabilities, which are
// computed without a session. Other seeds, other draws: with and without guesses they must fall
// alike. The guesses are the likeliest tokens, so that they are right and wrong many times.
TEST(SpeculationTest, SampledTokensKeepTheirDistribution) {
  TestModel model(Tiny(1, 1));
  const Time time = Time::kEager;
  SamplerOptions sampling;
  sampling.temperature = 1;
  sampling.top_k = 4;
  sampling.top_p = 1;
  sampling.min_p = 0;
  const auto prompt = BytesAsTokens("The");

  // The true distribution of the third token of the answer, over all paths of the first two.
  std::vector<double> expected(testing::kVocabulary, 0.0);
  Bench bench(model, time, sampling);
  const std::function<void(std::vector<TokenId>, double, size_t)> walk =
      [&](std::vector<TokenId> ids, double weight, size_t left) {
        ASSERT_TRUE(bench.session->SetPrompt(ids).ok());
        ASSERT_TRUE(bench.session->Prefill().ok());
        std::vector<float> logits(bench.session->logits().begin(), bench.session->logits().end());
        std::vector<std::pair<float, TokenId>> top;
        for (size_t v = 0; v < logits.size(); ++v) top.push_back({-logits[v], TokenId(v)});
        std::partial_sort(top.begin(), top.begin() + 4, top.end());
        double total = 0;
        for (size_t i = 0; i < 4; ++i) total += std::exp(double(top[0].first - top[i].first));
        for (size_t i = 0; i < 4; ++i) {
          const double p = weight * std::exp(double(top[0].first - top[i].first)) / total;
          if (left == 0) {
            expected[static_cast<size_t>(top[i].second)] += p;
            continue;
          }
          ids.push_back(top[i].second);
          walk(ids, p, left - 1);
          ids.pop_back();
        }
      };
  walk(prompt, 1.0, 2);

  SamplerOptions greedy;
  greedy.temperature = 0;
  Bench best(model, time, greedy);
  const std::vector<TokenId> guesses = best.Ask(prompt, Endless(8)).ids;
  ScriptedSpeculator speculator(3, [&](size_t at) { return guesses[at - prompt.size()]; });
  constexpr int kDraws = 2000;
  std::vector<double> seen(testing::kVocabulary, 0.0);
  Bench drawn(model, time, sampling);
  for (int seed = 0; seed < kDraws; ++seed) {
    sampling.seed = static_cast<uint64_t>(seed);
    drawn.sampler.emplace(std::move(Sampler::Create(sampling, testing::kVocabulary)).value());
    seen[static_cast<size_t>(drawn.Ask(prompt, Endless(3, &speculator)).ids[2])] += 1;
  }
  EXPECT_GT(speculator.right, 100u);
  EXPECT_GT(speculator.wrong, 100u);

  // Cells with less than 5 expected draws are one cell (Cochran's rule).
  double chi2 = 0, rest_expected = 0, rest_seen = 0;
  int cells = 0;
  const auto add = [&](double want, double got) {
    chi2 += (got - want) * (got - want) / want;
    ++cells;
  };
  for (size_t v = 0; v < expected.size(); ++v) {
    const double want = expected[v] * kDraws;
    if (want == 0) {
      EXPECT_EQ(seen[v], 0) << "token " << v << " is impossible";
    } else if (want < 5) {
      rest_expected += want;
      rest_seen += seen[v];
    } else {
      add(want, seen[v]);
    }
  }
  if (rest_expected >= 5) add(rest_expected, rest_seen);
  ASSERT_GT(cells, 5);
  // Wilson-Hilferty: the quantile of chi-square with f degrees of freedom that one experiment in
  // 100,000 exceeds (z = 4.26).
  const double f = cells - 1, h = 2 / (9 * f);
  EXPECT_LT(chi2, f * std::pow(1 - h + 4.26 * std::sqrt(h), 3)) << cells << " cells";
}

// A window of 16 in a ring of 64 slots: guesses beyond the end overwrite slots of old positions and
// are taken back again and again, over several rounds of the ring.
TEST(SpeculationTest, RefutedGuessesDoNoHarmToSlidingWindows) {
  TestModel model(Tiny(1, 2, 16));
  for (const KvType type : {KvType::kF16, KvType::kQ8_0, KvType::kQ4_0}) {
    const Time time = Time::kEager;
    for (const SamplerOptions& sampling : Samplings()) {
      Bench with(model, time, sampling, 200, type), without(model, time, sampling, 200, type);
      const auto prompt = BytesAsTokens(kPrompt);
      const Generated plain = without.Ask(prompt, Endless(100));
      // Every third guess is wrong.
      ScriptedSpeculator speculator(15, [&](size_t at) {
        const size_t i = at - prompt.size();
        return i % 3 == 2 ? TokenId{'#'} : plain.ids[std::min(i, plain.ids.size() - 1)];
      });
      ExpectSame(with.Ask(prompt, Endless(100, &speculator)), plain,
                 "seed " + std::to_string(sampling.seed));
      EXPECT_GT(speculator.right, 20u);
      EXPECT_GT(speculator.wrong, 20u);
    }
  }
}

TestModelOptions Script(std::string_view text, bool repeats) {
  TestModelOptions options;
  options.script = BytesAsTokens(text);
  options.script_repeats = repeats;
  return options;
}

SamplerOptions Greedy() {
  SamplerOptions greedy;
  greedy.temperature = 0;
  return greedy;
}

// An answer of the scripted alphabet, guessed right (or wrong, then) far beyond its end.
struct Ends {
  TestModel model;
  ScriptedSpeculator speculator;
  Bench with, without;

  explicit Ends(bool repeats, size_t context = 128)
      : model(Script("abcdefghijklmnopqrst", repeats)),
        speculator(9, [](size_t at) { return TokenId(at < 1 ? 'a' : 'a' + int(at % 20)); }),
        with(model, Time::kEager, Greedy(), context),
        without(model, Time::kEager, Greedy(), context) {}

  // Both must also go on alike, from the same history and with as much left to compute.
  void ExpectSameAnswersAndSequels(GenerateOptions options) {
    const Generated plain = without.Ask(BytesAsTokens("a"), options);
    options.speculator = &speculator;
    const Generated guessed = with.Ask(BytesAsTokens("a"), options);
    ExpectSame(guessed, plain, "answer");
    EXPECT_GT(guessed.accepted_tokens, 0u);
    ExpectSameHistory();
    options.stop.clear();
    options.max_tokens = 7;
    const Generated guessed_on = with.Answer(options);
    options.speculator = nullptr;
    ExpectSame(guessed_on, without.Answer(options), "sequel");
    ExpectSameHistory();
  }
  void ExpectSameHistory() { EXPECT_EQ(with.session->history(), without.session->history()); }
};

TEST(SpeculationTest, AnAnswerEndsAtMaxTokensInTheMiddleOfGuesses) {
  for (size_t n = 1; n < 24; ++n) {
    Ends ends(true);
    if (n < 4) {
      // Too short for a guess; only equality counts.
      ExpectSame(ends.with.Ask(BytesAsTokens("a"), Endless(n, &ends.speculator)),
                 ends.without.Ask(BytesAsTokens("a"), Endless(n)), "answer");
      continue;
    }
    ends.ExpectSameAnswersAndSequels(Endless(n));
  }
}

TEST(SpeculationTest, AnAnswerEndsWithItsTurnInTheMiddleOfGuesses) {
  Ends ends(false);
  ends.ExpectSameAnswersAndSequels({});
  EXPECT_EQ(ends.with.Ask(BytesAsTokens("a"), {}).text, "bcdefghijklmnopqrst");
}

TEST(SpeculationTest, AStopTextEndsAnAnswerInTheMiddleOfGuesses) {
  for (const char* stop : {"ghi", "h", "klmno"}) {
    Ends ends(true);
    ends.ExpectSameAnswersAndSequels({.max_tokens = 0, .ignore_end = false, .stop = {stop}});
  }
}

TEST(SpeculationTest, TheContextFillsUpInTheMiddleOfGuesses) {
  for (size_t context = 12; context < 32; ++context) {
    Ends ends(true, context);
    GenerateOptions options = Endless(0);
    const Generated plain = ends.without.Ask(BytesAsTokens("a"), options);
    options.speculator = &ends.speculator;
    ExpectSame(ends.with.Ask(BytesAsTokens("a"), options), plain, std::to_string(context));
    EXPECT_EQ(plain.reason, FinishReason::kContextFull);
    ends.ExpectSameHistory();
    EXPECT_GT(ends.speculator.right, 0u);
  }
}

TEST(SpeculationTest, ReadersMayEndTheAnswerAnywhere) {
  for (int most = 1; most < 25; ++most) {
    Ends ends(true);
    const auto ask = [&](Bench& bench, Speculator* speculator) {
      EXPECT_TRUE(bench.session->SetPrompt(BytesAsTokens("a")).ok());
      int asked = 0;
      const auto answer =
          bench.session->Generate(Endless(0, speculator), *bench.sampler,
                                  [&](std::string_view) { return ++asked <= most; });
      return std::move(answer).value();
    };
    ExpectSame(ask(ends.with, &ends.speculator), ask(ends.without, nullptr), std::to_string(most));
    ends.ExpectSameHistory();
    ExpectSame(ends.with.Answer(Endless(30, &ends.speculator)), ends.without.Answer(Endless(30)),
               "sequel of " + std::to_string(most));
  }
}

TEST(SpeculationTest, AChatGoesOnAlikeTurnAfterTurn) {
  TestModel model(Tiny(1, 2, 24));
  TestModel other(Tiny(5, 2));
  const Time time = Time::kFickle;
  for (const SamplerOptions& sampling : Samplings()) {
    Bench lookup_bench(model, time, sampling), draft_bench(model, time, sampling);
    Bench plain_bench(model, time, sampling);
    PromptLookup lookup(6);
    DraftBench draft(other, *model.model, sampling);
    std::vector<TokenId> talk = BytesAsTokens(kPrompt);
    // The third turn takes back part of the second, the last one is about something else.
    for (const std::string turn : {" and what", " of it", "<", "?"}) {
      if (turn == "<") talk.resize(talk.size() - 12);
      if (turn == "?") talk = BytesAsTokens("something else, something else");
      const Generated plain = plain_bench.Ask(talk, Endless(25));
      ExpectSame(lookup_bench.Ask(talk, Endless(25, &lookup)), plain, "lookup, turn " + turn);
      ExpectSame(draft_bench.Ask(talk, Endless(25, draft.draft.get())), plain,
                 "draft, turn " + turn);
      talk.insert(talk.end(), plain.ids.begin(), plain.ids.end());
      for (const TokenId id : BytesAsTokens(turn)) talk.push_back(id);
    }
  }
}

TEST(SpeculationTest, ATokenThatOnlyTheDraftHasIsNoGuess) {
  TestModel model({});
  const Time time = Time::kEager;
  ScriptedSpeculator speculator(4, [](size_t) { return TokenId(testing::kVocabulary + 3); });
  Bench with(model, time, Greedy()), without(model, time, Greedy());
  const auto prompt = BytesAsTokens(kPrompt);
  ExpectSame(with.Ask(prompt, Endless(20, &speculator)), without.Ask(prompt, Endless(20)), "");
}

TEST(SpeculationTest, GuessingAPromptsCopyNeedsFewPasses) {
  TestModel model(Script("abcdefghijklmnopqrst", true));
  const Time time = Time::kEager;
  PromptLookup lookup(15);
  Bench with(model, time, Greedy());
  const Generated answer = with.Ask(BytesAsTokens("abcdefghijklmnopqrsta"), Endless(100, &lookup));
  EXPECT_GT(answer.accepted_tokens, 80u);
}

}  // namespace
}  // namespace altteul::engine

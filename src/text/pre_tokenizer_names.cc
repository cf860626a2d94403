// SPDX-License-Identifier: Apache-2.0

// The published pre-tokenizers by the names that GGUF has for them.

#include <algorithm>
#include <array>

#include "text/pre_tokenizer.h"
#include "text/published_patterns.h"

namespace altteul::text {
namespace {

using namespace published;  // NOLINT(google-build-using-namespace): the table is made of them

constexpr size_t kMaxChain = 6;
using Chain = std::array<std::string_view, kMaxChain>;

struct Named {
  std::string_view name;
  Chain chain;  ///< filled from the front
  PreTokenizerHabits habits = {};
};

constexpr PreTokenizerHabits kWholeWords = {.ignore_merges = true};
constexpr PreTokenizerHabits kBeginsWithBos = {.begins_with_bos = true};
constexpr PreTokenizerHabits kLlama3Habits = {.ignore_merges = true, .begins_with_bos = true};
constexpr PreTokenizerHabits kRaw = {.raw_text = true, .marks_spaces = true};
constexpr PreTokenizerHabits kGemma4Habits = {
    .begins_with_bos = true, .raw_text = true, .marks_spaces = true};

constexpr Chain kGpt2Chain = {kGpt2};
constexpr Chain kDigitsFirst = {kDigit, kGpt2};
constexpr Chain kDeepseek3Chain = {kUpToThreeDigits, kDeepseekCjk, kDeepseek3};
constexpr Chain kAyaChain = {kThousandsOfWords, kGpt4o};

// Names as llama.cpp's converter writes them (tokenizer.ggml.pre). Of several names for one chain
// the first is written.
constexpr Named kNamed[] = {
    {"default", {kPunctuation, kGpt2, kDigits, kAsciiDigitTriple}},
    {"gpt-2", kGpt2Chain},
    {"gpt2", kGpt2Chain},
    {"phi-2", kGpt2Chain},
    {"mpt", kGpt2Chain},
    {"olmo", kGpt2Chain},
    {"jais", kGpt2Chain},
    {"trillion", kGpt2Chain},
    {"gigachat", kGpt2Chain},
    {"mellum", kGpt2Chain},
    {"modern-bert", kGpt2Chain},
    {"granite-docling", kGpt2Chain},
    {"exaone4", kGpt2Chain},
    {"a.x-4.0", kGpt2Chain},
    {"jina-es", kGpt2Chain},
    {"jina-de", kGpt2Chain},
    {"jina-v2-es", kGpt2Chain},
    {"jina-v2-de", kGpt2Chain},
    {"jina-v1-en", kGpt2Chain},
    {"jina-v2-code", kGpt2Chain},
    {"roberta-bpe", kGpt2Chain},
    {"smollm", kDigitsFirst},
    {"starcoder", kDigitsFirst},
    {"refact", kDigitsFirst},
    {"command-r", kDigitsFirst},
    {"codeshell", kDigitsFirst},
    {"exaone", kDigitsFirst},
    {"minerva-7b", kDigitsFirst},
    {"mellum2", kDigitsFirst},
    {"llama-bpe", {kLlama3}, kLlama3Habits},
    {"llama3", {kLlama3}, kLlama3Habits},
    {"llama-v3", {kLlama3}, kLlama3Habits},
    {"falcon3", {kLlama3}, kLlama3Habits},
    {"falcon-h1", {kLlama3}, kLlama3Habits},
    {"pixtral", {kLlama3}, kLlama3Habits},
    {"midm-2.0", {kLlama3}, kLlama3Habits},
    {"lfm2", {kLlama3}, kLlama3Habits},
    {"jina-v5-nano", {kLlama3}, kLlama3Habits},
    {"dbrx", {kLlama3}},
    {"smaug-bpe", {kLlama3}},
    {"chatglm-bpe", {kLlama3}},
    {"glm4", {kLlama3}, kWholeWords},
    {"glm5", {kLlama3}, kWholeWords},
    {"jais-2", {kJais2}},
    {"qwen2", {kQwen2}},
    {"stablelm2", {kQwen2}},
    {"hunyuan", {kQwen2}},
    {"megrez", {kQwen2}},
    {"deepseek-r1-qwen", {kQwen2}},
    {"solar-open", {kQwen2}},
    {"kormo", {kQwen2}},
    {"f2llmv2", {kQwen2}},
    {"grok-2", {kQwen2}},
    {"qwen35", {kQwen35}},
    {"ufakzeka", {kUfakzeka}},
    {"bailingmoe", {kBailing}},
    {"bailingmoe2", {kBailing}},
    {"llada-moe", {kBailing}},
    {"seed-coder", {kSeedCoder}},
    {"minicpm5", {kUpToThreeDigits, kMinicpm5}, kWholeWords},
    {"laguna", {kNewlineRuns, kQwen2}},
    {"tekken", {kTekken}, kLlama3Habits},
    {"gpt-4o", {kGpt4o}},
    {"llama4", {kGpt4o}},
    {"kanana2", {kGpt4o}},
    {"minimax-m2", {kGpt4o}},
    {"talkie", {kGpt4o}},
    {"granite-embed-multi-97m", {kGpt4o}, kWholeWords},
    {"tiny_aya", kAyaChain},
    {"cohere2moe", kAyaChain},
    {"kimi-k2", {kKimiK2}},
    {"youtu", {kYoutuScripts, kYoutu}, kWholeWords},
    {"exaone-moe", {kExaoneMoe}},
    {"falcon", {kFalconPunctuation, kGpt2, kAsciiDigitTriple}},
    {"deepseek-v3", kDeepseek3Chain},
    {"hunyuan-dense", kDeepseek3Chain},
    {"joyai-llm", kDeepseek3Chain},
    {"hy_v4", kDeepseek3Chain},
    {"spark2_5", {kUpToThreeDigits, kDeepseekCjk, kSpark, kDigit}},
    {"deepseek-coder",
     {kNewline, kDeepseekCoderLetters, kDeepseekCoderPunctuation, kDeepseekHangul, kDigit}},
    {"deepseek-llm",
     {kNewline, kDeepseekLlmLetters, kDeepseekLlmPunctuation, kTrailingSpaces, kDeepseekHangul,
      kDigits}},
    {"afmoe", {kThousands, kAsianScripts, kDeepseek3}},
    {"superbpe", {kDigits, kThousandsMarks}},
    {"poro-chat", {kBloom}},
    {"bloom", {kBloom}},
    {"gpt3-finnish", {kBloom}},
    {"viking", {kBloom, kDigit}},
    {"chameleon",
     {kSentinels, kImageCodes, kIndentations, kDigit, kAnyPunctuation, kGpt2},
     kBeginsWithBos},
    {"gemma4", {kNewlineRuns}, kGemma4Habits},
    {"granite-embed-multi-311m", {kNewlineRuns}, kGemma4Habits},
    {"sarvam-moe", {kNewlineRuns}, kRaw},
    {"whitespace", {kNotSpaces}, {.raw_text = true}},
};

const Named* Find(std::string_view name) {
  const auto* found = std::find_if(std::begin(kNamed), std::end(kNamed),
                                   [&](const Named& named) { return named.name == name; });
  return found == std::end(kNamed) ? nullptr : found;
}

// A single pattern of the table matches every character, so that dropping what lies between the
// matches, as tiktoken's patterns are written in tokenizer.json, comes to the same.
bool Isolates(const PrePattern& pattern, bool alone) {
  if (pattern.behavior == SplitBehavior::kIsolated) return !pattern.invert;
  return alone && pattern.behavior == SplitBehavior::kRemoved && pattern.invert;
}

bool SameChain(const Named& named, const std::vector<PrePattern>& patterns) {
  if (patterns.empty() || patterns.size() > kMaxChain) return false;
  for (size_t i = 0; i < kMaxChain; ++i) {
    const PrePattern none;
    const PrePattern& given = i < patterns.size() ? patterns[i] : none;
    const bool shortened =
        given.pattern == kGpt2Short && given.behavior == SplitBehavior::kIsolated;
    if (named.chain[i] != (shortened ? kGpt2 : std::string_view(given.pattern))) return false;
    if (!named.chain[i].empty() && !Isolates(given, patterns.size() == 1)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::vector<PrePattern>> PrePatternsByName(std::string_view name) {
  const Named* named = Find(name);
  if (named == nullptr) return std::nullopt;
  std::vector<PrePattern> patterns;
  for (const std::string_view pattern : named->chain) {
    if (pattern.empty()) continue;
    patterns.push_back(PrePattern{.pattern = std::string(pattern)});
    if (pattern == kNotSpaces) {  // what lies between the words is no piece
      patterns.back().behavior = SplitBehavior::kRemoved;
      patterns.back().invert = true;
    }
  }
  return patterns;
}

std::optional<std::string_view> NameOfPrePatterns(const std::vector<PrePattern>& patterns,
                                                  bool ignore_merges) {
  for (const Named& named : kNamed) {
    if (named.habits.raw_text || named.habits.ignore_merges != ignore_merges) continue;
    if (SameChain(named, patterns)) return named.name;
  }
  return std::nullopt;
}

PreTokenizerHabits HabitsOfPreTokenizer(std::string_view name) {
  const Named* named = Find(name);
  return named != nullptr ? named->habits : PreTokenizerHabits();
}

bool IsPublishedPattern(std::string_view pattern) {
  // One can be matched in exponentially many ways; the other reads a long run of spaces again from
  // every 512th. They are run with care.
  if (pattern == kExaoneMoe || pattern == kJais2) return false;
  return std::any_of(std::begin(kNamed), std::end(kNamed), [&](const Named& named) {
    return std::find(named.chain.begin(), named.chain.end(), pattern) != named.chain.end();
  });
}

std::string_view LinearForm(std::string_view pattern) {
  return pattern == kTrailingSpaces ? R"((?<!\s)\s++$)" : pattern;
}

}  // namespace altteul::text

// The published pre-tokenizers. Each pattern is a fact of its model: it stands in the model's own
// tokenizer.json (in tiktoken's source for the OpenAI ones), and GGUF names the whole chain. Where
// llama.cpp approximates a pattern for lack of an engine, the original is taken.

#include <algorithm>
#include <array>

#include "text/pre_tokenizer.h"

namespace altteul::text {
namespace {

// GPT-2's pattern. In the shorter form the last alternative is missing: what no alternative matches
// is a piece of its own, which comes to the same.
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt2Short = kGpt2.substr(0, kGpt2.rfind('|'));

constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kDigits = R"(\p{N}+)";
constexpr std::string_view kUpToThreeDigits = R"(\p{N}{1,3})";
constexpr std::string_view kAsciiDigitTriple = "[0-9][0-9][0-9]";

constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
    R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kExaoneMoe =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";

constexpr std::string_view kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";         // "default"
constexpr std::string_view kFalconPunctuation = R"([\p{P}\$\+<=>\^~\|`]+)";  // Falcon 7B

constexpr std::string_view kDeepseekCjk = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kDeepseek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)"
    R"(|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr size_t kMaxChain = 4;

struct Named {
  std::string_view name;
  std::array<std::string_view, kMaxChain> chain;  ///< filled from the front
  bool ignore_merges = false;
};

constexpr std::array<std::string_view, kMaxChain> kGpt2Chain = {kGpt2};
constexpr std::array<std::string_view, kMaxChain> kDigitsFirst = {kDigit, kGpt2};
constexpr std::array<std::string_view, kMaxChain> kDeepseek3Chain = {kUpToThreeDigits, kDeepseekCjk,
                                                                     kDeepseek3};

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
    {"smollm", kDigitsFirst},
    {"starcoder", kDigitsFirst},
    {"refact", kDigitsFirst},
    {"command-r", kDigitsFirst},
    {"codeshell", kDigitsFirst},
    {"exaone", kDigitsFirst},
    {"minerva-7b", kDigitsFirst},
    {"llama-bpe", {kLlama3}, true},
    {"llama3", {kLlama3}, true},
    {"llama-v3", {kLlama3}, true},
    {"falcon3", {kLlama3}, true},
    {"falcon-h1", {kLlama3}, true},
    {"pixtral", {kLlama3}, true},
    {"midm-2.0", {kLlama3}, true},
    {"lfm2", {kLlama3}, true},
    {"dbrx", {kLlama3}},
    {"smaug-bpe", {kLlama3}},
    {"glm4", {kLlama3}},
    {"chatglm-bpe", {kLlama3}},
    {"qwen2", {kQwen2}},
    {"stablelm2", {kQwen2}},
    {"hunyuan", {kQwen2}},
    {"megrez", {kQwen2}},
    {"deepseek-r1-qwen", {kQwen2}},
    {"solar-open", {kQwen2}},
    {"qwen35", {kQwen35}},
    {"tekken", {kTekken}, true},
    {"gpt-4o", {kGpt4o}},
    {"llama4", {kGpt4o}},
    {"kanana2", {kGpt4o}},
    {"exaone-moe", {kExaoneMoe}},
    {"falcon", {kFalconPunctuation, kGpt2, kAsciiDigitTriple}},
    {"deepseek-v3", kDeepseek3Chain},
    {"hunyuan-dense", kDeepseek3Chain},
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
    if (!pattern.empty()) patterns.push_back(PrePattern{.pattern = std::string(pattern)});
  }
  return patterns;
}

std::optional<std::string_view> NameOfPrePatterns(const std::vector<PrePattern>& patterns,
                                                  bool ignore_merges) {
  for (const Named& named : kNamed) {
    if (named.ignore_merges == ignore_merges && SameChain(named, patterns)) return named.name;
  }
  return std::nullopt;
}

bool PreTokenizerIgnoresMerges(std::string_view name) {
  const Named* named = Find(name);
  return named != nullptr && named->ignore_merges;
}

bool IsPublishedPattern(std::string_view pattern) {
  // The exaone-moe pattern can be matched in exponentially many ways: it is run with care.
  if (pattern == kExaoneMoe) return false;
  return std::any_of(std::begin(kNamed), std::end(kNamed), [&](const Named& named) {
    return std::find(named.chain.begin(), named.chain.end(), pattern) != named.chain.end();
  });
}

}  // namespace altteul::text

// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_judge.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>

#include "base/ascii.h"
#include "base/human_units.h"
#include "base/sha256.h"
#include "base/statistics.h"
#include "engine/session.h"
#include "tools/bench_series.h"
#include "tools/interrupt.h"

namespace altteul::tools {
namespace {

using engine::Forward;
using kernels::KvType;
using kernels::Precision;

// A KV cache may cost this much [nats a token]; or a tenth of what the weights cost, if that is
// more: what nobody would see beside it.
constexpr double kFreeKl = 0.01;
constexpr double kPartOfWeights = 0.1;

Status Invalid(const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); }

bool SameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  return a == b || std::filesystem::equivalent(a, b, error);
}

Result<std::unique_ptr<const model::Model>> Load(const std::string& path, Precision precision,
                                                 const JudgeRoom& room) {
  return model::LoadModel(path, {.precision = precision, .go_on = [] { return !Interrupted(); }},
                          room.compute, room.log);
}

ProgressSink ProgressOf(const JudgeRoom& room, const std::string& what) {
  return room.progress ? room.progress(what) : ProgressSink();
}

/// Both models at once, as users run them.
struct BothModels {
  std::unique_ptr<const model::Model> before, after;
};

Result<std::vector<JudgedSpeed>> MeasureSpeed(const BothModels& models, const JudgeOptions& options,
                                              const JudgeRoom& room) {
  const std::vector<SeriesSpec> specs = {options.prompt, options.answer};
  const auto runner = [&](const model::Model& model) {
    return SeriesRunner::Create(model, room.compute, room.clock, specs, KvType::kF16);
  };
  ALT_ASSIGN_OR_RETURN(const auto before, runner(*models.before));
  ALT_ASSIGN_OR_RETURN(const auto after, runner(*models.after));
  std::vector<JudgedSpeed> speed;
  for (const SeriesSpec& spec : specs) speed.push_back({.spec = spec, .before = {}, .after = {}});
  const ProgressSink progress = ProgressOf(room, "measuring speed, round");
  for (size_t round = 0; round <= options.speed_rounds; ++round) {  // the first one warms up
    if (progress && !progress(round, options.speed_rounds + 1)) {
      return Status(ErrorCode::kCancelled, "the measurement was interrupted");
    }
    for (JudgedSpeed& series : speed) {
      ALT_ASSIGN_OR_RETURN(const double slow, before->Measure(series.spec));
      ALT_ASSIGN_OR_RETURN(const double fast, after->Measure(series.spec));
      if (round == 0) continue;
      series.before.push_back(slow);
      series.after.push_back(fast);
    }
  }
  if (progress) progress(options.speed_rounds + 1, options.speed_rounds + 1);
  return speed;
}

/// Greedy, so that the answer is the model's and not the dice's.
Result<std::string> Answer(const model::Model& model, const std::string& prompt, size_t n_tokens,
                           const JudgeRoom& room) {
  size_t dropped = 0;
  ALT_ASSIGN_OR_RETURN(auto ids, model.tokenizer->Encode(
                                     prompt, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
  const text::TokenizerSpec& spec = model.tokenizer->spec();
  if (spec.add_eos && !ids.empty() && ids.back() == spec.eos) ids.pop_back();
  const size_t context = ids.size() + n_tokens + 1;
  ALT_ASSIGN_OR_RETURN(const auto forward,
                       Forward::Create(model, room.compute, ids.size() + 1, context));
  ALT_ASSIGN_OR_RETURN(auto session,
                       engine::Session::Create(*forward, room.clock, KvType::kF16, context));
  engine::SamplerOptions greedy;
  greedy.temperature = 0;
  ALT_ASSIGN_OR_RETURN(auto sampler, engine::Sampler::Create(greedy, model.config.vocabulary));
  ALT_RETURN_IF_ERROR(session.SetPrompt(ids));
  engine::GenerateOptions generate;
  generate.max_tokens = n_tokens;
  ALT_ASSIGN_OR_RETURN(const auto answer, session.Generate(generate, sampler, [](std::string_view) {
    return !Interrupted();
  }));
  if (Interrupted()) return Status(ErrorCode::kCancelled, "the answers were interrupted");
  return answer.text;
}

Result<std::vector<JudgedKvType>> JudgeKv(const model::Model& model, const JudgeText& text,
                                          const JudgeOptions& options, const JudgeRoom& room) {
  const auto forward = [&] {
    return Forward::Create(model, room.compute, options.context, options.context);
  };
  ALT_ASSIGN_OR_RETURN(const auto changed, forward());
  ALT_ASSIGN_OR_RETURN(const auto same, forward());
  std::vector<JudgedKvType> rows;
  for (const KvType type : {KvType::kF16, KvType::kQ8_0, KvType::kQ4_0}) {
    const auto bytes = engine::KvCache::BytesOf(model.config, type, kKvContext, kPassTokens);
    if (bytes.status().code() == ErrorCode::kUnsupported) continue;  // not with such heads
    ALT_RETURN_IF_ERROR(bytes.status());
    ALT_ASSIGN_OR_RETURN(
        const auto evaluation,
        eval::Evaluate(
            {.candidate = changed.get(), .reference = same.get()}, text.ids,
            {.context = options.context, .max_chunks = options.kv_chunks, .kv_type = type},
            room.compute.team(), ProgressOf(room, "judging the KV cache, chunk")));
    rows.push_back({.type = type, .bytes = bytes.value(), .divergence = *evaluation.divergence});
  }
  return rows;
}

/// The last place, at most `most` bytes into `text`, where a word ends and no character is cut.
size_t WordEnd(std::string_view text, size_t most) {
  if (text.size() <= most) return text.size();
  const size_t space = text.find_last_of(" \n", most);
  if (space != std::string_view::npos && space > most / 2) return space;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return most;
}

/// Where a line or a sentence begins in [at, end), else a word.
size_t SentenceStart(std::string_view text, size_t at, size_t end) {
  if (at == 0) return 0;
  const size_t line = text.find('\n', at);
  const size_t sentence = text.find(". ", at);
  const size_t before = std::min(line, sentence);
  return before < end ? before + 1 : std::min(text.find(' ', at), text.size());
}

}  // namespace

Result<std::vector<JudgeText>> ParseJudgeTexts(const std::vector<std::string>& arguments,
                                               const std::vector<std::string>& calibration) {
  std::vector<JudgeText> texts;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    JudgeText judge;
    judge.name = argument.substr(0, equals);
    judge.file = equals == std::string::npos ? argument : argument.substr(equals + 1);
    if (judge.name.empty() || judge.file.empty()) {
      return Invalid("--judge " + argument + ": give NAME=FILE");
    }
    const auto is_judge = [&](const std::string& file) { return SameFile(judge.file, file); };
    if (std::any_of(calibration.begin(), calibration.end(), is_judge)) {
      return Invalid("--judge " + argument +
                     ": is the calibration text; judging on what was fitted to proves nothing");
    }
    for (const JudgeText& other : texts) {
      if (other.name == judge.name) return Invalid("--judge names " + judge.name + " twice");
    }
    texts.push_back(std::move(judge));
  }
  return texts;
}

Status FillJudgeText(std::string content, const std::vector<std::string>& calibration_texts,
                     const text::Tokenizer& tokenizer, size_t context, JudgeText* judge,
                     size_t* n_dropped_bytes) {
  const auto lies_in = [](const std::string& part, const std::string& whole) {
    return !part.empty() && whole.find(part) != std::string::npos;
  };
  for (const std::string& calibration : calibration_texts) {
    if (!lies_in(content, calibration) && !lies_in(calibration, content)) continue;
    return Invalid(judge->file +
                   ": shares its text with the calibration text; judging on what was fitted to "
                   "proves nothing");
  }
  if (tokenizer.vocabulary() == 0) {
    return Status(ErrorCode::kUnsupported, "the model has no tokenizer, so no text can be judged");
  }
  ALT_ASSIGN_OR_RETURN(judge->ids, tokenizer.Encode(content, {.add_bos_eos = true,
                                                              .n_dropped_bytes = n_dropped_bytes}));
  if (judge->ids.size() < context) {
    return Invalid(judge->file + ": has " + FormatCount(judge->ids.size()) +
                   " tokens, less than one chunk of " + std::to_string(context));
  }
  Sha256 hash;
  hash.Add(content);
  judge->sha256 = hash.Hex();
  judge->text = std::move(content);
  return Status();
}

Result<std::vector<JudgedText>> JudgeQuality(const std::string& original, const std::string& result,
                                             const std::vector<JudgeText>& texts,
                                             const JudgeOptions& options, const JudgeRoom& room) {
  ALT_ASSIGN_OR_RETURN(const auto before, Load(original, Precision::kF32, room));
  ALT_ASSIGN_OR_RETURN(const auto after, Load(result, Precision::kFast, room));
  const auto forward = [&](const model::Model& model) {
    return Forward::Create(model, room.compute, options.context, options.context);
  };
  ALT_ASSIGN_OR_RETURN(const auto reference, forward(*before));
  ALT_ASSIGN_OR_RETURN(const auto candidate, forward(*after));
  std::vector<JudgedText> judged;
  for (const JudgeText& text : texts) {
    ALT_ASSIGN_OR_RETURN(
        auto evaluation,
        eval::Evaluate({.candidate = candidate.get(), .reference = reference.get()}, text.ids,
                       {.context = options.context, .max_chunks = options.max_chunks},
                       room.compute.team(), ProgressOf(room, "judging " + text.name + ", chunk")));
    judged.push_back({.name = text.name, .evaluation = evaluation});
  }
  return judged;
}

Status CheckDivergence(const JudgedText& judged, double max_kld, const std::string& out) {
  const double kl = judged.evaluation.divergence->mean;
  if (max_kld <= 0 || kl <= max_kld) return Status();
  return Status(ErrorCode::kQualityGate, out + ": the KL divergence on " + judged.name + " is " +
                                             FormatFixed(kl, 6) + " nats a token, " +
                                             FormatFixed(max_kld, 6) +
                                             " are allowed (--max-kld); no file was written");
}

Status JudgeUse(const std::string& original, const std::string& result,
                const std::vector<JudgeText>& texts, const JudgeOptions& options,
                const JudgeRoom& room, Judgement* judgement) {
  BothModels models;
  ALT_ASSIGN_OR_RETURN(models.before, Load(original, Precision::kFast, room));
  ALT_ASSIGN_OR_RETURN(models.after, Load(result, Precision::kFast, room));
  judgement->weight_bytes_before = models.before->weights.resting_bytes;
  judgement->weight_bytes_after = models.after->weights.resting_bytes;
  ALT_ASSIGN_OR_RETURN(judgement->speed, MeasureSpeed(models, options, room));
  for (std::string& prompt : PromptsFrom(texts.front().text, options.n_samples)) {
    JudgedSample sample;
    ALT_ASSIGN_OR_RETURN(sample.before,
                         Answer(*models.before, prompt, options.sample_tokens, room));
    ALT_ASSIGN_OR_RETURN(sample.after, Answer(*models.after, prompt, options.sample_tokens, room));
    sample.prompt = std::move(prompt);
    judgement->samples.push_back(std::move(sample));
  }
  models.before.reset();
  ALT_ASSIGN_OR_RETURN(judgement->kv, JudgeKv(*models.after, texts.front(), options, room));
  return Status();
}

// Within a round, because the speed of a shared machine drifts.
double JudgedSpeed::Ratio() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < before.size(); ++i) ratios.push_back(after[i] / before[i]);
  return Median(ratios);
}

kernels::KvType Judgement::AdvisedKvType() const {
  const double limit =
      std::max(kFreeKl, kPartOfWeights * texts.front().evaluation.divergence->mean);
  const JudgedKvType* best = &kv.front();
  for (const JudgedKvType& row : kv) {
    // Two standard errors: so small by measurement, not by luck.
    if (row.divergence.mean + 2 * row.divergence.stderr_ <= limit && row.bytes < best->bytes) {
      best = &row;
    }
  }
  return best->type;
}

std::string Judgement::KvAdvice() const {
  const double weights_kl = texts.front().evaluation.divergence->mean;
  const KvType advised = AdvisedKvType();
  const auto row = std::find_if(kv.begin(), kv.end(),
                                [&](const JudgedKvType& each) { return each.type == advised; });
  const std::string name(kernels::KvTypeName(advised));
  const std::string context = "a context of " + FormatCount(kKvContext) + " tokens takes ";
  const std::string limit = "below " + FormatFixed(kFreeKl, 2) + " or a tenth of the weights' " +
                            FormatFixed(weights_kl, 4);
  if (row == kv.begin()) {
    return "Stay with " + name + " keys and values: no smaller type comes " + limit + "; " +
           context + FormatBytes(row->bytes) + ".";
  }
  return "Use " + name + " keys and values (-ctk " + name + "): they cost " +
         FormatFixed(row->divergence.mean, 5) + " +/- " + FormatFixed(row->divergence.stderr_, 5) +
         " nats a token, " + limit + ", and " + context + FormatBytes(row->bytes) + " instead of " +
         FormatBytes(kv.front().bytes) + " in " +
         std::string(kernels::KvTypeName(kv.front().type)) + ".";
}

std::vector<std::string> PromptsFrom(const std::string& text, size_t n) {
  constexpr size_t kLeast = 40, kMost = 200;  // [bytes]
  const std::string_view all = text;
  std::vector<std::string> prompts;
  for (size_t i = 0; i < n; ++i) {
    const size_t end = all.size() / n * (i + 1);
    const size_t start = SentenceStart(all, all.size() / n * i, end);
    // The first line that is long enough: headings and empty lines say too little.
    std::string_view prompt;
    for (size_t at = start; at < end && prompt.empty();) {
      at = std::min(all.find_first_not_of(kBlanks, at), all.size());
      const std::string_view line = all.substr(at, all.find('\n', at) - at);
      const size_t length = WordEnd(line, kMost);
      if (length >= kLeast) prompt = line.substr(0, length);
      at += line.size() + 1;
    }
    // Lists and verses have none.
    const std::string_view rest = all.substr(std::min(start, end), end - std::min(start, end));
    if (prompt.empty()) prompt = rest.substr(0, WordEnd(rest, kMost));
    if (prompt.size() >= kLeast) prompts.emplace_back(prompt);
  }
  return prompts;
}

}  // namespace altteul::tools

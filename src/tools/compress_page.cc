// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_page.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/human_units.h"
#include "base/statistics.h"
#include "report/heat_map.h"
#include "report/html_page.h"
#include "report/svg_chart.h"

namespace altteul::tools {
namespace {

using compress::PlannedTypes;
using compress::TensorSurvey;
using compress::TypePlan;
using report::HtmlPage;
using Rows = std::vector<std::vector<std::string>>;

std::string NameOf(DType type) { return std::string(TraitsOf(type).name); }

/// Three significant digits, whatever the size.
std::string Short(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

std::string WithError(double value, double error, int digits) {
  return FormatFixed(value, digits) + " ± " + FormatFixed(error, digits);
}

void AddSummary(const CompressionRecord& record, HtmlPage* page) {
  const compress::RecodeReport& r = record.recoded;
  page->AddFacts({{"model", record.model}, {"result", record.out}});
  Rows rows = {
      {"file", FormatBytes(r.source_bytes), FormatBytes(r.file_bytes),
       FormatFixed(static_cast<double>(r.file_bytes) / static_cast<double>(r.source_bytes), 3)},
      {"bits a weight", FormatFixed(r.source_bits_per_weight, 2), FormatFixed(r.bits_per_weight, 2),
       FormatFixed(r.bits_per_weight / r.source_bits_per_weight, 3)}};
  if (!record.judgement || record.judgement->speed.empty()) {
    page->AddTable({"", "before", "after", "ratio"}, rows);
    return;
  }
  const Judgement& j = *record.judgement;
  const uint64_t kv = j.kv.front().bytes;
  const auto memory = [&](const std::string& what, uint64_t before, uint64_t after) {
    rows.push_back({what, FormatBytes(before), FormatBytes(after),
                    FormatFixed(static_cast<double>(after) / static_cast<double>(before), 3)});
  };
  memory("memory of the weights", j.weight_bytes_before, j.weight_bytes_after);
  memory("weights and a KV cache of " + FormatCount(kKvContext) + " tokens in f16",
         j.weight_bytes_before + kv, j.weight_bytes_after + kv);
  for (const JudgedSpeed& speed : j.speed) {
    const bool prompt = speed.spec.kind == SeriesSpec::Kind::kPrompt;
    rows.push_back({std::string(prompt ? "prompt of " : "answer of ") +
                        std::to_string(speed.spec.tokens) + ", tokens a second",
                    FormatFixed(Median(speed.before), 1), FormatFixed(Median(speed.after), 1),
                    FormatFixed(speed.Ratio(), 3)});
  }
  page->AddTable({"", "before", "after", "ratio"}, rows);
}

void AddQuality(const CompressionRecord& record, HtmlPage* page) {
  if (!record.judgement) return;
  page->AddHeading("Quality");
  Rows rows, percentiles;
  for (const JudgedText& text : record.judgement->texts) {
    const eval::Evaluation& e = text.evaluation;
    const eval::Divergence& d = *e.divergence;
    rows.push_back({text.name, FormatCount(e.scored_tokens),
                    FormatFixed(*e.perplexity_reference, 3),
                    WithError(e.perplexity, e.perplexity_stderr, 3),
                    FormatFixed(*e.bits_per_byte_reference, 4), FormatFixed(e.bits_per_byte, 4),
                    WithError(d.mean, d.stderr_, 5), FormatFixed(100 * d.same_top, 2) + " %"});
    percentiles.push_back({text.name, Short(d.p50), Short(d.p90), Short(d.p95), Short(d.p99),
                           Short(d.p999), Short(d.max)});
  }
  page->AddTable({"text", "tokens scored", "perplexity before", "after", "bits a byte before",
                  "after", "KL divergence", "same top token"},
                 rows);
  page->AddParagraph(
      "KL divergence, in nats a token, is how far the result's predictions lie from the "
      "original's: 0 is no loss, and unlike perplexity it cannot be luck. The original runs in f32 "
      "arithmetic, the result as users run it. Of each chunk of text the second half is scored.");
  page->AddParagraph("KL divergence of single tokens, by percentile:");
  page->AddTable({"text", "50 %", "90 %", "95 %", "99 %", "99.9 %", "largest"}, percentiles);
  if (record.chosen && FindJudged(record, kHeldOut) != nullptr) {
    page->AddParagraph("Types were chosen on the " + std::string(kHeldOut) +
                       ", though nothing was fitted to them; other texts are the better proof.");
  }
}

void AddFront(const CompressionRecord& record, HtmlPage* page) {
  if (!record.plan || !record.chosen) return;
  const auto megabytes = [](uint64_t bytes) { return static_cast<double>(bytes) * 1e-6; };
  report::SvgChart chart("Expected KL divergence by size of the file", {.label = "file [MB]"},
                         {.label = "KL divergence [nats a token]", .logarithmic = true});
  std::vector<report::ChartPoint> points;
  for (const PlannedTypes& planned : record.plan->Front()) {
    points.push_back({megabytes(planned.file_bytes), planned.kl});
  }
  chart.AddLine("the best mix of each size, as expected", points);
  const double size = megabytes(record.chosen->file_bytes);
  chart.AddMarks(
      "the mix that was chosen, as expected",
      {{.at = {size, record.chosen->kl},
        .label = {},
        .tooltip = FormatBytes(record.chosen->file_bytes) + ", KL " + Short(record.chosen->kl)}});
  if (record.judgement) {
    for (const JudgedText& text : record.judgement->texts) {
      const eval::Divergence& d = *text.evaluation.divergence;
      chart.AddMarks("measured on " + text.name + ", with two standard errors",
                     {{.at = {size, d.mean},
                       .label = {},
                       .tooltip = text.name + ": KL " + WithError(d.mean, d.stderr_, 5),
                       .low_y = d.mean - 2 * d.stderr_,
                       .high_y = d.mean + 2 * d.stderr_}});
    }
  }
  page->AddHeading("What each size would cost");
  page->AddChart(chart);
}

/// "blk.7.ffn_up.weight" -> layer 7, "ffn_up"; nothing for other names.
std::optional<std::pair<size_t, std::string>> LayerOf(std::string_view name) {
  constexpr std::string_view kBlock = "blk.", kWeight = ".weight";
  constexpr size_t kMostLayers = 1000;  // of which a picture could be made
  if (!name.starts_with(kBlock)) return std::nullopt;
  name.remove_prefix(kBlock.size());
  size_t layer = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), layer);
  const auto digits = static_cast<size_t>(read.ptr - name.data());
  if (read.ec != std::errc() || layer >= kMostLayers || digits == name.size() ||
      name[digits] != '.') {
    return std::nullopt;
  }
  name.remove_prefix(digits + 1);
  if (name.ends_with(kWeight)) name.remove_suffix(kWeight.size());
  return std::pair(layer, std::string(name));
}

void AddHeat(const CompressionRecord& record, HtmlPage* page) {
  if (!record.plan || !record.chosen || record.plan->surveys().empty()) return;
  report::HeatMap map("Sensitivity of each tensor", "layer",
                      "KL divergence with this tensor alone in the type it was measured in");
  for (size_t i = 0; i < record.plan->surveys().size(); ++i) {
    const TensorSurvey& survey = record.plan->surveys()[i];
    const std::string chosen = NameOf(record.chosen->types[i]);
    const char* how = survey.interpolated ? " (by other layers)" : " (measured)";
    double sensitivity = 0;
    std::string tooltip = survey.name + " " + survey.shape.ToString() + ": " + chosen;
    for (const compress::TypeCost& cost : survey.costs) {
      if (cost.type == survey.measured) sensitivity = cost.kl;
      tooltip += "\n" + NameOf(cost.type) + ": " + FormatBytes(cost.bytes) + ", KL " +
                 Short(cost.kl) + (cost.type == survey.measured ? how : "");
    }
    const auto layer = LayerOf(survey.name);
    map.Add({.row = layer ? layer->second : survey.name,
             .column = layer ? layer->first : 0,
             .whole_row = !layer,
             .value = sensitivity,
             .text = chosen,
             .tooltip = tooltip});
  }
  page->AddHeading("Which tensors are sensitive, and what they became");
  page->AddHeatMap(map);
  page->AddParagraph(
      "The word in a cell is the type that was chosen. Tensors that read the same rows are "
      "measured "
      "together and share their loss by the size of their errors.");
}

void AddSwaps(const CompressionRecord& record, HtmlPage* page) {
  if (!record.swaps) return;
  page->AddHeading("Swaps that refined the mix");
  page->AddParagraph(SwapsSentence(*record.swaps) + ".");
  Rows rows;
  for (const compress::TriedSwap& swap : record.swaps->mix.tried) {
    if (!swap.is_taken) continue;
    rows.push_back({NamesOf(swap), WithError(-swap.gain.mean, swap.gain.standard_error, 6)});
  }
  if (!rows.empty()) page->AddTable({"swapped", "change of KL divergence"}, rows);
}

void AddKv(const CompressionRecord& record, HtmlPage* page) {
  if (!record.judgement || record.judgement->kv.empty()) return;
  page->AddHeading("Smaller keys and values");
  Rows rows;
  for (const JudgedKvType& kv : record.judgement->kv) {
    rows.push_back({std::string(kernels::KvTypeName(kv.type)), FormatBytes(kv.bytes),
                    WithError(kv.divergence.mean, kv.divergence.stderr_, 6),
                    Short(kv.divergence.p99), FormatFixed(100 * kv.divergence.same_top, 2) + " %"});
  }
  page->AddTable(
      {"KV cache", FormatCount(kKvContext) + " tokens", "KL divergence", "99 %", "same top token"},
      rows);
  page->AddParagraph(record.judgement->KvAdvice() +
                     " Measured on the result, against itself with keys and values in f32.");
}

void AddSamples(const CompressionRecord& record, HtmlPage* page) {
  if (!record.judgement || record.judgement->samples.empty()) return;
  page->AddHeading("Answers side by side");
  Rows rows;
  for (const JudgedSample& sample : record.judgement->samples) {
    rows.push_back({sample.prompt, sample.before, sample.after});
  }
  page->AddTable({"prompt", "original", "result"}, rows);
  page->AddParagraph(
      "Always the likeliest token. Once a token differs the texts part ways, which alone is no "
      "loss.");
}

void AddChanges(const CompressionRecord& record, HtmlPage* page) {
  struct Sum {
    size_t count = 0;
    uint64_t from_bytes = 0, to_bytes = 0;
  };
  std::map<std::array<std::string, 3>, Sum> kinds;
  for (const auto& tensor : record.recoded.tensors) {
    Sum& sum = kinds[{NameOf(tensor.from), NameOf(tensor.to), tensor.note}];
    ++sum.count;
    sum.from_bytes += tensor.from_bytes;
    sum.to_bytes += tensor.to_bytes;
  }
  Rows rows;
  for (const auto& kind : kinds) {
    rows.push_back({std::to_string(kind.second.count), kind.first[0], kind.first[1],
                    FormatBytes(kind.second.from_bytes), FormatBytes(kind.second.to_bytes),
                    kind.first[2]});
  }
  page->AddHeading("Tensors");
  page->AddTable({"tensors", "from", "to", "before", "after", "why"}, rows);
  for (const std::string& sentence : ExactSentences(record.recoded)) {
    page->AddParagraph(sentence + ".");
  }
}

void AddProvenance(const CompressionRecord& record, HtmlPage* page) {
  page->AddHeading("Where it comes from");
  std::vector<std::pair<std::string, std::string>> facts = {
      {"program", "Altteul " + record.version},
      {"command", record.command},
      {"processor", record.processor + ", " + record.isa + ", " + std::to_string(record.threads) +
                        (record.threads == 1 ? " thread" : " threads")},
      {"seed", "none: nothing is drawn at random"}};
  if (record.calibration) {
    const CalibrationRecord& c = *record.calibration;
    facts.emplace_back("calibrated on", c.file + ": " + FormatCount(c.fitted_tokens) + " of its " +
                                            FormatCount(c.text_tokens) + " tokens; " +
                                            FormatCount(c.held_out_tokens) +
                                            " others were held out");
  }
  if (record.imatrix) {
    facts.emplace_back("columns weighed by",
                       record.imatrix->file + ", in " + FormatCount(record.imatrix->tensors) +
                           " tensors; " + FormatCount(record.imatrix->without) + " had no entry");
  }
  page->AddFacts(facts);
  Rows sums;
  for (const FileDigest& file : record.source_files) {
    sums.push_back({"source", file.name, file.sha256});
  }
  if (record.calibration) {
    sums.push_back({"calibration text", record.calibration->file, record.calibration->sha256});
  }
  if (record.imatrix) {
    sums.push_back({"importance matrix", record.imatrix->file, record.imatrix->sha256});
  }
  for (const JudgeText& text : record.judge_texts) {
    if (!text.file.empty()) sums.push_back({"judge text " + text.name, text.file, text.sha256});
  }
  if (!record.result_sha256.empty()) {
    sums.push_back({"result", record.out, record.result_sha256});
  }
  page->AddTable({"file", "name", "SHA-256"}, sums);
}

}  // namespace

std::string CompressionHtml(const CompressionRecord& record) {
  HtmlPage page("What compressing cost");
  AddSummary(record, &page);
  AddQuality(record, &page);
  AddFront(record, &page);
  AddHeat(record, &page);
  AddSwaps(record, &page);
  AddKv(record, &page);
  AddSamples(record, &page);
  AddChanges(record, &page);
  AddProvenance(record, &page);
  return page.ToHtml();
}

}  // namespace altteul::tools

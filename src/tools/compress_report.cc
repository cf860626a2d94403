// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_report.h"

#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "base/human_units.h"
#include "base/statistics.h"
#include "report/table.h"

namespace altteul::tools {
namespace {

using compress::PlannedTypes;
using compress::TypePlan;

std::string NameOf(DType type) { return std::string(TraitsOf(type).name); }

/// So many of the front's sizes, evenly spread over its steps; the first and the last among them.
std::vector<PlannedTypes> Spread(const TypePlan& plan, size_t most) {
  std::vector<PlannedTypes> front = plan.Front();
  if (front.size() <= most) return front;
  std::vector<PlannedTypes> some;
  for (size_t i = 0; i < most; ++i) {
    some.push_back(std::move(front[i * (front.size() - 1) / (most - 1)]));
  }
  return some;
}

/// What further sizes would cost: the survey's expectations, in proportion to what was measured of
/// this one.
void PrintOtherSizes(const CompressionRecord& record) {
  constexpr size_t kMost = 12;
  const PlannedTypes& chosen = *record.chosen;
  const double measured = record.judgement->texts.front().evaluation.divergence->mean;
  if (!(chosen.kl > 0) || !(measured > 0)) return;
  report::Table table({"other sizes", "KL divergence, about"});
  bool said = false;
  const auto say_this = [&] {
    if (said) return;
    table.AddRow({FormatBytes(chosen.file_bytes) + ", this file", FormatFixed(measured, 4)});
    said = true;
  };
  for (const PlannedTypes& other : Spread(*record.plan, kMost)) {
    if (other.file_bytes >= chosen.file_bytes) say_this();
    if (other.file_bytes == chosen.file_bytes) continue;
    table.AddRow({FormatBytes(other.file_bytes), FormatFixed(other.kl * measured / chosen.kl, 4)});
  }
  say_this();
  std::printf("%s\n", table.ToString().c_str());
}

void PrintRecoded(const std::string& out, const compress::RecodeReport& report) {
  struct Sum {
    size_t count = 0;
    uint64_t from_bytes = 0, to_bytes = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> kinds;
  for (const auto& tensor : report.tensors) {
    Sum& sum = kinds[{NameOf(tensor.from) + " to " + NameOf(tensor.to), tensor.note}];
    ++sum.count;
    sum.from_bytes += tensor.from_bytes;
    sum.to_bytes += tensor.to_bytes;
  }
  report::Table table({"tensors", "change", "before", "after", "why"});
  for (const auto& kind : kinds) {
    table.AddRow({std::to_string(kind.second.count), kind.first.first,
                  FormatBytes(kind.second.from_bytes), FormatBytes(kind.second.to_bytes),
                  kind.first.second});
  }
  std::printf("%s\n%s: %s, %s bits a weight (before: %s, %s bits a weight)\n",
              table.ToString().c_str(), out.c_str(), FormatBytes(report.file_bytes).c_str(),
              FormatFixed(report.bits_per_weight, 2).c_str(),
              FormatBytes(report.source_bytes).c_str(),
              FormatFixed(report.source_bits_per_weight, 2).c_str());
  for (const std::string& each : ExactSentences(report)) std::printf("%s\n", each.c_str());
}

void PrintQuality(const CompressionRecord& record) {
  report::Table table({"text", "perplexity", "before", "bits a byte", "before", "KL divergence",
                       "99 %", "same top token"});
  for (const JudgedText& text : record.judgement->texts) {
    const eval::Evaluation& e = text.evaluation;
    table.AddRow(
        {text.name, FormatFixed(e.perplexity, 3), FormatFixed(*e.perplexity_reference, 3),
         FormatFixed(e.bits_per_byte, 4), FormatFixed(*e.bits_per_byte_reference, 4),
         FormatFixed(e.divergence->mean, 5) + " +/- " + FormatFixed(e.divergence->stderr_, 5),
         FormatFixed(e.divergence->p99, 4), FormatFixed(100 * e.divergence->same_top, 2) + " %"});
  }
  std::printf("\n%s", table.ToString().c_str());
}

void PrintUse(const Judgement& judgement) {
  if (judgement.speed.empty()) return;
  report::Table table({"tokens a second", "before", "after", "ratio"});
  for (const JudgedSpeed& speed : judgement.speed) {
    table.AddRow({speed.spec.Name(), FormatFixed(Median(speed.before), 1),
                  FormatFixed(Median(speed.after), 1), FormatFixed(speed.Ratio(), 2)});
  }
  std::printf("\n%s\nMemory of the weights: %s (before: %s). %s\n", table.ToString().c_str(),
              FormatBytes(judgement.weight_bytes_after).c_str(),
              FormatBytes(judgement.weight_bytes_before).c_str(), judgement.KvAdvice().c_str());
}

void PrintSwaps(const SwapsRecord& swaps) {
  std::printf("%s\n", SwapsSentence(swaps).c_str());
  report::Table table({"swapped", "change of KL divergence"});
  for (const compress::TriedSwap& swap : swaps.mix.tried) {
    if (!swap.is_taken) continue;
    table.AddRow({NamesOf(swap), FormatFixed(-swap.gain.mean, 6) + " +/- " +
                                     FormatFixed(swap.gain.standard_error, 6)});
  }
  if (swaps.mix.n_taken() > 0) std::printf("%s", table.ToString().c_str());
}

}  // namespace

std::map<std::pair<DType, bool>, size_t> CountExact(const compress::RecodeReport& report) {
  std::map<std::pair<DType, bool>, size_t> counts;
  for (const auto& tensor : report.tensors) {
    const bool were_blocks = tensor.from == tensor.to && TraitsOf(tensor.to).block_elements > 1;
    if (tensor.on_grid || were_blocks) ++counts[{tensor.to, tensor.on_grid}];
  }
  return counts;
}

std::vector<std::string> ExactSentences(const compress::RecodeReport& report) {
  std::vector<std::string> sentences;
  for (const auto& each : CountExact(report)) {
    const bool is_one = each.second == 1;
    std::string sentence = FormatCount(each.second) + (is_one ? " tensor " : " tensors ");
    if (each.first.second) {
      sentence += std::string(is_one ? "lies" : "lie") + " on the grid of ";
    } else {
      sentence += is_one ? "is " : "are ";
    }
    sentences.push_back(sentence + NameOf(each.first.first) + " already and " +
                        (is_one ? "was" : "were") + " kept exactly");
  }
  return sentences;
}

std::string SwapsSentence(const SwapsRecord& swaps) {
  const compress::RefinedMix& mix = swaps.mix;
  const auto figure = [](double mean, double error) {
    return FormatFixed(mean, 5) + " +/- " + FormatFixed(error, 5);
  };
  return "Swaps of types: " + FormatCount(mix.tried.size()) + " tried, " +
         FormatCount(mix.n_taken()) + " taken. KL divergence on " + FormatCount(swaps.text_tokens) +
         " tokens that were held out for them, in " + FormatCount(mix.n_chunks) +
         " chunks, with tensors encoded quickly: " +
         figure(mix.before.mean, mix.before.standard_error) + " before, " +
         figure(mix.after.mean, mix.after.standard_error) + " after, " +
         figure(mix.gain.mean, mix.gain.standard_error) + " less" +
         (swaps.is_judged ? "; there was too little text to judge the result on another" : "");
}

std::string NamesOf(const compress::TriedSwap& swap) {
  std::string names;
  for (const auto& tensor : swap.tensors) {
    names += (names.empty() ? "" : ", ") + tensor.name + " " + NameOf(tensor.from) + " to " +
             NameOf(tensor.to);
  }
  return names;
}

const JudgedText* FindJudged(const CompressionRecord& record, std::string_view name) {
  if (!record.judgement) return nullptr;
  for (const JudgedText& text : record.judgement->texts) {
    if (text.name == name) return &text;
  }
  return nullptr;
}

void PrintCompression(const CompressionRecord& record) {
  PrintRecoded(record.out, record.recoded);
  if (record.calibration) {
    std::printf("Calibrated on %s of the text's %s tokens\n",
                FormatCount(record.calibration->fitted_tokens).c_str(),
                FormatCount(record.calibration->text_tokens).c_str());
  }
  if (record.imatrix) {
    std::printf("Columns weighed by %s in %s tensors\n", record.imatrix->file.c_str(),
                FormatCount(record.imatrix->tensors).c_str());
  }
  if (record.swaps) PrintSwaps(*record.swaps);
  const JudgedText* held_out = FindJudged(record, kHeldOut);
  if (record.chosen && held_out != nullptr) {
    const eval::Divergence& divergence = *held_out->evaluation.divergence;
    std::printf("KL divergence on %s tokens held out: %s +/- %s nats a token (expected: %s)\n",
                FormatCount(record.calibration->judged_tokens).c_str(),
                FormatFixed(divergence.mean, 4).c_str(), FormatFixed(divergence.stderr_, 4).c_str(),
                FormatFixed(record.chosen->kl, 4).c_str());
  }
  if (record.plan && record.chosen && record.judgement) PrintOtherSizes(record);
  if (record.judgement && !record.judgement->speed.empty()) {
    PrintQuality(record);
    PrintUse(*record.judgement);
    return;
  }
  std::printf("What was lost: altteul eval %s --reference %s --text FILE\n", record.out.c_str(),
              record.model.c_str());
}

void PrintFront(const TypePlan& plan) {
  report::Table table({"file", "expected KL", "types"});
  for (const PlannedTypes& planned : Spread(plan, 20)) {
    std::map<DType, size_t> counts;
    for (const DType type : planned.types) ++counts[type];
    std::string types;
    for (const auto& count : counts) {
      types +=
          (types.empty() ? "" : ", ") + std::to_string(count.second) + " " + NameOf(count.first);
    }
    table.AddRow({FormatBytes(planned.file_bytes), FormatFixed(planned.kl, 4), types});
  }
  std::printf("%s\n", table.ToString().c_str());
}

}  // namespace altteul::tools

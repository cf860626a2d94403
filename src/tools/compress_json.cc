// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_json.h"

#include <string>
#include <utility>

#include "base/statistics.h"

namespace altteul::tools {
namespace {

using compress::PlannedTypes;
using compress::TypePlan;

std::string NameOf(DType type) { return std::string(TraitsOf(type).name); }

nlohmann::ordered_json RecodedAsJson(const std::string& out, const compress::RecodeReport& report) {
  nlohmann::ordered_json json = {{"file", out},
                                 {"bytes", report.file_bytes},
                                 {"bits_per_weight", report.bits_per_weight},
                                 {"source_bytes", report.source_bytes},
                                 {"source_bits_per_weight", report.source_bits_per_weight}};
  for (const auto& tensor : report.tensors) {
    nlohmann::ordered_json row = {{"name", tensor.name},
                                  {"from", NameOf(tensor.from)},
                                  {"to", NameOf(tensor.to)},
                                  {"bytes", tensor.to_bytes}};
    if (!tensor.note.empty()) row["note"] = tensor.note;
    if (tensor.values_outside > 0) row["values_outside"] = tensor.values_outside;
    json["tensors"].push_back(std::move(row));
  }
  for (const auto& each : CountExact(report)) {
    json["kept_exactly"].push_back({{"type", NameOf(each.first.first)},
                                    {"source", each.first.second ? "on its grid" : "its blocks"},
                                    {"tensors", each.second}});
  }
  return json;
}

void AddDivergence(const eval::Divergence& divergence, nlohmann::ordered_json* json) {
  (*json)["kld_mean"] = divergence.mean;
  (*json)["kld_stderr"] = divergence.stderr_;
  (*json)["kld_p50"] = divergence.p50;
  (*json)["kld_p90"] = divergence.p90;
  (*json)["kld_p95"] = divergence.p95;
  (*json)["kld_p99"] = divergence.p99;
  (*json)["kld_p99_9"] = divergence.p999;
  (*json)["kld_max"] = divergence.max;
  (*json)["same_top"] = divergence.same_top;
}

nlohmann::ordered_json QualityAsJson(const JudgedText& text) {
  const eval::Evaluation& e = text.evaluation;
  nlohmann::ordered_json json = {{"name", text.name},
                                 {"chunks", e.chunks},
                                 {"scored_tokens", e.scored_tokens},
                                 {"perplexity", e.perplexity},
                                 {"perplexity_stderr", e.perplexity_stderr},
                                 {"perplexity_before", *e.perplexity_reference},
                                 {"bits_per_byte", e.bits_per_byte},
                                 {"bits_per_byte_before", *e.bits_per_byte_reference}};
  AddDivergence(*e.divergence, &json);
  return json;
}

void AddUse(const Judgement& judgement, nlohmann::ordered_json* json) {
  if (judgement.speed.empty()) return;
  for (const JudgedSpeed& speed : judgement.speed) {
    (*json)["speed"][speed.spec.Name()] = {{"before", Median(speed.before)},
                                           {"after", Median(speed.after)},
                                           {"ratio", speed.Ratio()},
                                           {"before_runs", speed.before},
                                           {"after_runs", speed.after}};
  }
  (*json)["memory"] = {{"weight_bytes_before", judgement.weight_bytes_before},
                       {"weight_bytes", judgement.weight_bytes_after},
                       {"kv_context", kKvContext},
                       {"kv_bytes", judgement.kv.front().bytes}};
  for (const JudgedKvType& kv : judgement.kv) {
    nlohmann::ordered_json row = {{"type", kernels::KvTypeName(kv.type)}, {"bytes", kv.bytes}};
    AddDivergence(kv.divergence, &row);
    (*json)["kv"].push_back(std::move(row));
  }
  (*json)["kv_advice"] = {{"type", kernels::KvTypeName(judgement.AdvisedKvType())},
                          {"why", judgement.KvAdvice()}};
  (*json)["samples"] = nlohmann::ordered_json::array();
  for (const JudgedSample& sample : judgement.samples) {
    (*json)["samples"].push_back(
        {{"prompt", sample.prompt}, {"before", sample.before}, {"after", sample.after}});
  }
}

nlohmann::ordered_json SwapsAsJson(const SwapsRecord& swaps) {
  const compress::RefinedMix& mix = swaps.mix;
  nlohmann::ordered_json json = {{"tried", mix.tried.size()},
                                 {"taken", mix.n_taken()},
                                 {"tokens", swaps.text_tokens},
                                 {"chunks", mix.n_chunks},
                                 {"judged_on_them_too", swaps.is_judged},
                                 {"kld_before", mix.before.mean},
                                 {"kld_before_stderr", mix.before.standard_error},
                                 {"kld_after", mix.after.mean},
                                 {"kld_after_stderr", mix.after.standard_error},
                                 {"gain", mix.gain.mean},
                                 {"gain_stderr", mix.gain.standard_error}};
  json["trials"] = nlohmann::ordered_json::array();
  for (const compress::TriedSwap& swap : mix.tried) {
    nlohmann::ordered_json row = {{"taken", swap.is_taken},
                                  {"gain", swap.gain.mean},
                                  {"gain_stderr", swap.gain.standard_error}};
    for (const auto& tensor : swap.tensors) {
      row["tensors"].push_back(
          {{"name", tensor.name}, {"from", NameOf(tensor.from)}, {"to", NameOf(tensor.to)}});
    }
    json["trials"].push_back(std::move(row));
  }
  return json;
}

nlohmann::ordered_json ProvenanceAsJson(const CompressionRecord& record) {
  nlohmann::ordered_json json = {{"version", record.version},
                                 {"command", record.command},
                                 {"processor", record.processor},
                                 {"isa", record.isa},
                                 {"threads", record.threads},
                                 {"model", record.model},
                                 {"source_sha256", JoinDigests(record.source_files)}};
  for (const FileDigest& file : record.source_files) {
    json["source_files"].push_back({{"name", file.name}, {"sha256", file.sha256}});
  }
  if (record.calibration) {
    json["calibration"] = {{"file", record.calibration->file},
                           {"sha256", record.calibration->sha256}};
  }
  if (record.imatrix) {
    json["imatrix"] = {{"file", record.imatrix->file},
                       {"sha256", record.imatrix->sha256},
                       {"tensors", record.imatrix->tensors},
                       {"without", record.imatrix->without}};
  }
  for (const JudgeText& text : record.judge_texts) {
    if (text.file.empty()) continue;
    json["judge_texts"].push_back(
        {{"name", text.name}, {"file", text.file}, {"sha256", text.sha256}});
  }
  if (!record.result_sha256.empty()) json["result_sha256"] = record.result_sha256;
  return json;
}

}  // namespace

nlohmann::ordered_json CompressionAsJson(const CompressionRecord& record) {
  nlohmann::ordered_json json = RecodedAsJson(record.out, record.recoded);
  if (record.calibration) {
    json["calibration_tokens"] = record.calibration->fitted_tokens;
    json["held_out_tokens"] = record.calibration->held_out_tokens;
    json["text_tokens"] = record.calibration->text_tokens;
  }
  if (record.room) json["room"] = record.room->AsJson();
  if (record.chosen) json["kld_expected"] = record.chosen->kl;
  if (record.swaps) json["swaps"] = SwapsAsJson(*record.swaps);
  if (const JudgedText* held_out = FindJudged(record, kHeldOut)) {
    json["held_out"] = QualityAsJson(*held_out);
  }
  if (record.judgement) {
    json["judged"] = nlohmann::ordered_json::array();
    for (const JudgedText& text : record.judgement->texts) {
      json["judged"].push_back(QualityAsJson(text));
    }
    AddUse(*record.judgement, &json);
  }
  json["provenance"] = ProvenanceAsJson(record);
  if (record.plan && record.chosen) {
    json["front"] = FrontAsJson(*record.plan);
    json["survey"] = SurveyAsJson(*record.plan, &*record.chosen);
  }
  return json;
}

nlohmann::ordered_json FrontAsJson(const TypePlan& plan) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const PlannedTypes& planned : plan.Front()) {
    json.push_back({{"bytes", planned.file_bytes}, {"kld_expected", planned.kl}});
  }
  return json;
}

nlohmann::ordered_json SurveyAsJson(const TypePlan& plan, const PlannedTypes* chosen) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < plan.surveys().size(); ++i) {
    const compress::TensorSurvey& survey = plan.surveys()[i];
    nlohmann::ordered_json row = {{"name", survey.name}, {"measured", NameOf(survey.measured)}};
    if (survey.interpolated) row["interpolated"] = true;
    if (chosen != nullptr) row["chosen"] = NameOf(chosen->types[i]);
    for (const compress::TypeCost& cost : survey.costs) {
      row["types"].push_back(
          {{"type", NameOf(cost.type)}, {"bytes", cost.bytes}, {"kld_expected", cost.kl}});
    }
    json.push_back(std::move(row));
  }
  return json;
}

}  // namespace altteul::tools

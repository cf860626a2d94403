// SPDX-License-Identifier: Apache-2.0

#include "tools/bench_output.h"

#include "base/human_units.h"
#include "base/statistics.h"
#include "report/table.h"

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;

ordered_json RunsJson(const std::vector<double>& runs) {
  return {{"median", Median(runs)}, {"all", runs}};
}

ordered_json SeriesJson(const ThreadResult& result, size_t i, const std::vector<SeriesWork>& work) {
  ordered_json out = RunsJson(result.series[i].runs);
  const ReachedRates rates = RatesOf(work[i], Median(result.series[i].runs));
  out["gop_s"] = rates.ops_per_s * 1e-9;
  out["gb_s"] = rates.bytes_per_s * 1e-9;
  out["ops_per_byte"] = work[i].intensity();
  return out;
}

ordered_json ComparisonJson(const Comparison& comparison) {
  ordered_json out = {{"command", comparison.command},
                      {"rounds", comparison.n_rounds},
                      {"series", ordered_json::object()}};
  for (const ComparedSeries& series : comparison.series) {
    const Spread spread = SpreadOf(series.ratios);
    ordered_json ratio = {
        {"median", spread.median}, {"lowest", spread.lowest}, {"highest", spread.highest}};
    if (series.ratios.size() >= kRoundsForQuartiles) {
      ratio["quartiles"] = {spread.quarter, spread.three_quarter};
    }
    ratio["all"] = series.ratios;
    out["series"][series.name] = {
        {"ours", RunsJson(series.ours)}, {"peer", RunsJson(series.peer)}, {"ratio", ratio}};
  }
  out["only_ours"] = comparison.only_ours;
  out["only_peer"] = comparison.only_peer;
  return out;
}

std::string ComparisonText(const Comparison& comparison) {
  const bool quartiles = comparison.n_rounds >= kRoundsForQuartiles;
  std::vector<std::string> header = {"test", "ours", "peer", "ratio", "lowest", "highest"};
  if (quartiles) header.push_back("middle half");
  report::Table table(std::move(header));
  for (const ComparedSeries& series : comparison.series) {
    const Spread ratio = SpreadOf(series.ratios);
    std::vector<std::string> row = {series.name,
                                    FormatFixed(Median(series.ours), 1),
                                    FormatFixed(Median(series.peer), 1),
                                    FormatFixed(ratio.median, 2),
                                    FormatFixed(ratio.lowest, 2),
                                    FormatFixed(ratio.highest, 2)};
    if (quartiles) {
      row.push_back(FormatFixed(ratio.quarter, 2) + " to " + FormatFixed(ratio.three_quarter, 2));
    }
    table.AddRow(std::move(row));
  }
  std::string out = "\nBeside the peer, " + std::to_string(comparison.n_rounds) +
                    (comparison.n_rounds == 1 ? " round" : " rounds by turns") +
                    " (medians; ratios are within a round)\n" + table.ToString();
  for (const std::string& name : comparison.only_ours) out += "only ours: " + name + "\n";
  for (const std::string& name : comparison.only_peer) out += "only the peer's: " + name + "\n";
  return out;
}

std::string LimitsText(const ThreadResult& result, uint64_t bytes_per_token) {
  const double bandwidth = Median(result.bandwidths);
  const kernels::Peaks& p = result.peaks.team;
  return std::to_string(result.threads) + (result.threads == 1 ? " thread" : " threads") +
         ": this machine reads " + FormatFixed(bandwidth * 1e-9, 1) + " GB/s, so " +
         FormatFixed(bandwidth / static_cast<double>(bytes_per_token), 0) +
         " tokens/s at most when answering; peaks int8 " + FormatFixed(p.int8_ops_per_s * 1e-9, 0) +
         " GOP/s, bf16 " + FormatFixed(p.bf16_flops * 1e-9, 0) + ", f32 " +
         FormatFixed(p.f32_flops * 1e-9, 0) + " GFLOP/s\n";
}

}  // namespace

ReachedRates RatesOf(const SeriesWork& work, double tokens_per_s) {
  const double runs_per_s = tokens_per_s / work.tokens;
  return {.ops_per_s = work.ops * runs_per_s, .bytes_per_s = work.bytes() * runs_per_s};
}

ordered_json BenchJson(const BenchReport& report) {
  ordered_json out = {{"model", report.model},
                      {"version", report.version},
                      {"command", report.command},
                      {"processor", report.processor},
                      {"isa", report.isa},
                      {"cache_type", report.kv_type},
                      {"bytes_per_token", report.bytes_per_token}};
  // The keys of the first thread count stand on top, so that one figure is easy to take.
  const ThreadResult& first = report.results.front();
  for (size_t i = 0; i < first.series.size(); ++i) {
    out[first.series[i].spec.Name()] = SeriesJson(first, i, report.work);
  }
  for (const ThreadResult& result : report.results) {
    ordered_json row = {{"threads", result.threads}};
    for (size_t i = 0; i < result.series.size(); ++i) {
      row[result.series[i].spec.Name()] = SeriesJson(result, i, report.work);
    }
    row["peak_resident_bytes"] = result.peak_resident_bytes;
    row["read_bandwidth_gb_s"] = Median(result.bandwidths) * 1e-9;
    const kernels::Peaks& peaks = result.peaks.team;
    row["peaks"] = {{"int8_gops", peaks.int8_ops_per_s * 1e-9},
                    {"bf16_gflops", peaks.bf16_flops * 1e-9},
                    {"f32_gflops", peaks.f32_flops * 1e-9}};
    for (const LayerRate& layer : result.layers) {
      row["layers"].push_back({{"kind", layer.kind},
                               {"type", layer.type},
                               {"rows", layer.n_rows},
                               {"seconds", layer.seconds},
                               {"gop_s", layer.ops / layer.seconds * 1e-9},
                               {"gb_s", layer.bytes / layer.seconds * 1e-9},
                               {"ops_per_byte", layer.intensity()}});
    }
    out["runs"].push_back(std::move(row));
  }
  if (report.comparison) out["compare"] = ComparisonJson(*report.comparison);
  return out;
}

std::string BenchText(const BenchReport& report) {
  std::string out = report.model + ", " + report.isa + " kernels, " +
                    FormatBytes(report.bytes_per_token) + " read a token\n";
  report::Table table({"test", "threads", "tokens/s", "slowest", "fastest", "GB/s", "GOP/s"});
  for (const ThreadResult& result : report.results) {
    for (size_t i = 0; i < result.series.size(); ++i) {
      const SeriesRuns& series = result.series[i];
      const Spread spread = SpreadOf(series.runs);
      const ReachedRates rates = RatesOf(report.work[i], spread.median);
      table.AddRow({series.spec.Name(), std::to_string(result.threads),
                    FormatFixed(spread.median, 1), FormatFixed(spread.lowest, 1),
                    FormatFixed(spread.highest, 1), FormatFixed(rates.bytes_per_s * 1e-9, 1),
                    FormatFixed(rates.ops_per_s * 1e-9, 0)});
    }
  }
  out += table.ToString();
  for (const ThreadResult& result : report.results) {
    out += LimitsText(result, report.bytes_per_token);
  }
  if (report.comparison) out += ComparisonText(*report.comparison);
  return out;
}

}  // namespace altteul::tools

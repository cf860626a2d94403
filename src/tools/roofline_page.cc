// SPDX-License-Identifier: Apache-2.0

#include "tools/roofline_page.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/human_units.h"
#include "base/statistics.h"
#include "report/html_page.h"
#include "report/svg_chart.h"

namespace altteul::tools {
namespace {

using report::ChartMark;
using report::HtmlPage;
using report::SvgChart;

std::string Threads(int n) { return std::to_string(n) + (n == 1 ? " thread" : " threads"); }

/// min(peak, bandwidth * intensity) from `low` to `high` operations a byte.
void AddRoof(const std::string& what, double peak, double bandwidth, double low, double high,
             SvgChart* chart) {
  if (peak <= 0.0) return;  // this instruction set has no such instruction
  std::vector<report::ChartPoint> points = {{low, std::min(peak, bandwidth * low) * 1e-9}};
  const double ridge = peak / bandwidth;
  if (ridge > low && ridge < high) points.push_back({ridge, peak * 1e-9});
  points.push_back({high, std::min(peak, bandwidth * high) * 1e-9});
  chart->AddLine(what + ": " + FormatFixed(peak * 1e-9, 0) + " G/s, flat from " +
                     FormatFixed(ridge, 0) + " operations a byte",
                 points);
}

SvgChart RooflineChart(const BenchReport& report, const ThreadResult& result) {
  SvgChart chart("Roofline, " + Threads(result.threads),
                 {.label = "operations for each byte read", .logarithmic = true},
                 {.label = "10^9 operations a second", .logarithmic = true});
  double low = 1.0, high = 1000.0;
  std::vector<ChartMark> answers, prompts;
  for (size_t i = 0; i < result.series.size(); ++i) {
    const SeriesWork& work = report.work[i];
    const SeriesRuns& series = result.series[i];
    low = std::min(low, work.intensity());
    high = std::max(high, work.intensity());
    const Spread spread = SpreadOf(series.runs);
    const auto gops = [&work](double speed) { return RatesOf(work, speed).ops_per_s * 1e-9; };
    const std::string name = series.spec.Name();
    ChartMark mark = {.at = {work.intensity(), gops(spread.median)},
                      .label = name,
                      .tooltip = name + ": " + FormatFixed(spread.median, 1) + " tokens/s, " +
                                 FormatFixed(gops(spread.median), 1) + " GOP/s, " +
                                 FormatFixed(RatesOf(work, spread.median).bytes_per_s * 1e-9, 1) +
                                 " GB/s",
                      .low_y = gops(spread.lowest),
                      .high_y = gops(spread.highest)};
    const bool prompt = series.spec.kind == SeriesSpec::Kind::kPrompt;
    (prompt ? prompts : answers).push_back(std::move(mark));
  }
  std::vector<ChartMark> layers;
  for (const LayerRate& layer : result.layers) {
    const double gops = layer.ops / layer.seconds * 1e-9;
    low = std::min(low, layer.intensity());
    high = std::max(high, layer.intensity());
    layers.push_back({.at = {layer.intensity(), gops},
                      .label = {},
                      .tooltip = layer.kind + " (" + layer.type + "), " +
                                 std::to_string(layer.n_rows) + " rows: " + FormatFixed(gops, 1) +
                                 " GOP/s"});
  }
  const double bandwidth = Median(result.bandwidths);
  const kernels::Peaks& peaks = result.peaks.team;
  AddRoof("int8 products", peaks.int8_ops_per_s, bandwidth, low / 2, high * 2, &chart);
  AddRoof("bf16 products", peaks.bf16_flops, bandwidth, low / 2, high * 2, &chart);
  AddRoof("f32 products", peaks.f32_flops, bandwidth, low / 2, high * 2, &chart);
  if (!answers.empty()) {
    chart.AddMarks("answers: median, with slowest and fastest run", std::move(answers));
  }
  if (!prompts.empty()) {
    chart.AddMarks("prompts: median, with slowest and fastest run", std::move(prompts));
  }
  if (!layers.empty()) chart.AddMarks("kinds of linear layers alone", std::move(layers));
  return chart;
}

void AddLayerTable(const ThreadResult& result, HtmlPage* page) {
  if (result.layers.empty()) return;
  const double bandwidth = Median(result.bandwidths);
  std::vector<std::vector<std::string>> rows;
  for (const LayerRate& layer : result.layers) {
    rows.push_back({layer.kind, layer.type, std::to_string(layer.n_rows),
                    FormatFixed(layer.seconds * 1e6, 1), FormatFixed(layer.intensity(), 1),
                    FormatFixed(layer.ops / layer.seconds * 1e-9, 1),
                    FormatFixed(layer.bytes / layer.seconds * 1e-9, 1),
                    FormatFixed(100.0 * layer.bytes / layer.seconds / bandwidth, 1) + " %"});
  }
  page->AddParagraph(
      "The linear layers alone: all layers of a kind one after the other, products only.");
  page->AddTable({"layers", "type", "rows", "microseconds", "operations a byte", "GOP/s", "GB/s",
                  "of read bandwidth"},
                 rows);
}

void AddSeriesTable(const BenchReport& report, const ThreadResult& result, HtmlPage* page) {
  const double bandwidth = Median(result.bandwidths);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < result.series.size(); ++i) {
    const SeriesWork& work = report.work[i];
    const Spread spread = SpreadOf(result.series[i].runs);
    const ReachedRates rates = RatesOf(work, spread.median);
    rows.push_back({result.series[i].spec.Name(), FormatFixed(spread.median, 1),
                    FormatFixed(spread.lowest, 1), FormatFixed(spread.highest, 1),
                    std::to_string(result.series[i].runs.size()), FormatFixed(work.intensity(), 1),
                    FormatFixed(rates.ops_per_s * 1e-9, 1),
                    FormatFixed(rates.bytes_per_s * 1e-9, 1),
                    FormatFixed(100.0 * rates.bytes_per_s / bandwidth, 1) + " %"});
  }
  page->AddTable({"series", "tokens/s", "slowest", "fastest", "runs", "operations a byte", "GOP/s",
                  "GB/s", "of read bandwidth"},
                 rows);
}

void AddMachine(const ThreadResult& result, HtmlPage* page) {
  const Spread bandwidth = SpreadOf(result.bandwidths);
  const kernels::Peaks& peaks = result.peaks.team;
  const auto rate = [](double value, const char* unit) {
    return value <= 0.0 ? std::string("no such instruction")
                        : FormatFixed(value * 1e-9, 0) + " " + unit;
  };
  std::string read = FormatFixed(bandwidth.median * 1e-9, 1) + " GB/s";
  if (result.bandwidths.size() > 1) {
    read += " (" + FormatFixed(bandwidth.lowest * 1e-9, 1) + " to " +
            FormatFixed(bandwidth.highest * 1e-9, 1) + " over the rounds)";
  }
  page->AddFacts({{"memory reads", read},
                  {"int8 products", rate(peaks.int8_ops_per_s, "GOP/s")},
                  {"bf16 products", rate(peaks.bf16_flops, "GFLOP/s")},
                  {"f32 products", rate(peaks.f32_flops, "GFLOP/s")}});
}

void AddComparison(const Comparison& comparison, HtmlPage* page) {
  page->AddHeading("Beside a peer, by turns");
  page->AddFacts({{"the peer's command", comparison.command},
                  {"rounds", std::to_string(comparison.n_rounds)}});
  std::vector<std::vector<std::string>> rows;
  for (const ComparedSeries& series : comparison.series) {
    const Spread ratio = SpreadOf(series.ratios);
    rows.push_back(
        {series.name, FormatFixed(Median(series.ours), 1), FormatFixed(Median(series.peer), 1),
         FormatFixed(ratio.median, 2),
         FormatFixed(ratio.lowest, 2) + " to " + FormatFixed(ratio.highest, 2),
         comparison.n_rounds < kRoundsForQuartiles
             ? "too few rounds"
             : FormatFixed(ratio.quarter, 2) + " to " + FormatFixed(ratio.three_quarter, 2)});
  }
  page->AddTable({"series", "ours", "peer", "ratio", "range", "middle half"}, rows);
  page->AddParagraph(
      "Tokens a second, medians over the rounds. Each ratio is taken within a round, because the "
      "speed of a shared machine drifts.");
}

}  // namespace

std::string RooflineHtml(const BenchReport& report) {
  HtmlPage page("How much of the machine is used");
  page.AddFacts({{"model", report.model},
                 {"weights read a token", FormatBytes(report.bytes_per_token)},
                 {"KV cache", report.kv_type},
                 {"kernels", report.isa},
                 {"processor", report.processor},
                 {"program", "altteul " + report.version},
                 {"command", report.command}});
  for (const ThreadResult& result : report.results) {
    page.AddHeading(Threads(result.threads));
    page.AddChart(RooflineChart(report, result));
    page.AddParagraph(
        "The roofs are what this machine did in probes of the same run: on the slope memory is the "
        "limit, on the flat part arithmetic. A point on its roof cannot become faster by better "
        "code; int8 products are the roof of weights of 8 bits and fewer, bf16 of F16 and BF16.");
    AddMachine(result, &page);
    AddSeriesTable(report, result, &page);
    AddLayerTable(result, &page);
  }
  page.AddParagraph(
      "pp512 is a prompt of 512 tokens in one pass, tg128 an answer of 128 one by one, x8 eight "
      "answers together, @d1024 behind 1024 earlier tokens. Operations are counted from the model: "
      "two for each weight and token, and attention. Bytes are every weight once a pass, and the "
      "keys and values that a pass can see; what lies in a cache is counted as if it were read, so "
      "a small model may show more than the memory's bandwidth.");
  if (report.comparison) AddComparison(*report.comparison, &page);
  return page.ToHtml();
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/peer_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "formats/json_file.h"

namespace altteul::tools {
namespace {

using nlohmann::json;

constexpr size_t kMostSeries = 1000;
constexpr size_t kMostRuns = 10000;
constexpr formats::JsonLimits kLimits = {.max_bytes = uint64_t{16} << 20, .max_depth = 16};

Status Refuse(const std::string& what) {
  return Status(ErrorCode::kInvalidArgument, "the peer's output: " + what);
}

Result<json> Parse(std::string_view text) {
  return formats::ParseJson(std::as_bytes(std::span(text)), "the peer's output", kLimits);
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(Trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<std::vector<double>> RunsOf(const json& value, const std::string& name) {
  std::vector<double> runs;
  const auto add = [&runs](const json& each) {
    if (!each.is_number()) return false;
    runs.push_back(each.get<double>());
    return std::isfinite(runs.back()) && runs.back() > 0.0;
  };
  bool good = false;
  if (value.is_number()) {
    good = add(value);
  } else if (value.is_array()) {
    good =
        !value.empty() && value.size() <= kMostRuns && std::all_of(value.begin(), value.end(), add);
  }
  if (!good) return Refuse(name + " is not a list of tokens/s above 0");
  return runs;
}

Status Add(SeriesSpec spec, std::vector<double> runs, PeerReport* report) {
  for (const SeriesRuns& series : report->series) {
    if (series.spec == spec) {
      return Refuse(spec.Name() + " is there twice; let it measure one configuration only");
    }
  }
  if (report->series.size() == kMostSeries) {
    return Refuse("more than " + std::to_string(kMostSeries) + " series");
  }
  report->series.push_back({.spec = spec, .runs = std::move(runs)});
  return Status();
}

std::optional<size_t> CountAt(const json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number_unsigned()) return std::nullopt;
  return static_cast<size_t>(found->get<uint64_t>());
}

void ReadThreads(const json& object, const char* key, PeerReport* report) {
  const auto threads = CountAt(object, key);
  if (threads && *threads <= 1'000'000) report->threads = static_cast<int>(*threads);
}

// ---- llama-bench: one object a test, told apart by its counts ----

bool IsLlamaBenchRow(const json& value) {
  return value.is_object() && CountAt(value, "n_prompt") && CountAt(value, "n_gen") &&
         value.contains("avg_ts");
}

/// Nothing for tests that are no series of ours (a prompt and its answer timed together).
std::optional<SeriesSpec> LlamaBenchSpec(const json& row) {
  const size_t n_prompt = *CountAt(row, "n_prompt");
  const size_t n_answer = *CountAt(row, "n_gen");
  const std::string depth = "@d" + std::to_string(CountAt(row, "n_depth").value_or(0));
  if (n_answer == 0) return ParseSeriesName("pp" + std::to_string(n_prompt) + depth);
  const std::string answer = "tg" + std::to_string(n_answer);
  if (n_prompt == 0) return ParseSeriesName(answer + depth);
  // ik_llama.cpp's way to say "behind a prompt of that length", which is not timed.
  const auto test = row.find("test");
  const bool behind =
      test != row.end() && test->is_string() &&
      test->get_ref<const std::string&>() == answer + "@pp" + std::to_string(n_prompt);
  return behind ? ParseSeriesName(answer + "@d" + std::to_string(n_prompt)) : std::nullopt;
}

Status AddLlamaBenchRow(const json& row, PeerReport* report) {
  const auto spec = LlamaBenchSpec(row);
  if (!spec) return Status();
  const auto samples = row.find("samples_ts");
  const bool all = samples != row.end() && samples->is_array() && !samples->empty();
  ALT_ASSIGN_OR_RETURN(auto runs, RunsOf(all ? *samples : row["avg_ts"], spec->Name()));
  ReadThreads(row, "n_threads", report);
  return Add(*spec, std::move(runs), report);
}

Result<PeerReport> FromRows(const std::vector<json>& rows) {
  PeerReport report;
  for (const json& row : rows) ALT_RETURN_IF_ERROR(AddLlamaBenchRow(row, &report));
  return report;
}

// ---- our own protocol ----

Result<PeerReport> FromObject(const json& object) {
  PeerReport report;
  for (const auto& item : object.items()) {
    const auto spec = ParseSeriesName(item.key());
    if (!spec) continue;
    const json& value = item.value();
    const bool has_all = value.is_object() && value.contains("all");
    ALT_ASSIGN_OR_RETURN(auto runs, RunsOf(has_all ? value["all"] : value, item.key()));
    ALT_RETURN_IF_ERROR(Add(*spec, std::move(runs), &report));
  }
  ReadThreads(object, "threads", &report);
  // `altteul bench --json` says the threads beside each of its runs; the first is the one on top.
  if (object.contains("runs") && object["runs"].is_array() && !object["runs"].empty() &&
      object["runs"].front().is_object()) {
    ReadThreads(object["runs"].front(), "threads", &report);
  }
  return report;
}

/// The rows of a JSON array that begins on a line of its own and goes on to the last ']'.
Result<std::vector<json>> RowsOfArray(std::string_view output) {
  size_t begin = output.starts_with('[') ? 0 : output.find("\n[");
  const size_t end = output.rfind(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end <= begin) {
    return Refuse("no JSON object or array in " + std::to_string(output.size()) +
                  " bytes (see bench/peers.md)");
  }
  if (begin != 0) ++begin;
  auto array = Parse(output.substr(begin, end - begin + 1));
  if (!array.ok())
    return Refuse("no line is a JSON object, and as an array: " + array.status().message());
  std::vector<json> rows;
  for (json& row : array.value()) {
    if (!IsLlamaBenchRow(row)) {
      return Refuse("an array, but not of llama-bench's rows (n_prompt, n_gen, avg_ts)");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<PeerReport> Read(std::string_view output) {
  std::vector<std::string_view> lines = LinesOf(output);
  std::vector<json> rows;  // of llama-bench's jsonl
  bool object_seen = false;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!line->starts_with('{')) continue;
    auto value = Parse(*line);
    if (!value.ok()) continue;
    if (IsLlamaBenchRow(value.value())) {
      rows.insert(rows.begin(), std::move(value).value());
      if (rows.size() > kMostSeries) return Refuse("too many rows");
    } else if (rows.empty()) {
      object_seen = true;
      auto report = FromObject(value.value());
      if (!report.ok() || !report.value().series.empty()) return report;
    }
  }
  if (!rows.empty() || object_seen) return FromRows(rows);
  ALT_ASSIGN_OR_RETURN(rows, RowsOfArray(output));
  return FromRows(rows);
}

}  // namespace

Result<PeerReport> ParsePeerReport(std::string_view output) {
  ALT_ASSIGN_OR_RETURN(PeerReport report, Read(output));
  if (report.series.empty()) {
    return Refuse("JSON, but no series in it (names like pp512, tg128, tg128x8, tg128@d1024)");
  }
  return report;
}

}  // namespace altteul::tools

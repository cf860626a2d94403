// SPDX-License-Identifier: Apache-2.0

#include "compress/refine_log.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace altteul::compress {
namespace {

constexpr const char* kEnd = "end";
constexpr size_t kMostInLine = 1'000'000;  // of chunks or moves

// %a: hexadecimal, exact.
std::string Exact(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%a", value);
  return text;
}

bool ReadExact(std::istream& in, double& out) {
  std::string word;
  if (!(in >> word)) return false;
  char* end = nullptr;
  out = std::strtod(word.c_str(), &end);
  return *end == '\0';
}

std::optional<LoggedSwap> ReadSwap(std::istream& in) {
  LoggedSwap logged;
  size_t n_moves = 0, n_chunks = 0;
  if (!ReadExact(in, logged.seconds) || !(in >> n_moves) || n_moves > kMostInLine) {
    return std::nullopt;
  }
  for (size_t i = 0; i < n_moves; ++i) {
    Move move;
    std::string way;
    if (!(in >> way >> move.ladder) || (way != "up" && way != "down")) return std::nullopt;
    move.up = way == "up";
    logged.swap.push_back(move);
  }
  if (!(in >> n_chunks) || n_chunks > kMostInLine) return std::nullopt;
  for (size_t i = 0; i < n_chunks; ++i) {
    double each = 0;
    if (!ReadExact(in, each)) return std::nullopt;
    logged.divergence.push_back(each);
  }
  std::string rest;
  if (in >> rest) return std::nullopt;
  return logged;
}

}  // namespace

// START\n, then SECONDS N_MOVES (up|down LADDER)... N_CHUNKS KL...\n for each, then end\n if it is.
std::string RefineLogAsText(const RefineLog& log) {
  std::string text = log.start + "\n";
  for (const LoggedSwap& logged : log.swaps) {
    text += Exact(logged.seconds) + " " + std::to_string(logged.swap.size());
    for (const Move& move : logged.swap) {
      text += (move.up ? " up " : " down ") + std::to_string(move.ladder);
    }
    text += " " + std::to_string(logged.divergence.size());
    for (const double each : logged.divergence) text += " " + Exact(each);
    text += "\n";
  }
  return log.is_ended ? text + kEnd + "\n" : text;
}

std::optional<RefineLog> RefineLogFromText(std::string_view text) {
  std::istringstream in{std::string(text)};
  RefineLog log;
  if (!std::getline(in, log.start)) return std::nullopt;
  std::string line;
  while (std::getline(in, line)) {
    if (log.is_ended) return std::nullopt;
    if (line == kEnd) {
      log.is_ended = true;
      continue;
    }
    std::istringstream words(line);
    auto logged = ReadSwap(words);
    if (!logged) return std::nullopt;
    log.swaps.push_back(std::move(*logged));
  }
  return log;
}

}  // namespace altteul::compress

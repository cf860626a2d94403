// SPDX-License-Identifier: Apache-2.0

// Names of what is measured: "pp512" is a prompt of 512 tokens, "tg128" an answer of 128 one by one
// (llama-bench's names), "tg128x8" eight answers together, "@d1024" behind 1024 earlier tokens.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace altteul::tools {

struct SeriesSpec {
  enum class Kind : uint8_t { kPrompt, kAnswer };
  Kind kind = Kind::kPrompt;
  size_t tokens = 0;     ///< of each sequence
  size_t sequences = 1;  ///< that answer together; 1 for prompts
  size_t depth = 0;      ///< tokens that each sequence holds before; not timed

  std::string Name() const;
  bool operator==(const SeriesSpec&) const = default;
};

/// The series of a name, whether written as Name() does or with "x1" and "@d0"; nothing for any
/// other text. Numbers have at most nine digits.
std::optional<SeriesSpec> ParseSeriesName(std::string_view name);

/// What was asked for on the command line. n_prompt or n_answer 0: do not measure.
struct SeriesRequest {
  size_t n_prompt = 512;
  size_t n_answer = 128;
  std::vector<size_t> batches = {1};
  std::vector<size_t> depths = {0};
};

/// For each depth the prompt, then the answer of each batch size.
std::vector<SeriesSpec> PlanSeries(const SeriesRequest& request);

}  // namespace altteul::tools

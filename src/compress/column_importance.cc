// SPDX-License-Identifier: Apache-2.0

#include "compress/column_importance.h"

#include <numeric>
#include <utility>

#include "base/human_units.h"
#include "compress/row_encoder.h"

namespace altteul::compress {
namespace {

// Of the mean, added to every column; the damping of calibration by default.
constexpr double kShrink = 0.05;

/// Whether the tensor is multiplied with, and not only looked up in.
bool HasInputs(std::string_view name, const model::Checkpoint& source) {
  return name != "token_embd.weight" || source.Find("output.weight") == nullptr;
}

std::vector<float> ImportanceFrom(const std::vector<float>& mean_squares) {
  const double mean = std::accumulate(mean_squares.begin(), mean_squares.end(), 0.0) /
                      static_cast<double>(mean_squares.size());
  std::vector<float> importance(mean_squares.size(), 1.0f);
  if (!(mean > 0)) return importance;  // inputs that never fired leave nothing to weigh with
  for (size_t i = 0; i < importance.size(); ++i) {
    importance[i] = static_cast<float>(static_cast<double>(mean_squares[i]) / mean + kShrink);
  }
  return importance;
}

}  // namespace

Result<ImportanceMatch> MatchImportance(const formats::Imatrix& imatrix, const std::string& file,
                                        const model::Checkpoint& source, const TypeRules& rules,
                                        const Grids& grids) {
  ImportanceMatch match;
  for (const auto& [name, view] : source.tensors()) {
    ALT_ASSIGN_OR_RETURN(const TypeRules::Choice choice, rules.For(name, view));
    if (choice.type == view.type || !CanEncode(choice.type) || !HasInputs(name, source)) continue;
    if (IsOnGrid(grids, name, choice.type)) continue;
    const auto found = imatrix.entries.find(name);
    if (found == imatrix.entries.end()) {
      match.without.push_back(name);
      continue;
    }
    const std::vector<float>& mean_squares = found->second.mean_squares;
    if (mean_squares.size() != view.shape.cols()) {
      return Status(ErrorCode::kInvalidArgument,
                    file + ": entry " + name + " has " + FormatCount(mean_squares.size()) +
                        " values, but rows of this tensor have " + FormatCount(view.shape.cols()) +
                        " columns; it was made for another model");
    }
    match.importances.emplace(name, ImportanceFrom(mean_squares));
  }
  return match;
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// Types for all tensors at once, so that a file has a size or a model a quality.

#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "compress/allocate.h"
#include "compress/recode.h"
#include "compress/survey.h"
#include "compress/type_rules.h"
#include "model/checkpoint.h"

namespace altteul::compress {

/// One type for each tensor that was surveyed.
struct PlannedTypes {
  std::vector<DType> types;  ///< [surveyed tensors]
  uint64_t file_bytes = 0;   ///< of the whole file
  double kl = 0;             ///< expected KL divergence from the original [nats a token]
};

class TypePlan {
 public:
  /// @param rules  for all other tensors
  /// @param notes  that will be written into the file; they count
  static Result<TypePlan> Create(std::vector<TensorSurvey> surveys, const model::Checkpoint& source,
                                 TypeRules rules, const FileNotes& notes = {});

  /// The least divergence in a file of at most so many bytes.
  /// @return kQualityGate with the smallest possible size
  Result<PlannedTypes> Within(uint64_t file_bytes) const;
  /// The smallest file of at most this divergence.
  /// @return kQualityGate with the least possible divergence
  Result<PlannedTypes> ForDivergence(double kl) const;
  /// From the smallest file to the largest, each the best of its size.
  std::vector<PlannedTypes> Front() const;

  /// The options of each surveyed tensor, in the order of its costs: bytes with what aligns the
  /// next tensor, and the expected divergence.
  Items items() const { return items_; }
  /// @param picks  [surveyed tensors] the option of each
  PlannedTypes Planned(std::vector<size_t> picks) const;

  TypeRules RulesFor(const PlannedTypes& planned) const;
  const std::vector<TensorSurvey>& surveys() const { return surveys_; }

 private:
  TypePlan(std::vector<TensorSurvey> surveys, TypeRules rules)
      : surveys_(std::move(surveys)), rules_(std::move(rules)) {}
  PlannedTypes Name(const Allocation& allocation) const;

  std::vector<TensorSurvey> surveys_;
  TypeRules rules_;
  std::vector<std::vector<Option>> items_;  // [surveyed tensors][types]
  uint64_t other_bytes_ = 0;                // of the file, all but these tensors
};

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "compress/type_plan.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "base/human_units.h"

namespace altteul::compress {

Result<TypePlan> TypePlan::Create(std::vector<TensorSurvey> surveys,
                                  const model::Checkpoint& source, TypeRules rules,
                                  const FileNotes& notes) {
  TypePlan plan(std::move(surveys), std::move(rules));
  TypeRules first = plan.rules_;
  for (const TensorSurvey& survey : plan.surveys_) {
    ALT_CHECK(!survey.costs.empty());
    first.Assign(survey.name, survey.costs.front().type);
  }
  ALT_ASSIGN_OR_RETURN(const RecodePlan file, PlanRecode(source, first, notes));
  plan.other_bytes_ = file.file_bytes;
  for (const TensorSurvey& survey : plan.surveys_) {
    std::vector<Option> options;
    for (const TypeCost& cost : survey.costs) {
      const uint64_t padded = (cost.bytes + file.alignment - 1) / file.alignment * file.alignment;
      options.push_back({padded, cost.kl});
    }
    plan.other_bytes_ -= options.front().bytes;
    plan.items_.push_back(std::move(options));
  }
  return plan;
}

PlannedTypes TypePlan::Name(const Allocation& allocation) const {
  PlannedTypes planned;
  for (size_t i = 0; i < surveys_.size(); ++i) {
    planned.types.push_back(surveys_[i].costs[allocation.picks[i]].type);
  }
  planned.file_bytes = other_bytes_ + allocation.bytes;
  planned.kl = allocation.cost;
  return planned;
}

PlannedTypes TypePlan::Planned(std::vector<size_t> picks) const {
  Allocation allocation{.picks = std::move(picks)};
  for (size_t i = 0; i < items_.size(); ++i) {
    const Option& option = items_[i][allocation.picks[i]];
    allocation.bytes += option.bytes;
    allocation.cost += option.cost;
  }
  return Name(allocation);
}

Result<PlannedTypes> TypePlan::Within(uint64_t file_bytes) const {
  const uint64_t budget = file_bytes > other_bytes_ ? file_bytes - other_bytes_ : 0;
  const auto allocation = AllocateWithin(items_, budget);
  if (!allocation.ok()) {
    const uint64_t smallest = other_bytes_ + SizeFront(items_).front().bytes;
    return Status(ErrorCode::kQualityGate, "no mix of the types gives a file of " +
                                               FormatCount(file_bytes) +
                                               " bytes; the smallest has " + FormatCount(smallest));
  }
  return Name(allocation.value());
}

Result<PlannedTypes> TypePlan::ForDivergence(double kl) const {
  const auto allocation = AllocateForCost(items_, kl);
  if (!allocation.ok()) {
    return Status(ErrorCode::kQualityGate, "no mix of the types comes within a KL divergence of " +
                                               FormatFixed(kl, 6) + "; the least is " +
                                               FormatFixed(SizeFront(items_).back().cost, 6));
  }
  return Name(allocation.value());
}

std::vector<PlannedTypes> TypePlan::Front() const {
  std::vector<PlannedTypes> front;
  for (const Allocation& allocation : SizeFront(items_)) front.push_back(Name(allocation));
  return front;
}

TypeRules TypePlan::RulesFor(const PlannedTypes& planned) const {
  TypeRules rules = rules_;
  for (size_t i = 0; i < surveys_.size(); ++i) rules.Assign(surveys_[i].name, planned.types[i]);
  return rules;
}

}  // namespace altteul::compress

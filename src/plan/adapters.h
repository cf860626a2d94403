// SPDX-License-Identifier: Apache-2.0

// Low-rank adapters of a model (LoRA, Hu et al., arXiv 2106.09685): y = W x + B A x, where A has
// [rank, columns of W] and B [rows of W, rank]. Counted, not made.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "model/weights.h"

namespace altteul::plan {

/// Which matrices of every layer have an adapter. Embedding and head have none.
enum class AdapterTargets { kAllLinear, kAttention, kMlp };

inline constexpr std::string_view kAdapterTargetNames = "all-linear, attention or mlp";

/// @return kInvalidArgument for any other name than the three above
Result<AdapterTargets> ParseAdapterTargets(std::string_view name);

/// Numbers in A and B of all layers.
uint64_t AdapterValues(const model::Weights& weights, size_t rank, AdapterTargets targets);

}  // namespace altteul::plan

// SPDX-License-Identifier: Apache-2.0

// Tensors of a file that the text model in it has no use for: towers for pictures, heads that guess
// further tokens, layers of other models. Published files hold hundreds of them, so they are told
// in one sentence a kind.

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"
#include "model/checkpoint.h"

namespace altteul::model {

/// What a tensor beside the text model is for ("pictures and sound"); empty for all others.
std::string_view CompanionKind(std::string_view name);

/// The layer that a tensor belongs to by its name, GGUF's ("blk.7.") or a folder's own
/// ("model.layers.7.").
std::optional<uint64_t> LayerOf(std::string_view name);

/// @return kUnsupported for a layer's tensor that no family here has: matrices of experts, stacked
///         or one by one, and factors of matrices. Leaving them out would give another model
///         without a word.
Status RefuseUnknownShapes(const Checkpoint& file, uint64_t n_layers);

/// Tells of every tensor of `file` that is not in `used`.
void ReportUnused(const Checkpoint& file, const std::set<std::string>& used, uint64_t n_layers,
                  const LogSink& log);

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// Which matrices of a model lie on the grid of a type already, so that nothing is lost when they
// get it: weights that were trained for a type, or decoded from one.

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compress/type_rules.h"
#include "model/checkpoint.h"

namespace altteul::compress {

/// By tensor: the smallest of the types asked for that holds every value of it. (Larger ones may
/// hold them too, but who would want that.)
using Grids = std::map<std::string, DType, std::less<>>;

bool IsOnGrid(const Grids& grids, std::string_view name, DType type);

/// Looks at each matrix of plain numbers whether it lies on the grid of a type asked for. Some rows
/// are tried first: where one fails, which costs next to nothing, the rest is not read.
/// @param asked     types that HasGrid() does not know are passed over
/// @param progress  told of tensors
/// @return as `asked`; kCancelled
Result<Grids> FindGrids(const model::Checkpoint& source, const TypeChoices& asked, ThreadTeam& team,
                        const ProgressSink& progress);

}  // namespace altteul::compress

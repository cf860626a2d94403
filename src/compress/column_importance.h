// SPDX-License-Identifier: Apache-2.0

// What an error in each column of a matrix costs, where an importance matrix of llama.cpp tells it
// in place of a calibration run: as much as the column's inputs are large. Nothing is known of how
// columns go together, so none can make up for another.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "compress/grids.h"
#include "compress/type_rules.h"
#include "formats/imatrix.h"
#include "model/checkpoint.h"

namespace altteul::compress {

/// By tensor: [cols], positive, the mean about 1.
using ColumnImportances = std::map<std::string, std::vector<float>, std::less<>>;

struct ImportanceMatch {
  ColumnImportances importances;
  std::vector<std::string> without;  ///< tensors that will be encoded, but have no entry
};

/// Finds an entry for each matrix to which the rules give another type that can be encoded for it.
/// A table that is only looked up in has no inputs and is passed over. Columns are drawn a little
/// towards their mean, as damping does it: what a text did not show is not worthless.
/// @param grids  tensors that lie on them need none
/// @param file  names the importance matrix in messages
/// @return kInvalidArgument for an entry of another width than its tensor, with both
Result<ImportanceMatch> MatchImportance(const formats::Imatrix& imatrix, const std::string& file,
                                        const model::Checkpoint& source, const TypeRules& rules,
                                        const Grids& grids = {});

}  // namespace altteul::compress

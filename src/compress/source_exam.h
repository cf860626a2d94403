// SPDX-License-Identifier: Apache-2.0

// Is there anything in a model that no encoder could make sense of? Read once, in front of work
// that may take hours; what it tells on the way is which types can hold each tensor.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "model/checkpoint.h"
#include "tensor/tensor_view.h"

namespace altteul::compress {

/// The largest magnitude among the values of each tensor, by its name.
using Magnitudes = std::map<std::string, float, std::less<>>;

/// What a file made of `source` could be opened and run as: its family and every tensor that this
/// asks for are there, and no tensor has a shape that nothing here multiplies with. Looks at names
/// and shapes only.
/// @return kUnsupported naming the architecture or the tensor; as model::ReadConfig, PlanWeights
Status CheckThatItRuns(const model::Checkpoint& source);

/// Tensors that would be written though no weight uses them: of layers beyond the model's, or of a
/// name that nothing here knows. A reader that knows more may want them, so they are copied.
/// @return as CheckThatItRuns
Result<std::vector<std::string>> FindUnused(const model::Checkpoint& source);

/// Reads all that would be written.
/// @param progress  told of tensors
/// @return kCorruptFile naming tensor and row for the first NaN or infinity; kCancelled
Result<Magnitudes> ExamineSource(const model::Checkpoint& source, ThreadTeam& team,
                                 const ProgressSink& progress);

/// How many values have a magnitude above `limit`.
uint64_t CountLarger(const TensorView& tensor, float limit, ThreadTeam& team);

/// "PATH: tensor NAME SHAPE, row N: NaN or infinite, ..."; of a vector, value N.
/// @param row  of the tensor as it lies in the source
Status NotFinite(const model::Checkpoint& source, const std::string& name, const TensorView& tensor,
                 uint64_t row);

}  // namespace altteul::compress

// Encodes the matrices of a model for the inputs that they will really see.
//
// Two streams of activations run through the layers side by side: the original's, and the encoded
// model's, whose earlier layers are encoded already. Step by step the inputs of a group of matrices
// are gathered from both, the group is encoded towards the original's output, and only then the
// encoded stream goes on through it. So a layer makes up for what the layers before it lost.

#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compress/row_encoder.h"
#include "kernels/kernel_table.h"
#include "model/model.h"

namespace altteul::compress {

struct CalibrationOptions {
  size_t context = 512;    ///< tokens of a chunk
  double damping = 0.05;   ///< see MakeMetric
  bool asymmetric = true;  ///< towards the original's output, from what the encoded layers give
  EncodeSteps steps;
};

struct EncodedTensor {
  DType type = DType::kF32;
  std::vector<std::byte> bytes;
};
/// By name.
using EncodedTensors = std::map<std::string, EncodedTensor>;

/// The type that a tensor gets; its own where it stays as it is.
using TypeChoice = std::function<Result<DType>(std::string_view name, const TensorView& tensor)>;

/// Encodes every matrix whose chosen type is another than its own and has a RowEncoder; all others
/// are left to the caller, and so is an embedding that is only looked up in. The same input gives
/// the same bytes, whatever the number of threads.
/// @param original  loaded with Precision::kF32, so that its matrices rest as the file has them
/// @param ids       calibration text; whole chunks of it are used
/// @return kInvalidArgument when the text is shorter than a chunk (both numbers), kOutOfMemory,
///         kCorruptFile for activations that are not finite, kCancelled
Result<EncodedTensors> EncodeCalibrated(const model::Model& original, const TypeChoice& choose,
                                        std::span<const text::TokenId> ids,
                                        const CalibrationOptions& options,
                                        const kernels::KernelTable& kernels, ThreadTeam& team,
                                        const ProgressSink& progress);

}  // namespace altteul::compress

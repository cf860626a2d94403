// SPDX-License-Identifier: Apache-2.0

// Encodes the matrices of a model for the inputs that they will really see.
//
// Two streams of activations run through the layers side by side: the original's, and the encoded
// model's, whose earlier layers are encoded already. Step by step the inputs of a group of matrices
// are gathered from both, the group is encoded towards the original's output, and only then the
// encoded stream goes on through it. So a layer makes up for what the layers before it lost.
//
// With a work folder each tensor is kept as it is finished, and now and then what both streams
// hold. Work that was stopped takes what is there and goes on in front of the layer of the last
// snapshot.

#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/encoded_tensor.h"
#include "compress/input_squares.h"
#include "compress/row_encoder.h"
#include "compress/work_place.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::compress {

struct CalibrationOptions {
  size_t context = 512;    ///< tokens of a chunk
  double damping = 0.1;    ///< see MakeMetric
  bool asymmetric = true;  ///< towards the original's output, from what the encoded layers give
  EncodeSteps steps;
};

/// The type that a tensor gets; its own where it stays as it is.
using TypeChoice = std::function<Result<DType>(std::string_view name, const TensorView& tensor)>;

/// Encodes every matrix whose chosen type is another than its own and has a RowEncoder; all others
/// are left to the caller, and so is an embedding that is only looked up in. The same input gives
/// the same bytes, whatever the number of threads and wherever it was stopped.
/// @param original  loaded with Precision::kF32, so that its matrices rest as the file has them
/// @param ids       calibration text; whole chunks of it are used
/// @param squares   may be null; filled with the inputs of every matrix, also of those that stay
/// @return kInvalidArgument when the text is shorter than a chunk (both numbers), kOutOfMemory,
///         kCorruptFile for activations that are not finite, kIoError, kCancelled
Result<EncodedTensors> EncodeCalibrated(const model::Model& original, const TypeChoice& choose,
                                        std::span<const text::TokenId> ids,
                                        const CalibrationOptions& options,
                                        compute::Compute& compute, const WorkPlace& place,
                                        InputSquares* squares = nullptr);

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// Tensors encoded quickly in several types, to be measured in them: one walk of the original
// through the layers, whose inputs they are encoded for.

#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/encoded_tensor.h"
#include "compress/work_place.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::compress {

/// A tensor and the types to encode it in, none of them its own.
struct WantedTypes {
  std::string name;
  std::vector<DType> types;
};

/// By type.
using TrialEncodings = std::map<DType, EncodedTensor>;

struct TrialOptions {
  size_t context = 512;  ///< tokens of a chunk of the calibration text
  double damping = 0.1;  ///< see MakeMetric
};

/// In the order of `wanted`. With a work folder each encoding is kept in it and rests there, and
/// what it holds already is not made again. The same input gives the same bytes, whatever the
/// number of threads.
/// @param original     loaded with Precision::kF32
/// @param calibration  whole chunks of it are used
/// @param place        its progress is told of millions of weights; its folder outlives the result
/// @return kOutOfMemory, kCorruptFile for activations that are not finite, kIoError, kCancelled
Result<std::vector<TrialEncodings>> EncodeForTrials(const model::Model& original,
                                                    const std::vector<WantedTypes>& wanted,
                                                    std::span<const text::TokenId> calibration,
                                                    const TrialOptions& options,
                                                    compute::Compute& compute,
                                                    const WorkPlace& place);

}  // namespace altteul::compress

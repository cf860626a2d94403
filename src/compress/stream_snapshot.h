// SPDX-License-Identifier: Apache-2.0

// How far two streams have come through the layers, kept in the work folder, so that work that was
// stopped need not run them again from the beginning.

#pragma once

#include <cstddef>

#include "base/status.h"
#include "compress/activation_stream.h"
#include "compress/encoded_tensor.h"
#include "compress/work_folder.h"

namespace altteul::compress {

/// Keeps both residual streams as they are in front of a layer; the snapshot in front of `last`
/// goes (0: there is none). Of the two streams' sizes on the disk, and for a moment twice that.
/// @return kIoError
Status KeepStreams(WorkFolder& folder, size_t layer, size_t last, const ActivationStream& before,
                   const ActivationStream& after);

struct StreamSnapshot {
  size_t layer = 0;     ///< that the streams stand in front of; 0: nothing was kept
  EncodedTensor piece;  ///< in the work folder

  /// @pre layer != 0, and the streams are as large as those that were kept
  void Restore(ActivationStream& before, ActivationStream& after) const;
};

/// The furthest one in front of `most` or an earlier layer.
/// @param like  a stream of the same size
StreamSnapshot FindStreams(WorkFolder& folder, size_t most, const ActivationStream& like);

}  // namespace altteul::compress

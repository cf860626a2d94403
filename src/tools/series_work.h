// SPDX-License-Identifier: Apache-2.0

// What a series costs at least, counted from the model: multiplications and bytes. Beside the time
// it took, this says how much of the machine was used; nothing here is measured.

#pragma once

#include "kernels/attention.h"
#include "model/model.h"
#include "tools/series_spec.h"

namespace altteul::tools {

/// Of one run, all sequences together.
struct SeriesWork {
  double ops = 0;           ///< a multiply-add counts two; linear layers and attention
  double weight_bytes = 0;  ///< every matrix once a pass, as the file packs it
  double kv_bytes = 0;      ///< keys and values read: once a pass and sequence
  double tokens = 0;

  double bytes() const { return weight_bytes + kv_bytes; }
  double intensity() const { return ops / bytes(); }  ///< [ops a byte]
};

/// A prompt goes in passes of at most kPassTokens and ends in one row of logits; an answer's pass
/// is one token of each sequence, each with logits. Of an embedding that is no head only a few rows
/// are read: left out. What activations cost in the caches is left out too.
SeriesWork WorkOf(const model::Model& model, kernels::KvType kv, const SeriesSpec& spec);

}  // namespace altteul::tools

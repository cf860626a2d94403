// SPDX-License-Identifier: Apache-2.0

// Text that a model writes itself, to calibrate on where nobody has a better one (Liu et al.,
// "LLM-QAT: data-free quantization aware training for large language models", 2023).

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::compress {

struct OwnTextOptions {
  size_t n_chunks = 32;
  size_t context = 512;  ///< tokens of a chunk
  uint64_t seed = 0;
};

/// Chunk after chunk, each a text of its own, drawn token by token from the model's own
/// probabilities. Every other chunk begins with the token that begins texts, the others with any
/// token of the vocabulary, behind that one where the model wants it before every text. The same
/// seed gives the same text, whatever the number of threads.
/// @param model  should be loaded with Precision::kFast
/// @return [n_chunks * context]; kInvalidArgument for a model without a tokenizer, kOutOfMemory,
///         kCorruptFile when its probabilities are not finite, kCancelled
Result<std::vector<text::TokenId>> WriteOwnText(const model::Model& model,
                                                const OwnTextOptions& options,
                                                compute::Compute& compute,
                                                const ProgressSink& progress);

}  // namespace altteul::compress

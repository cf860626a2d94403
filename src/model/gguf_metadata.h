// SPDX-License-Identifier: Apache-2.0

// What a GGUF file says of a Hugging Face folder's model: the keys that files of all families have,
// under the names that llama.cpp's converter gives them.

#pragma once

#include "base/status.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/gguf_form.h"

namespace altteul::model {

/// Sets form.architecture, the keys general.*, the sizes, tokenizer.*. Rope (DescribeRope) and what
/// a family has for itself (Family::describe) come on top.
/// @return as Checkpoint::ReadTokenizer and text::InGgufWords; kCorruptFile when there are more
///         tokens than rows in the embedding, or when the context length is missing
Status SetMetadata(const Checkpoint& folder, const ModelConfig& config, GgufForm& form);

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// A GGUF file as a Checkpoint.

#pragma once

#include <memory>
#include <string>

#include "model/checkpoint.h"

namespace altteul::model {

/// @return as formats::GgufFile::Open, or kCorruptFile when general.architecture is missing
Result<std::unique_ptr<const Checkpoint>> OpenGgufCheckpoint(const std::string& path,
                                                             const LogSink& log);

/// What GGUF metadata (tokenizer.ggml.*) says about the tokenizer.
Result<text::TokenizerSpec> ReadGgufTokenizer(const formats::GgufFile& file,
                                              const std::string& path, const LogSink& log);

}  // namespace altteul::model

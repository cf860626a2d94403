// SPDX-License-Identifier: Apache-2.0

// A Hugging Face folder (config.json, *.safetensors, tokenizer files) as a Checkpoint.

#pragma once

#include <memory>
#include <string>

#include "model/checkpoint.h"

namespace altteul::model {

/// @return kNotFound, kCorruptFile or kUnsupported with the file and the reason
Result<std::unique_ptr<const Checkpoint>> OpenHfCheckpoint(const std::string& folder,
                                                           const LogSink& log);

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// A model of a given shape with random weights: for measuring speed where the real one is out of
// reach. Its answers mean nothing.

#pragma once

#include <string>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"

namespace altteul::tools {

/// Writes a GGUF of architecture `llama` that other programs open too (no tokenizer, a vocabulary
/// size only).
/// @param what  as model::ParseShapedModel() takes it: "llama-2-7b:Q4_K"
/// @return kInvalidArgument listing the shapes, and what writing a file may return
Status WriteSyntheticModel(const std::string& what, const std::string& path, ThreadTeam& team,
                           const ProgressSink& progress);

}  // namespace altteul::tools

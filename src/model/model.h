// SPDX-License-Identifier: Apache-2.0

// A loaded model: everything sessions share. Immutable after loading, so any number of sessions may
// read it from any thread.

#pragma once

#include <memory>
#include <string>

#include "base/sinks.h"
#include "compute/compute.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace altteul::model {

struct Model {
  std::unique_ptr<const Checkpoint> file;  ///< kept: weights may rest in its mapping
  ModelConfig config;
  Weights weights;
  std::unique_ptr<const text::Tokenizer> tokenizer;
  std::string chat_template;  ///< empty: the model has none
};

/// Opens, checks and loads a GGUF file or a Hugging Face folder.
/// @return what Checkpoint, ReadConfig, LoadWeights and MakeTokenizer return
Result<std::unique_ptr<const Model>> LoadModel(const std::string& path,
                                               const WeightOptions& options,
                                               compute::Compute& compute, const LogSink& log);

}  // namespace altteul::model

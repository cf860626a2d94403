// SPDX-License-Identifier: Apache-2.0

// The options of `run` that choose among tokens, in llama.cpp's words.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "engine/sampler.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

class SamplingOptions {
 public:
  void AddTo(CLI::App& app);

  /// What was asked for; of a seed of -1 a random one, told on standard error so that the answer
  /// can be had again.
  /// @return kInvalidArgument for a bias that is not of the form ID=BIAS
  Result<engine::SamplerOptions> Read() const;

 private:
  engine::SamplerOptions sampler_;
  int64_t penalty_window_ = 64;      // -1: the whole context
  std::string seed_ = "0";           // -1: a random one
  std::vector<std::string> biases_;  // "ID=BIAS"
};

}  // namespace altteul::tools

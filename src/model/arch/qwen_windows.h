// SPDX-License-Identifier: Apache-2.0

// Which layers of a Qwen model look at a window only.

#pragma once

#include <nlohmann/json.hpp>

#include "model/family.h"
#include "model/hf_config.h"

namespace altteul::model {

/// Folders name the layers (layer_types) or switch a window on for layers from max_window_layers up
/// (use_sliding_window, off in every published model); GGUF files carry no window.
inline Status FillQwenWindows(const Checkpoint& file, ModelConfig& config) {
  if (file.hf_config() == nullptr) return Status();
  ALT_ASSIGN_OR_RETURN(std::vector<bool> local, HfLocalLayers(file, config.n_layers()));
  const auto use = file.hf_config()->find("use_sliding_window");
  const bool used = use != file.hf_config()->end() && use->is_boolean() && use->get<bool>();
  if (!used) return Status();
  if (local.empty()) {
    const auto first = file.hf_config()->find("max_window_layers");
    const bool given = first != file.hf_config()->end();
    const std::optional<uint64_t> from = given ? HfWholeNumber(*first) : 0;
    if (!from) {
      return Status(ErrorCode::kCorruptFile, file.path() + "/config.json: max_window_layers is " +
                                                 first->dump().substr(0, 60) +
                                                 ", expected a whole number");
    }
    for (size_t layer = 0; layer < config.n_layers(); ++layer) local.push_back(layer >= *from);
  }
  return FillWindows(file, local, config);
}

}  // namespace altteul::model

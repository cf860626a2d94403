// SPDX-License-Identifier: Apache-2.0

// Options of a family, each turned off in a loaded model: what a forgotten option would do.

#pragma once

#include <string>

#include "model/model.h"
#include "tensor/buffer.h"

namespace altteul::tests {

/// Turns `option` (a name in golden.json's "options") off or exchanges it, as
/// scripts/golden/families_options.py does in transformers. The model must come from a folder.
/// @param memory  takes what the change needs; must outlive the model's use
/// @return false when no ModelConfig and no weight can express it
bool TurnOff(const std::string& option, model::Model& model, Buffer& memory);

}  // namespace altteul::tests

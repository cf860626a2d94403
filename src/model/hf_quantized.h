// SPDX-License-Identifier: Apache-2.0

// Folders whose weights others have quantized already. Their tensors are packed in ways that are
// not read here, and what they were made from is the better source anyway, so they are refused by
// the name of the method.

#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "formats/safetensors.h"

namespace altteul::model {

/// @param config  config.json; files of older writers beside it are looked for too
/// @return kUnsupported with the method and its bits
Status RefuseQuantized(const std::string& folder, const nlohmann::json& config);

/// The same by the names and types of tensors, for folders that do not say it.
Status RefuseQuantizedTensors(const std::string& folder, const formats::SafetensorsModel& weights);

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// A folder's config.json, completed: transformers writes only what differs from a class's defaults,
// so a key that is absent means what the class takes for it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/sinks.h"
#include "base/status.h"
#include "model/family.h"

namespace altteul::model {

struct HfConfig {
  nlohmann::json values;  ///< an object: config.json and its class's defaults
  const Family* family = nullptr;
  bool ties_head = false;  ///< the embedding is the head, whatever the files hold
};

/// A whole number of at least 0, also where it is written 512.0; one beyond 64 bits is the largest
/// there is. Nothing for other values.
std::optional<uint64_t> HfWholeNumber(const nlohmann::json& value);

/// @param log  hears of each key that is missing and of the value taken for it
/// @return kUnsupported for an architecture that is not known (with those that are) and for
///         quantized weights; kCorruptFile for a file that is no config.json
Result<HfConfig> ReadHfConfig(const std::string& folder, const LogSink& log);

}  // namespace altteul::model

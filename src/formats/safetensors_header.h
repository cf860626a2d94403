// SPDX-License-Identifier: Apache-2.0

// The header of one safetensors file as bytes -> its records, all proved.

#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/safetensors.h"

namespace altteul::formats {

struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;  ///< in the order of their data; names are unique
  std::vector<UnreadTensor> unread;        ///< the others, also in the order of their data
  std::map<std::string, std::string> metadata;
};

/// `bytes` (the whole file) must outlive the result.
/// @param name  the file, for messages
Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> bytes,
                                                 const std::string& name);

}  // namespace altteul::formats

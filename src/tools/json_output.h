// SPDX-License-Identifier: Apache-2.0

// Machine output: one JSON object a line.

#pragma once

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

namespace altteul::tools {

/// Bytes that are no UTF-8 are shown as U+FFFD; verbs that must not lose them give hex beside.
inline std::string JsonLine(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

inline void PrintJson(const nlohmann::ordered_json& value) {
  const std::string line = JsonLine(value);
  std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace altteul::tools

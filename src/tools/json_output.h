// Machine output: one JSON object a line.

#pragma once

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

namespace altteul::tools {

/// Bytes that are no UTF-8 are shown as U+FFFD; verbs that must not lose them give hex beside.
inline void PrintJson(const nlohmann::ordered_json& value) {
  const std::string text =
      value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace altteul::tools

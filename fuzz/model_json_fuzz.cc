// SPDX-License-Identifier: Apache-2.0

// Any bytes may be refused as JSON; none may crash, hang or be read past their end, and no
// exception of the library may come out. What is accepted must survive being written and read
// again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "formats/json_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using altteul::formats::ParseJson;
  auto parsed = ParseJson(std::as_bytes(std::span(data, size)), "fuzz.json");
  // Whatever is JSON is the same where Python's literals are read too.
  auto pythons = ParseJson(std::as_bytes(std::span(data, size)), "fuzz.json",
                           altteul::formats::kWrittenByPython);
  if (parsed.ok() && (!pythons.ok() || pythons.value() != parsed.value())) std::abort();
  if (!parsed.ok()) {
    if (parsed.status().message().rfind("fuzz.json: ", 0) != 0) std::abort();
    return 0;
  }
  const std::string text = parsed.value().dump();
  auto again = ParseJson(std::as_bytes(std::span(text)), "again.json");
  if (!again.ok() || again.value() != parsed.value()) std::abort();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0

// Any bytes may be refused as an importance matrix; none may crash, hang or be read past their end.
// What the reader promises of one it accepts must hold for every input.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "formats/imatrix.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed =
      altteul::formats::ParseImatrix(std::as_bytes(std::span(data, size)), "fuzz.imatrix");
  if (!parsed.ok()) {
    Require(parsed.status().message().rfind("fuzz.imatrix: ", 0) == 0);
    return 0;
  }
  Require(!parsed.value().entries.empty());
  uint64_t total = 0;  // no byte of the file becomes two values
  for (const auto& [name, entry] : parsed.value().entries) {
    Require(!name.empty() && !entry.counts.empty() && entry.cols() > 0);
    Require(entry.cols() * entry.counts.size() == entry.mean_squares.size());
    uint64_t most = 0;
    for (const uint64_t count : entry.counts) most = count > most ? count : most;
    Require(most > 0);
    for (const float mean : entry.mean_squares) Require(std::isfinite(mean) && mean >= 0.0f);
    total += entry.mean_squares.size() * sizeof(float);
  }
  Require(total <= size);
  return 0;
}

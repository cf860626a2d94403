// SPDX-License-Identifier: Apache-2.0

// Every address that a step names, with how much lies there: for who checks or translates them.

#pragma once

#include <cstddef>
#include <functional>

#include "compute/tape.h"

namespace altteul::compute {

/// Whose memory it is.
enum class AddressKind : uint8_t {
  kValue,   ///< Compute::Allocate()'s, or lent by the tape
  kWeight,  ///< Compute::Hold()'s
  kCache,   ///< Compute::Allocate()'s: a page
};

struct StepAddress {
  AddressKind kind = AddressKind::kValue;
  const void* begin = nullptr;
  size_t bytes = 0;
  const char* what = "";  ///< for messages: "the q of an AttendStep"
};

/// visit(address) for each. What is null because it is not there is left out.
void ForEachAddress(const Step& step, size_t n_rows,
                    const std::function<void(const StepAddress&)>& visit);

}  // namespace altteul::compute

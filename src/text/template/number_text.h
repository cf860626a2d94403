// SPDX-License-Identifier: Apache-2.0

// Numbers as Python's int() and float() read them from text.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "text/template/value.h"

namespace altteul::text::jinja {

/// int(text, base): spaces around, a sign, the base's prefix ("0x" for 16), "_" between digits.
/// Base 0 goes by the prefix. @return nothing where Python raises ValueError; kInvalidArgument for
/// an integer beyond 64 bits
Result<std::optional<Value>> ReadInteger(std::string_view text, int64_t base);

/// float(text); nothing where Python raises ValueError.
std::optional<double> ReadFloat(std::string_view text);

/// int(value) of a float. @return kInvalidArgument for infinity and beyond 64 bits. @pre no NaN
Result<std::optional<Value>> Truncate(double value);

}  // namespace altteul::text::jinja

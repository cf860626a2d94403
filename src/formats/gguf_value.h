// SPDX-License-Identifier: Apache-2.0

// The typed values of GGUF metadata: sizes of the types, and the proof of one value as it is read.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "formats/byte_reader.h"
#include "formats/gguf.h"

namespace altteul::formats {

/// Arrays inside arrays. No writer we know nests at all; the limit bounds our own recursion.
inline constexpr int kGgufMaxNesting = 4;

/// The type with this id; nothing for ids that no version knows.
std::optional<GgufType> GgufTypeFromId(uint32_t id);

/// Bytes of one value; for strings and arrays the least it can take (their fixed head).
uint64_t GgufMinBytes(GgufType type);

/// A u64 length and that many bytes, viewed in place.
Result<std::string_view> ReadGgufString(ByteReader& in);

/// The type field, then the value. Arrays are walked to their end, so that what comes out is
/// proved.
Result<GgufValue> ReadGgufValue(ByteReader& in);

}  // namespace altteul::formats

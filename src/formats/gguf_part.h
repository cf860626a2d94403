// SPDX-License-Identifier: Apache-2.0

// One GGUF file as bytes -> its records, all proved. Split models are put together in gguf.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/gguf.h"

namespace altteul::formats {

inline constexpr char kGgufMagic[] = {'G', 'G', 'U', 'F'};
inline constexpr uint32_t kGgufVersion = 3;            ///< the newest, and the one we write
inline constexpr uint64_t kGgufDefaultAlignment = 32;  ///< [bytes]
inline constexpr uint32_t kGgufMaxDims = 4;            ///< what ggml can hold
inline constexpr uint64_t kGgufMaxNameBytes = 65535;   ///< the specification's limit for keys

struct GgufPart {
  uint32_t version = 0;
  uint64_t alignment = kGgufDefaultAlignment;  ///< [bytes], a power of two
  uint64_t data_offset = 0;                    ///< where tensor offsets count from [bytes]
  std::vector<GgufEntry> metadata;             ///< keys unique, in file order
  std::vector<uint32_t> metadata_by_key;       ///< indices into metadata, sorted by key
  std::vector<GgufTensor> tensors;             ///< in file order; bytes inside the file, no overlap
};

/// `bytes` must outlive the result. Tensor names may still repeat: IndexTensors() of the whole
/// model refuses that.
/// @param name  the file, for messages
Result<GgufPart> ParseGgufPart(std::span<const std::byte> bytes, const std::string& name);

/// How many bytes stand before the data of the tensors; nothing when the header ends behind
/// `known`. So a file need not be there to be planned for.
/// @param bytes  as many as the file has, of which the first `known` are read
/// @return as ParseGgufPart(), as soon as what is known is wrong
Result<std::optional<uint64_t>> GgufHeaderBytes(std::span<const std::byte> bytes, size_t known,
                                                const std::string& name);

/// The entry of `key` in a part; null when absent.
const GgufValue* FindGgufValue(std::span<const GgufEntry> metadata,
                               std::span<const uint32_t> by_key, std::string_view key);

}  // namespace altteul::formats

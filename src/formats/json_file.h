// SPDX-License-Identifier: Apache-2.0

// JSON from strangers: config.json, generation_config.json, tokenizer files, safetensors headers.
// The library's parser with three rules added: a limit on size, a limit on nesting (recursive code
// will walk the result), and no key twice in one object. An integer beyond 64 bits is a float, as
// whoever asks whether it is an integer sees. The library's exceptions stay inside.
//
// Where Python writes a file and Python reads it, what Python's json makes of it is what it means:
// NaN, Infinity, -Infinity and numbers that are too large (1e999) become floats, which no reader
// takes for a size; of a key that stands there twice the last value counts; half of a surrogate
// pair becomes U+FFFD, since no text can hold it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "base/sinks.h"
#include "base/status.h"

namespace altteul::formats {

struct JsonLimits {
  /// Gemma's tokenizer.json, the largest we know, has 33 MB.
  uint64_t max_bytes = uint64_t{128} << 20;
  int max_depth = 64;           ///< arrays and objects inside each other
  bool as_python_does = false;  ///< what JSON forbids means what Python's json takes it for
};

/// For files that transformers and its relatives write.
inline constexpr JsonLimits kWrittenByPython = {.as_python_does = true};

/// @param name  the file, for messages
/// @param log   hears of keys that stand there twice
/// @return kCorruptFile with the byte at which reading stopped, kUnsupported (too large, too deep),
///         kOutOfMemory
Result<nlohmann::json> ParseJson(std::span<const std::byte> bytes, const std::string& name,
                                 const JsonLimits& limits = {}, const LogSink& log = {});

/// The same for a file; also kNotFound and kIoError.
Result<nlohmann::json> ReadJsonFile(const std::string& path, const JsonLimits& limits = {},
                                    const LogSink& log = {});

}  // namespace altteul::formats

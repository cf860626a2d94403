// SPDX-License-Identifier: Apache-2.0

// Where lower layers say something without printing: the caller hands them a sink.

#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace altteul {

enum class LogLevel { kInfo, kWarning };

/// Takes one sentence without a newline. May be empty: then nothing is said.
using LogSink = std::function<void(LogLevel level, std::string_view sentence)>;

/// Takes the state of long work: `done` of `total` units. Returns false to ask the work to stop,
/// which it answers with kCancelled. May be empty.
using ProgressSink = std::function<bool(uint64_t done, uint64_t total)>;

}  // namespace altteul

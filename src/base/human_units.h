// SPDX-License-Identifier: Apache-2.0

// Numbers as people read them. Decimal units (MB = 10^6 bytes), as disks and downloads are sold.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace altteul {

std::string FormatBytes(uint64_t bytes);            ///< "98.4 MB", "512 B"
std::string FormatCount(uint64_t count);            ///< "49,152"
std::string FormatDuration(double seconds);         ///< "8 s", "2 min 40 s", "14 min", "3.5 h"
std::string FormatFixed(double value, int digits);  ///< "3.14"

/// "70MB", "1.5 GiB", "4096": digits, then B, kB, MB, GB (powers of 1000), KiB, MiB, GiB or
/// nothing, in capitals or not: nobody counts files in bits. Nothing for anything else, or for more
/// than 2^63 bytes.
std::optional<uint64_t> ParseBytes(std::string_view text);

/// "500k", "2M", "1.5 G", "4096": a number above 0, then k, M, G (or K, B) or nothing, powers of
/// 1000. Nothing for anything else, or for more than 10^15.
std::optional<double> ParseCount(std::string_view text);

}  // namespace altteul

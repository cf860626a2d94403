// Numbers as people read them. Decimal units (MB = 10^6 bytes), as disks and downloads are sold.

#pragma once

#include <cstdint>
#include <string>

namespace altteul {

std::string FormatBytes(uint64_t bytes);            ///< "98.4 MB", "512 B"
std::string FormatCount(uint64_t count);            ///< "49,152"
std::string FormatFixed(double value, int digits);  ///< "3.14"

}  // namespace altteul

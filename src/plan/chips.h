// SPDX-License-Identifier: Apache-2.0

// Finding a chip by the name a person types: case, blanks, dashes and the maker's words do not
// matter. "rtx3090", "RTX 3090" and "NVIDIA GeForce RTX-3090" are one.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "plan/data_tables.h"

namespace altteul::plan {

/// What is compared: small letters and digits, without the maker's words.
std::string FoldChipName(std::string_view name);

/// Index into `chips`.
/// @return kNotFound with the nearest names
Result<size_t> FindChip(std::span<const Chip> chips, std::string_view name);

}  // namespace altteul::plan

// SPDX-License-Identifier: Apache-2.0

// Countries that the tables name: codes of ISO 3166, names in both languages of the pages, and who
// is in the European Union, whose programmes are open to its members.

#pragma once

#include <span>
#include <string_view>

namespace altteul::plan {

struct Country {
  std::string_view code;  ///< two capital letters; "EU" stands for the Union itself
  std::string_view name, name_ko;
  bool in_eu = false;
};

std::span<const Country> Countries();

/// Nothing for a code that is not in the table.
const Country* FindCountry(std::string_view code);

}  // namespace altteul::plan

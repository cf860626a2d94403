// SPDX-License-Identifier: Apache-2.0

#include "plan/chips.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "formats/quote.h"

namespace altteul::plan {
namespace {

// Makers and their families, which people write or leave out. None is all of a name.
constexpr std::string_view kMakerWords[] = {"nvidia", "geforce", "amd",    "instinct",
                                            "radeon", "tesla",   "google", "apple"};
constexpr size_t kLongestName = 200;
constexpr size_t kNearest = 3;  // names that an error suggests

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Levenshtein's distance.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string FoldChipName(std::string_view name) {
  std::string folded, word;
  const auto end_word = [&] {
    const bool is_maker =
        std::find(std::begin(kMakerWords), std::end(kMakerWords), word) != std::end(kMakerWords);
    if (!is_maker) folded += word;
    word.clear();
  };
  for (const char c : name.substr(0, kLongestName)) {
    if (IsLetterOrDigit(c)) {
      word += Lower(c);
    } else {
      end_word();
    }
  }
  end_word();
  return folded;
}

Result<size_t> FindChip(std::span<const Chip> chips, std::string_view name) {
  const std::string wanted = FoldChipName(name);
  std::vector<std::pair<size_t, size_t>> nearest;  // distance, index
  for (size_t i = 0; i < chips.size(); ++i) {
    std::vector<std::string> names = chips[i].aliases;
    names.push_back(chips[i].name);
    size_t least = kLongestName;
    for (const std::string& each : names) {
      const std::string folded = FoldChipName(each);
      if (!wanted.empty() && folded == wanted) return i;
      least = std::min(least, Distance(wanted, folded));
    }
    nearest.emplace_back(least, i);
  }
  std::sort(nearest.begin(), nearest.end());
  std::string list;
  for (size_t i = 0; i < std::min(kNearest, nearest.size()); ++i) {
    list += (i == 0 ? "" : ", ") + chips[nearest[i].second].name;
  }
  return Status(ErrorCode::kNotFound,
                "no chip " + formats::Quote(name) + " in chips.csv; nearest: " + list);
}

}  // namespace altteul::plan

// SPDX-License-Identifier: Apache-2.0

// The page of `altteul gap`: one file in English and Korean, with charts and no script. A switch
// that the reader's browser keeps by itself shows the one language or the other.
//
// Nothing is shown that does not trace to the tables: each figure carries its trace
// (plan/gap.h) and its source, and words that are quoted out of a row or a command are marked so.
// A test reads the page back and finds no other digit in it.

#pragma once

#include <string>

#include "base/status.h"
#include "plan/gap.h"

namespace altteul::tools {

enum class PageLanguage { kEnglish, kKorean };

/// "en" or "ko".
Result<PageLanguage> ParsePageLanguage(const std::string& name);

struct GapPageFacts {
  std::string version;                             ///< of the program
  std::string command;                             ///< that gives the page again
  std::string today;                               ///< "2026-11-29"
  PageLanguage language = PageLanguage::kEnglish;  ///< that the page opens in
};

std::string GapHtml(const plan::GapReport& report, const GapPageFacts& facts);

}  // namespace altteul::tools

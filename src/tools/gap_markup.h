// SPDX-License-Identifier: Apache-2.0

// Pieces of gap's page: words in both languages, of which a switch shows one, and figures that
// carry what they follow from. All results are HTML.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "plan/figure.h"

namespace altteul::tools::markup {

/// A text in both languages.
struct Both {
  std::string en, ko;
};

/// `en` and `ko` are markup already.
std::string Spans(const std::string& en, const std::string& ko);

/// The same of plain words.
std::string Text(const std::string& en, const std::string& ko);

/// Words out of a row or a command line: they may hold digits that are no figures.
std::string Quoted(std::string_view text);
/// @param ko  may be empty: then the English words stand in its place
std::string QuotedBoth(const std::string& en, const std::string& ko);

/// A figure, with what it follows from at hand; a dash where there is none.
std::string Show(const plan::Figure& figure);
std::string Show(const std::optional<plan::Figure>& figure);

/// 1 over a figure below 1, as "1/2,100"; others as they are.
std::string ShowAsPart(const plan::Figure& figure);

/// Of an ISO 3166 code: markup, and plain words.
std::string CountryName(const std::string& code);
Both CountryWords(const std::string& code);

/// "한국은", "스페인은", "독일은" but "호주는": the particle follows the last syllable, which is a
/// Hangul syllable of three bytes in all names of the table.
std::string WithTopicParticle(const std::string& name);

}  // namespace altteul::tools::markup

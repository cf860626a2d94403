// SPDX-License-Identifier: Apache-2.0

// Bars beside each other as one SVG element, for values so far apart that a picture says more than
// a table. Names stand in both languages of a page; its style shows one of them.

#pragma once

#include <string>
#include <vector>

#include "plan/figure.h"

namespace altteul::tools {

struct SvgBar {
  std::string name, other_name;  ///< English, Korean
  double value = 0;              ///< not positive or not finite: no bar
  std::string text;              ///< behind the bar
  std::string attributes;        ///< markup, of the text behind the bar
  std::string tooltip;
  bool is_marked = false;  ///< in the colour of what is one's own
};

/// The bar of a figure, with what it follows from at hand. @param mine  it is one's own
SvgBar BarOf(const plan::Figure& figure, const std::string& name_en, const std::string& name_ko,
             bool mine);

/// Well-formed XML whatever the texts hold, as long as `attributes` is.
/// @param title  read out in place of the picture
std::string SvgBars(const std::string& title, const std::vector<SvgBar>& bars, bool logarithmic);

}  // namespace altteul::tools

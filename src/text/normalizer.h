// SPDX-License-Identifier: Apache-2.0

// Changes text before it is cut: normal forms, spaces that become U+2581, a space in front.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/pattern.h"
#include "text/tokenizer.h"

namespace altteul::text {

class Normalizer {
 public:
  static Result<Normalizer> Make(const std::vector<NormalizeStep>& steps);

  /// `text` after all steps. Bytes that are no UTF-8 pass through.
  Result<std::string> Run(std::string_view text, Pattern::Scratch& scratch) const;

 private:
  struct Step {
    NormalizeStep step;
    std::optional<Pattern> pattern;  ///< kReplace
  };
  static Result<std::string> Replace(const Step& step, std::string_view text,
                                     Pattern::Scratch& scratch);

  std::vector<Step> steps_;
};

}  // namespace altteul::text

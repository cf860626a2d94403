// SPDX-License-Identifier: Apache-2.0

// tests/golden/families/<model>/golden.json.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace altteul::tests {

struct GoldenRun {
  std::string name;
  std::vector<std::string> files;  ///< "folder", "gguf": which of them the run holds for
  std::vector<text::TokenId> tokens;
  std::vector<float> logits;  ///< [tokens.size(), vocabulary]
  double tolerance = 0;

  bool HoldsFor(const std::string& file) const;
};

struct FamilyGolden {
  std::string folder;
  std::vector<GoldenRun> runs;
  std::map<std::string, double> options;  ///< name -> largest change of run "main" without it

  const GoldenRun& Run(const std::string& name) const;
};

/// Reads a model's golden file; failures are the running test's.
FamilyGolden ReadFamilyGolden(const std::string& model);

}  // namespace altteul::tests

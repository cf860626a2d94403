// SPDX-License-Identifier: Apache-2.0

// Hugging Face folders for tests: a golden family's weights with the vocabulary of a golden
// tokenizer, which the golden families lack.

#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/status.h"

namespace altteul::tests {

struct FolderChange {
  std::function<void(nlohmann::json& config)> config = {};
  std::function<void(nlohmann::json& tokenizer)> tokenizer = {};
  std::set<std::string> without_tensors = {};  ///< by Hugging Face's names
  std::string extra_tensor = {};               ///< a name; filled with one row of another tensor
};

/// Writes `folder` anew. Embedding and head repeat the family's rows until there is one for each
/// token and a few more, as published models have them. Sharded when the family is.
/// @param family     of tests/golden/families
/// @param tokenizer  of tests/golden/tokenizer
Status WriteFolder(const std::filesystem::path& folder, const std::string& family,
                   const std::string& tokenizer, const FolderChange& change = {});

}  // namespace altteul::tests

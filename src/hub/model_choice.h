// SPDX-License-Identifier: Apache-2.0

// Which model of which repository a user means, and which files make it.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/model_index.h"
#include "hub/repository.h"

namespace altteul::hub {

/// "owner/name[@revision][:what]"
struct HubReference {
  Repository repository;
  std::string revision = kMainRevision;
  std::string what;  ///< a file, or a type such as Q4_K_M; empty: the one that there is
};

/// @return kInvalidArgument
Result<HubReference> ParseHubReference(std::string_view text);

/// The files of one model.
struct ModelFiles {
  std::vector<IndexedFile> files;
  std::string first;  ///< what is opened: a GGUF file (of a split one the first); empty: the folder

  uint64_t bytes() const;
};

/// - A file's name means that file, of a split GGUF file all parts.
/// - A type means the GGUF file that carries it in its name.
/// - Nothing means the safetensors model, or else the only GGUF file, or that of type Q4_K_M.
/// @return kNotFound, with what there is to choose from
Result<ModelFiles> ChooseFiles(const ModelIndex& index, std::string_view what);

}  // namespace altteul::hub

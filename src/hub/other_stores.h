// SPDX-License-Identifier: Apache-2.0

// Models that other programs keep, read where they are: Ollama's and LM Studio's stores. Nothing is
// ever written, moved or removed there.
//
//   Ollama     <folder>/manifests/<host>/<namespace>/<model>/<tag>   JSON: layers, each with a
//   media
//              type, application/vnd.ollama.image.<kind>, and a digest, "sha256:<hex>"
//              <folder>/blobs/sha256-<hex>                           a layer: of kind model the
//              GGUF file, and beside it small ones (OllamaLayers); or the manifest's "config", an
//              object that may have a "renderer"
//   LM Studio  <folder>/<publisher>/<model>/<file>.gguf
//
// What lies there may have been written by anyone.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::hub {

/// What an Ollama model has beside its GGUF file: paths, empty where there is none.
struct OllamaLayers {
  std::string chat_template;        ///< in Go's language
  std::string system;               ///< the text of a system message
  std::string parameters;           ///< JSON: stop, temperature, ...
  std::vector<std::string> others;  ///< kinds that change answers and that nothing here uses
  /// No path: the name of the code inside Ollama that writes the chat in place of the template.
  std::string renderer = {};
};

struct StoredModel {
  std::string name;  ///< as it is opened: "ollama:llama3.2:1b", "lms:publisher/model/file.gguf"
  std::string path;  ///< of the GGUF file
  uint64_t bytes = 0;
  std::string sha256;  ///< where the store knows it, else empty
  OllamaLayers layers = {};
};

inline constexpr std::string_view kOllamaScheme = "ollama:";
inline constexpr std::string_view kLmStudioScheme = "lms:";

/// By name. A folder that is not there holds none; manifests that cannot be understood, or whose
/// file is missing, are passed over.
std::vector<StoredModel> OllamaModels(const std::string& folder);
/// By name. Projectors of images are no models.
std::vector<StoredModel> LmStudioModels(const std::string& folder);

/// The model of this name among `models`: its whole name, or one of which it is the beginning, up
/// to a ':' or '/' ("ollama:llama3.2" is ":latest" where there is one).
/// @return kNotFound; kInvalidArgument where several are meant, with their names
Result<StoredModel> FindStored(const std::vector<StoredModel>& models, std::string_view name);

}  // namespace altteul::hub

// SPDX-License-Identifier: Apache-2.0

#include "hub/other_stores.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include <nlohmann/json.hpp>

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMostManifestBytes = uint64_t{1} << 20;
constexpr size_t kMostFiles = 100'000;  // of a store that are looked at
constexpr int kLmStudioDepth = 2;       // of folders above a file
constexpr std::string_view kLayerType = "application/vnd.ollama.image.";
constexpr std::string_view kUsualHost = "registry.ollama.ai";
constexpr std::string_view kUsualOwner = "library";
constexpr std::string_view kUsualTag = "latest";
constexpr size_t kSha256Digits = 64;

bool IsSha256(std::string_view text) {
  return text.size() == kSha256Digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Printable ASCII without a blank: names of both stores.
bool IsPlain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; });
}

/// Regular files below `folder`, by path; links to folders are not followed.
std::vector<fs::path> FilesBelow(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) files.push_back(it->path());
    if (files.size() >= kMostFiles) break;
  }
  std::ranges::sort(files);
  return files;
}

struct Layer {
  std::string kind;  // "model", "template", ...
  std::string sha256;
};

/// A small JSON object; null for anything else.
json ReadObject(const fs::path& path) {
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error);
  if (error || bytes > kMostManifestBytes) return nullptr;
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  json parsed = json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : json();
}

std::string TextIn(const json& object, const char* key) {
  const json value = object.is_object() ? object.value(key, json()) : json();
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// Of a layer or the like: the SHA-256 of its "digest"; empty where that is none.
std::string Sha256In(const json& object) {
  constexpr std::string_view kPrefix = "sha256:";
  const std::string digest = TextIn(object, "digest");
  const std::string sha256 = digest.starts_with(kPrefix) ? digest.substr(kPrefix.size()) : "";
  return IsSha256(sha256) ? sha256 : "";
}

/// The layers of a manifest whose digests are well-formed; none for what is no manifest.
std::vector<Layer> LayersOf(const json& manifest) {
  if (!manifest.is_object() || !manifest.contains("layers")) return {};
  std::vector<Layer> layers;
  for (const json& layer : manifest["layers"]) {
    const std::string type = TextIn(layer, "mediaType"), sha256 = Sha256In(layer);
    if (!type.starts_with(kLayerType) || sha256.empty()) continue;
    layers.push_back({type.substr(kLayerType.size()), sha256});
  }
  return layers;
}

std::string BlobPath(const std::string& folder, const std::string& sha256) {
  return folder + "/blobs/sha256-" + sha256;
}

/// What the configuration beside a manifest names as its renderer; mostly nothing.
std::string RendererOf(const json& manifest, const std::string& folder) {
  if (!manifest.is_object()) return "";
  const std::string sha256 = Sha256In(manifest.value("config", json()));
  return sha256.empty() ? "" : TextIn(ReadObject(BlobPath(folder, sha256)), "renderer");
}

/// The model of these layers, without its name; nothing where its file is not there.
std::optional<StoredModel> ModelOf(const std::vector<Layer>& layers, const std::string& folder) {
  StoredModel model;
  for (const Layer& layer : layers) {
    const std::string path = BlobPath(folder, layer.sha256);
    if (layer.kind == "model" && model.path.empty()) {
      model.path = path;
      model.sha256 = layer.sha256;
    } else if (layer.kind == "template" || layer.kind == "prompt") {  // the latter until 2024
      model.layers.chat_template = path;
    } else if (layer.kind == "system") {
      model.layers.system = path;
    } else if (layer.kind == "params") {
      model.layers.parameters = path;
    } else if (layer.kind == "adapter" || layer.kind == "messages") {
      model.layers.others.push_back(layer.kind);
    }
  }
  if (model.path.empty()) return std::nullopt;
  std::error_code error;
  model.bytes = fs::file_size(model.path, error);
  return error ? std::nullopt : std::optional(std::move(model));
}

/// "registry.ollama.ai/library/llama3.2/1b" -> "llama3.2:1b", as Ollama itself calls it.
std::optional<std::string> OllamaName(const fs::path& relative) {
  const std::vector<std::string> parts(relative.begin(), relative.end());
  if (parts.size() != 4 || !std::ranges::all_of(parts, IsPlain)) return std::nullopt;
  std::string name;
  if (parts[0] != kUsualHost)
    name = parts[0] + "/" + parts[1] + "/";
  else if (parts[1] != kUsualOwner)
    name = parts[1] + "/";
  return name + parts[2] + ":" + parts[3];
}

}  // namespace

std::vector<StoredModel> OllamaModels(const std::string& folder) {
  std::vector<StoredModel> models;
  const fs::path manifests = fs::path(folder) / "manifests";
  for (const fs::path& path : FilesBelow(manifests)) {
    const auto name = OllamaName(path.lexically_relative(manifests));
    const json manifest = ReadObject(path);
    auto model = ModelOf(LayersOf(manifest), folder);
    if (!name || !model) continue;
    model->name = std::string(kOllamaScheme) + *name;
    model->layers.renderer = RendererOf(manifest, folder);
    models.push_back(std::move(*model));
  }
  std::ranges::sort(models, {}, &StoredModel::name);
  return models;
}

std::vector<StoredModel> LmStudioModels(const std::string& folder) {
  std::vector<StoredModel> models;
  for (const fs::path& file : FilesBelow(folder)) {
    const fs::path relative = file.lexically_relative(folder);
    const bool is_model = file.extension() == ".gguf" &&
                          !file.filename().string().starts_with("mmproj") &&
                          std::distance(relative.begin(), relative.end()) == kLmStudioDepth + 1;
    if (!is_model || !IsPlain(relative.string())) continue;
    std::error_code ignored;
    models.push_back({.name = std::string(kLmStudioScheme) + relative.string(),
                      .path = file.string(),
                      .bytes = fs::file_size(file, ignored),
                      .sha256 = {},
                      .layers = {}});
  }
  return models;
}

Result<StoredModel> FindStored(const std::vector<StoredModel>& models, std::string_view name) {
  std::vector<const StoredModel*> meant;
  for (const StoredModel& model : models) {
    if (model.name == name || model.name == std::string(name) + ":" + std::string(kUsualTag)) {
      return model;
    }
    const bool begins = model.name.starts_with(name) && model.name.size() > name.size();
    if (begins && (model.name[name.size()] == ':' || model.name[name.size()] == '/')) {
      meant.push_back(&model);
    }
  }
  if (meant.size() == 1) return *meant.front();
  std::string names;
  for (const StoredModel* model : meant) names += (names.empty() ? "" : ", ") + model->name;
  if (meant.empty()) {
    return Status(ErrorCode::kNotFound, std::string(name) + ": is not in that store");
  }
  return Status(ErrorCode::kInvalidArgument, std::string(name) + " may be any of these: " + names);
}

}  // namespace altteul::hub

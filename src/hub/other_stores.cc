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
constexpr std::string_view kModelLayer = "application/vnd.ollama.image.model";
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

/// The SHA-256 of the model's layer; nothing for what is no manifest of a model.
std::optional<std::string> ModelDigest(const fs::path& manifest) {
  std::error_code error;
  const uint64_t bytes = fs::file_size(manifest, error);
  if (error || bytes > kMostManifestBytes) return std::nullopt;
  std::ifstream file(manifest, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("layers")) return std::nullopt;
  for (const json& layer : parsed["layers"]) {
    if (!layer.is_object() || !layer.contains("mediaType") || !layer.contains("digest")) continue;
    if (layer["mediaType"] != kModelLayer || !layer["digest"].is_string()) continue;
    const auto digest = layer["digest"].get<std::string>();
    constexpr std::string_view kPrefix = "sha256:";
    if (!digest.starts_with(kPrefix) ||
        !IsSha256(std::string_view(digest).substr(kPrefix.size()))) {
      return std::nullopt;
    }
    return digest.substr(kPrefix.size());
  }
  return std::nullopt;
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
  for (const fs::path& manifest : FilesBelow(manifests)) {
    const auto name = OllamaName(manifest.lexically_relative(manifests));
    const auto digest = ModelDigest(manifest);
    if (!name || !digest) continue;
    const std::string path = folder + "/blobs/sha256-" + *digest;
    std::error_code error;
    const uint64_t bytes = fs::file_size(path, error);
    if (error) continue;
    models.push_back({.name = std::string(kOllamaScheme) + *name,
                      .path = path,
                      .bytes = bytes,
                      .sha256 = *digest});
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
                      .sha256 = {}});
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

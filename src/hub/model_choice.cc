// SPDX-License-Identifier: Apache-2.0

#include "hub/model_choice.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>

#include "base/ascii.h"

namespace altteul::hub {
namespace {

constexpr std::string_view kGguf = ".gguf";
constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::string_view kUsualType = "Q4_K_M";
constexpr size_t kMostShown = 30;  // choices in a message

// What belongs to a model in safetensors, beside its weights.
constexpr std::array<std::string_view, 13> kFolderFiles = {
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "processor_config.json",
    "vocab.json",
    "merges.txt",
};

std::string_view FileName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

/// "a-00002-of-00003.gguf" -> "a.gguf", other names as they are. Parts of one model are alike.
std::string WithoutPart(std::string_view name) {
  constexpr std::string_view kShape = "-00001-of-00003";
  if (!name.ends_with(kGguf)) return std::string(name);
  const std::string_view stem = name.substr(0, name.size() - kGguf.size());
  if (stem.size() <= kShape.size()) return std::string(name);
  const std::string_view part = stem.substr(stem.size() - kShape.size());
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = std::isdigit(static_cast<unsigned char>(part[i])) != 0;
    const bool is_digit_there = std::isdigit(static_cast<unsigned char>(kShape[i])) != 0;
    if (is_digit != is_digit_there || (!is_digit && part[i] != kShape[i])) return std::string(name);
  }
  return std::string(stem.substr(0, stem.size() - kShape.size())) + std::string(kGguf);
}

/// Letters, then a digit: all types of GGUF are called so, and their endings (K_M, NL) are not.
bool LooksLikeType(std::string_view text) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto end = std::ranges::find_if_not(text, is_letter);
  return end != text.begin() && end != text.end() &&
         std::isdigit(static_cast<unsigned char>(*end)) != 0;
}

/// Whether a file's name says that it is of the type: behind a sign, at its end.
bool CarriesType(std::string_view name, std::string_view type) {
  if (!LooksLikeType(type)) return false;
  const std::string stem = Lower(name.substr(0, name.size() - kGguf.size()));
  const std::string wanted = Lower(type);
  if (!stem.ends_with(wanted) || stem.size() == wanted.size()) return false;
  const char before = stem[stem.size() - wanted.size() - 1];
  return before == '-' || before == '.' || before == '_' || before == '/';
}

/// GGUF models by name; a split one is one. Projectors of images are no models.
std::map<std::string, std::vector<IndexedFile>> GgufModels(const ModelIndex& index) {
  std::map<std::string, std::vector<IndexedFile>> models;
  for (const IndexedFile& file : index.files) {
    if (!file.name.ends_with(kGguf) || FileName(file.name).starts_with("mmproj")) continue;
    models[WithoutPart(file.name)].push_back(file);
  }
  for (auto& model : models) std::ranges::sort(model.second, {}, &IndexedFile::name);
  return models;
}

ModelFiles FilesOf(const std::vector<IndexedFile>& gguf) {
  return {.files = gguf, .first = gguf.front().name};
}

std::optional<ModelFiles> SafetensorsModel(const ModelIndex& index) {
  ModelFiles model;
  bool has_weights = false;
  for (const IndexedFile& file : index.files) {
    const bool is_weights =
        file.name.ends_with(kSafetensors) && file.name.find('/') == std::string::npos;
    has_weights |= is_weights;
    if (is_weights || std::ranges::find(kFolderFiles, file.name) != kFolderFiles.end()) {
      model.files.push_back(file);
    }
  }
  if (!has_weights || index.Find("config.json") == nullptr) return std::nullopt;
  return model;
}

Status NotFound(const std::string& what,
                const std::map<std::string, std::vector<IndexedFile>>& models) {
  std::string choices;
  size_t shown = 0;
  for (const auto& model : models) {
    if (++shown > kMostShown) break;
    choices += (choices.empty() ? "" : ", ") + model.first;
  }
  if (shown > kMostShown)
    choices += ", and " + std::to_string(models.size() - kMostShown) + " more";
  return Status(ErrorCode::kNotFound, what + (choices.empty() ? "; the repository has no GGUF file"
                                                              : "; there are " + choices));
}

}  // namespace

Result<HubReference> ParseHubReference(std::string_view text) {
  HubReference reference;
  const size_t colon = text.find(':');
  if (colon != text.npos) {
    reference.what = text.substr(colon + 1);
    ALT_RETURN_IF_ERROR(CheckFileName(reference.what));
    text = text.substr(0, colon);
  }
  const size_t at = text.find('@');
  if (at != text.npos) {
    reference.revision = text.substr(at + 1);
    ALT_RETURN_IF_ERROR(CheckRevision(reference.revision));
    text = text.substr(0, at);
  }
  ALT_ASSIGN_OR_RETURN(reference.repository, ParseRepository(text));
  return reference;
}

uint64_t ModelFiles::bytes() const {
  uint64_t sum = 0;
  for (const IndexedFile& file : files) sum += file.bytes;
  return sum;
}

Result<ModelFiles> ChooseFiles(const ModelIndex& index, std::string_view what) {
  const auto models = GgufModels(index);
  if (what.empty()) {
    if (auto folder = SafetensorsModel(index)) return *std::move(folder);
    if (models.size() == 1) return FilesOf(models.begin()->second);
  }
  const std::string_view type = what.empty() ? kUsualType : what;
  if (const IndexedFile* file = index.Find(what)) {
    const auto whole = models.find(WithoutPart(what));
    if (whole != models.end()) return FilesOf(whole->second);
    return ModelFiles{.files = {*file}, .first = file->name};
  }
  std::vector<const std::vector<IndexedFile>*> found;
  for (const auto& model : models) {
    if (CarriesType(model.first, type)) found.push_back(&model.second);
  }
  if (found.size() == 1) return FilesOf(*found.front());
  if (found.size() > 1) {
    return NotFound("more than one file is of type " + std::string(type), models);
  }
  if (what.empty()) return NotFound("it is not clear which file is meant", models);
  return NotFound("there is no file and no type " + std::string(what), models);
}

}  // namespace altteul::hub

// SPDX-License-Identifier: Apache-2.0

#include "tools/hub_environment.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <initializer_list>

#include "base/ascii.h"
#include "hub/http_client.h"

namespace altteul::tools {
namespace {

constexpr size_t kMostTokenBytes = 4096;
constexpr const char* kOllamaOfService = "/usr/share/ollama/.ollama/models";

/// The first of these variables that is set and not empty.
std::string FirstOf(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = environment(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

bool IsTrue(std::string value) {
  for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

/// "~" and "~/..." as the home folder; a relative path stays one.
std::string Expanded(const std::string& path, const std::string& home) {
  const bool is_home = path == "~" || path.starts_with("~/");
  return is_home && !home.empty() ? home + path.substr(1) : path;
}

std::string TokenIn(const std::string& path) {
  std::ifstream file(path);
  std::string token(kMostTokenBytes, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  return std::string(Trim(token, kWhiteSpace));
}

}  // namespace

Result<hub::HubPlace> HubPlaceOf(const Environment& environment) {
  const auto get = [&](std::initializer_list<const char*> names) {
    return FirstOf(environment, names);
  };
  const std::string home = get({"HOME"});
  std::string hf_home = get({"HF_HOME"});
  if (hf_home.empty()) {
    const std::string caches = get({"XDG_CACHE_HOME"});
    if (!caches.empty()) hf_home = caches + "/huggingface";
    if (caches.empty() && !home.empty()) hf_home = home + "/.cache/huggingface";
  }
  hf_home = Expanded(hf_home, home);
  std::string folder = Expanded(get({"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}), home);
  if (folder.empty() && !hf_home.empty()) folder = hf_home + "/hub";
  if (folder.empty()) {
    return Status(ErrorCode::kInvalidArgument,
                  "no folder to keep models in: neither HF_HUB_CACHE, HF_HOME nor HOME is set");
  }
  hub::HubPlace place{.key = {}, .cache = hub::HfCache(std::move(folder))};
  if (std::string endpoint = get({"HF_ENDPOINT"}); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    place.endpoint = std::move(endpoint);
  }
  place.key = get({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"});
  if (place.key.empty()) {
    const std::string path = get({"HF_TOKEN_PATH"});
    place.key = TokenIn(path.empty() ? hf_home + "/token" : Expanded(path, home));
  }
  place.is_offline = IsTrue(get({"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}));
  ALT_RETURN_IF_ERROR(hub::CheckRequest({.url = place.endpoint, .key = place.key}));
  return place;
}

Result<hub::HubPlace> HubPlaceFromEnvironment() {
  return HubPlaceOf([](const char* name) -> const char* { return std::getenv(name); });
}

hub::FetchJournal JournalFromEnvironment() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::string folder = state != nullptr && *state == '/'
                                 ? std::string(state)
                                 : std::string(home == nullptr ? "" : home) + "/.local/state";
  return hub::FetchJournal(folder + "/altteul/fetched.jsonl");
}

std::vector<hub::StoredModel> OtherModelsOf(const Environment& environment) {
  const std::string home = FirstOf(environment, {"HOME"});
  std::vector<std::string> ollama = {kOllamaOfService};
  if (!home.empty()) ollama.insert(ollama.begin(), home + "/.ollama/models");
  const std::string named = FirstOf(environment, {"OLLAMA_MODELS"});
  if (!named.empty()) ollama = {Expanded(named, home)};
  std::vector<hub::StoredModel> models;
  for (const std::string& folder : ollama) {
    const auto found = hub::OllamaModels(folder);
    models.insert(models.end(), found.begin(), found.end());
  }
  if (home.empty()) return models;
  const auto found = hub::LmStudioModels(home + "/.lmstudio/models");
  models.insert(models.end(), found.begin(), found.end());
  return models;
}

std::vector<hub::StoredModel> OtherModelsFromEnvironment() {
  return OtherModelsOf([](const char* name) -> const char* { return std::getenv(name); });
}

Result<std::string> CachedModelPath(const std::string& model) {
  if (model.starts_with(hub::kOllamaScheme) || model.starts_with(hub::kLmStudioScheme)) {
    ALT_ASSIGN_OR_RETURN(const hub::StoredModel stored,
                         hub::FindStored(OtherModelsFromEnvironment(), model));
    return stored.path;
  }
  if (!model.starts_with(kHubScheme)) return model;
  ALT_ASSIGN_OR_RETURN(hub::HubPlace place, HubPlaceFromEnvironment());
  ALT_ASSIGN_OR_RETURN(const hub::HubReference reference,
                       hub::ParseHubReference(model.substr(kHubScheme.size())));
  place.is_offline = true;
  const auto index = hub::AskIndex(place, reference, {});
  if (!index.ok()) {
    return Status(ErrorCode::kNotFound, model + ": is not in " + place.cache.folder());
  }
  ALT_ASSIGN_OR_RETURN(const hub::ModelFiles files,
                       hub::ChooseFiles(index.value(), reference.what));
  return place.PathOf(reference.repository, index.value().commit, files.first);
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// What the environment says of model hubs, in the words of huggingface_hub.
//
//   HF_ENDPOINT                where to ask; https://huggingface.co
//   HF_TOKEN, or the file HF_TOKEN_PATH or $HF_HOME/token
//   HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub,
//   ~/.cache/huggingface/hub   the first that is set: where models are kept
//   HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE  1, on, yes or true: nothing is asked over the network
// Proxies (http_proxy, https_proxy, no_proxy) are libcurl's matter.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hub/fetch_journal.h"
#include "hub/fetch_model.h"
#include "hub/other_stores.h"

namespace altteul::tools {

/// @return null where it is not set
using Environment = std::function<const char*(const char* name)>;

/// @return kInvalidArgument for an endpoint that is no URL, or without any folder to keep models in
Result<hub::HubPlace> HubPlaceOf(const Environment& environment);

/// Of this process.
Result<hub::HubPlace> HubPlaceFromEnvironment();

/// Where what we fetched is noted: $XDG_STATE_HOME/altteul/fetched.jsonl, or ~/.local/state.
hub::FetchJournal JournalFromEnvironment();

/// Models in Ollama's store ($OLLAMA_MODELS, ~/.ollama/models, that of its service) and LM Studio's
/// (~/.lmstudio/models), by name.
std::vector<hub::StoredModel> OtherModelsOf(const Environment& environment);
std::vector<hub::StoredModel> OtherModelsFromEnvironment();

inline constexpr std::string_view kHubScheme = "hf:";

/// A model as it is given to a verb -> the path to open: "hf:..." is what the cache has of it,
/// "ollama:..." and "lms:..." what those programs have, all else is a path already. Nothing is
/// fetched.
/// @return kNotFound, kInvalidArgument
Result<std::string> CachedModelPath(const std::string& model);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// A model of a hub that is not here yet: what it would take, and getting it. `pull` does it, and
// every verb that is given "hf:..." offers it.

#pragma once

#include <string>

#include "base/status.h"
#include "hub/fetch_model.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

/// One model, as a hub has it and as the cache lacks it.
struct ModelPull {
  std::string name;  ///< as the user wrote it
  hub::HubPlace place;
  hub::HubReference reference;
  hub::ModelIndex index;
  hub::ModelFiles files;  ///< described
  hub::Missing missing;

  /// Size, commit, licence and what is to be fetched, on standard error.
  void Announce() const;

  /// Fetches what is missing, notes it as ours, and says on standard error before the first byte
  /// of weights whether the model will run here.
  /// @return as hub::FetchModel()
  Result<hub::FetchedModel> Fetch(const hub::FetchOptions& options) const;

  /// Whether it will run here, on standard error; never a reason not to fetch, because it may be
  /// meant for another machine. Nothing where an earlier call said it.
  /// @return what was fetched for it; kRefused when the hub does not give this user the files
  Result<hub::FileHeads> SayWhetherItFits(const hub::HttpOptions& http) const;
};

/// Asks the hub. @param name  for messages
/// @return as hub::AskIndex(), hub::ChooseFiles(), hub::DescribeFiles()
Result<ModelPull> AskHub(const std::string& name, const hub::HubPlace& place,
                         const hub::HubReference& reference, const hub::HttpOptions& http);

struct PullSettings {
  int connections = 4;
  int retries = 8;              ///< tries in a row in which nothing comes
  double stall_timeout_s = 30;  ///< without a byte
};
/// With this program's progress, warnings and interrupts.
hub::FetchOptions FetchOptionsOf(const PullSettings& settings);

/// Notes what was fetched, so that rm knows it as ours; a failure is a warning.
void NoteFetched(const hub::HubPlace& place, const hub::Repository& repository,
                 const std::vector<std::string>& blobs);

/// The option --pull of verbs that open models.
void AddPullFlag(CLI::App& app, bool* may_pull);

/// CachedModelPath(), and for a model of a hub that is not there: asks whether to fetch it, on a
/// terminal, with its bytes; and says how to get it anywhere else.
/// @param may_pull  it is fetched without asking
/// @return kNotFound also when the answer was no, or when the environment forbids to ask a hub;
///         otherwise as CachedModelPath(), AskHub(), ModelPull::Fetch()
Result<std::string> ModelPath(const std::string& model, bool may_pull);

}  // namespace altteul::tools

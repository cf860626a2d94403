// SPDX-License-Identifier: Apache-2.0

// A model in a folder of its own, to be carried into a network without a hub: its files, what they
// must be, and nothing else.
//
//   <folder>/<file>...             as in the repository
//   <folder>/altteul-bundle.json   repository, commit, licence, and of each file bytes and hash
//   <folder>/SHA256SUMS            the same for sha256sum(1), which needs no program of ours
//
// A bundle may have been written by anyone; what its files are is known only once they are
// verified.

#pragma once

#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"
#include "hub/fetch_file.h"
#include "hub/fetch_model.h"

namespace altteul::hub {

struct Bundle {
  HubReference reference;  ///< `what` is empty
  ModelIndex index;        ///< its files are those of the bundle
  std::string first;       ///< ModelFiles::first
};

inline constexpr std::string_view kBundleFile = "altteul-bundle.json";

/// Whether a folder says that it is one.
bool IsBundle(const std::string& folder);

/// Fetches, or takes from the cache, what the folder lacks, and writes what makes it a bundle last.
/// What is there already is verified. Files of other names stay.
/// @return as FetchModel(); kIoError
Result<FetchedModel> MakeBundle(const HubPlace& place, const HubReference& reference,
                                const ModelIndex& index, const ModelFiles& model,
                                const FetchOptions& options, const std::string& folder);

/// @return kNotFound, kCorruptFile for a description that is none
Result<Bundle> ReadBundle(const std::string& folder);

/// Reads every file once.
/// @return kNotFound for a file that is missing, kCorruptFile with both hashes, kCancelled
Status VerifyBundle(const std::string& folder, const Bundle& bundle, const ProgressSink& progress);

/// Copies the files into the cache, each verified there before it has its name, so that they are
/// opened as if they had been fetched.
/// @return as VerifyBundle(), and kIoError
Result<FetchedModel> InstallBundle(const HubPlace& place, const std::string& folder,
                                   const Bundle& bundle, const FetchOptions& options);

}  // namespace altteul::hub

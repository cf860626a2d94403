// SPDX-License-Identifier: Apache-2.0

// Models of a hub: what it has, and getting it into the cache.

#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "hub/fetch_file.h"
#include "hub/hf_cache.h"
#include "hub/model_choice.h"
#include "hub/model_index.h"

namespace altteul::hub {

/// Where models come from and where they are kept.
struct HubPlace {
  std::string endpoint = "https://huggingface.co";  ///< without a slash at its end
  std::string key;                                  ///< of the user; empty: none
  bool is_offline = false;                          ///< the cache alone is asked
  HfCache cache;

  /// What of a model in the cache is opened.
  /// @param first  ModelFiles::first
  Result<std::string> PathOf(const Repository& repository, const std::string& commit,
                             const std::string& first) const;
};

/// Of a reference's revision; offline, what the cache has of it.
/// @return kNotFound, kRefused (a closed repository, a key that is not taken), kNetwork, kCancelled
Result<ModelIndex> AskIndex(const HubPlace& place, const HubReference& reference,
                            const HttpOptions& http);

/// Asks the hub for sizes and hashes that its index has not, file by file. A file that is in the
/// cache already is taken as it is there.
/// @return as AskFacts(), as ExplainRefusal() says it
Status DescribeFiles(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
                     const HttpOptions& http, ModelFiles* model);

/// What the user can do about a file or an index that is not given to him (kRefused): accept the
/// terms, set HF_TOKEN. Anything else as it is.
/// @param is_gated  ModelIndex::is_gated
Status ExplainRefusal(const Status& status, const HubPlace& place, const HubReference& reference,
                      bool is_gated);

/// The name under which a file's bytes come into the cache: its hash, or without one a name made of
/// what it is, so that the next call goes on where this one ended.
std::string BlobNameOf(const HubReference& reference, const ModelIndex& index,
                       const IndexedFile& file);

/// What is missing of a model.
struct Missing {
  uint64_t bytes = 0;
  size_t n_files = 0;
};
Missing MissingOf(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
                  const ModelFiles& model);

struct FetchedModel {
  std::string path;                ///< of what is opened: the first file, or the folder
  uint64_t received_bytes = 0;     ///< of files' contents
  std::vector<std::string> blobs;  ///< hashes of what was fetched, and was not there before
};

/// Whether the disk of the cache has room for so many bytes.
/// @return kDoesNotFit with both numbers
Status CheckRoom(const HubPlace& place, uint64_t bytes);

/// First bytes of files, by name.
using FileHeads = std::map<std::string, std::string>;

/// Fetches what is missing; each file is whole and verified before it has its name. Of files
/// without a hash the bytes are counted, which is said to the log, and the cache names them by
/// their SHA-256.
/// @param heads  what was received of files already
/// @return kDoesNotFit when the disk has less room than is missing; otherwise as FetchFile()
Result<FetchedModel> FetchModel(const HubPlace& place, const HubReference& reference,
                                const ModelIndex& index, const ModelFiles& model,
                                const FetchOptions& options, const FileHeads& heads = {});

}  // namespace altteul::hub

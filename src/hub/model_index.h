// SPDX-License-Identifier: Apache-2.0

// What a hub says of a repository: its commit, its files with sizes and hashes, its licence.
// (GET <endpoint>/api/models/<id>/revision/<revision>?blobs=true, huggingface.co/docs/hub/api)

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/repository.h"

namespace altteul::hub {

struct IndexedFile {
  std::string name;  ///< CheckFileName()
  uint64_t bytes = 0;
  /// IsBlobHash(): SHA-256 of the content, or of small files git's SHA-1 of a blob. Empty where
  /// nobody says it: then the number of bytes is all that can be checked.
  std::string hash;
  /// The index has a size and a hash of it. Proxies have names only: DescribeFiles() asks further.
  bool is_described = true;
  /// The hash is of an ETag: 40 digits may also be SHA-1 of the bytes alone.
  bool is_hash_of_etag = false;
};

struct ModelIndex {
  std::string commit;              ///< IsCommit()
  std::vector<IndexedFile> files;  ///< in the hub's order
  std::string license = {};        ///< as the model's card names it; empty: not said
  bool is_gated = false;           ///< its owner wants terms to be accepted first

  const IndexedFile* Find(std::string_view name) const;
};

/// The URL of the answer below.
std::string IndexUrl(std::string_view endpoint, const Repository& repository,
                     std::string_view revision);

/// The URL of a file's content.
std::string FileUrl(std::string_view endpoint, const Repository& repository,
                    std::string_view commit, std::string_view file);

/// @param answer  a server's words; hostile
/// @param url     named in errors
/// @return kNetwork when it is no such answer, or names files that could not be kept
Result<ModelIndex> ParseModelIndex(std::string_view answer, const std::string& url);

}  // namespace altteul::hub

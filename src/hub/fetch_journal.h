// SPDX-License-Identifier: Apache-2.0

// Which blobs of which cache we fetched, so that `rm` removes what is ours and nothing of others.
// One line of JSON a blob; a line that cannot be read says nothing.

#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/repository.h"

namespace altteul::hub {

class FetchJournal {
 public:
  /// @param path  of the file; neither it nor its folder need exist
  explicit FetchJournal(std::string path) : path_(std::move(path)) {}

  /// In one write, so that two programs may add at once.
  /// @param folder  of the cache
  /// @return kIoError
  Status Add(const std::string& folder, const Repository& repository,
             const std::vector<std::string>& hashes) const;

  /// The hashes that were added for a repository of this cache.
  std::set<std::string, std::less<>> Of(const std::string& folder,
                                        const Repository& repository) const;

 private:
  std::string path_;
};

}  // namespace altteul::hub

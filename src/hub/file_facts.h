// SPDX-License-Identifier: Apache-2.0

// What a server says of one file in the head of its answer: for hubs whose list of files has names
// only, as the proxies of companies keep it, and for files of other servers.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "hub/http_client.h"

namespace altteul::hub {

struct FileFacts {
  std::optional<uint64_t> bytes;
  /// IsBlobHash(): of X-Linked-ETag, of X-Checksum-Sha256, or of an ETag that has the form of one;
  /// empty: none of them is there.
  std::string hash;
};

/// A hub's first answer, which leads to a store of another host, counts before the store's own.
FileFacts FactsIn(const HttpHead& head);

/// Asks for the head of a file, and where that is not answered (some stores sign their links for
/// GET alone) for its first byte.
/// @return kNotFound (404, 410), kRefused (401, 403), kNetwork, also for a server that does not say
///         how large the file is; kCancelled
Result<FileFacts> AskFacts(HttpClient& client, const std::string& url, const std::string& key);

}  // namespace altteul::hub

// SPDX-License-Identifier: Apache-2.0

// A model file that is named by its URL.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hub/http_client.h"
#include "hub/model_choice.h"

namespace altteul::hub {

/// What a hub's own pages and links name: "<endpoint>/owner/name", ".../tree/REVISION",
/// ".../blob/REVISION/FILE" and ".../resolve/REVISION/FILE". Nothing for other URLs.
std::optional<HubReference> ReferenceOfUrl(std::string_view endpoint, std::string_view url);

struct UrlFile {
  std::string name;              ///< CheckFileName(): the last part of the URL's path
  uint64_t bytes = 0;            ///< as the server says
  std::string hash;              ///< IsBlobHash(), of the user or else of the server's ETag
  bool is_hash_of_etag = false;  ///< as IndexedFile::is_hash_of_etag
};

/// Asks for the head of the file.
/// @param sha256  what it must have; empty: only a server that names the hash will do
/// @return kInvalidArgument for a URL without a file's name or a sha256 that is none; kRefused
///         where nothing says what the file must be; kNotFound, kNetwork, kCancelled
Result<UrlFile> AskUrl(const std::string& url, const std::string& sha256, const std::string& key,
                       const HttpOptions& http);

}  // namespace altteul::hub

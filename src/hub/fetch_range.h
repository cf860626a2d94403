// SPDX-License-Identifier: Apache-2.0

// Some bytes of a file on a server: for headers, where the rest is not wanted.

#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "hub/http_client.h"

namespace altteul::hub {

/// @param client  whose HttpOptions::most_bytes is at least range.count
/// @param total   the file's size, as the hub said
/// @return exactly the bytes asked for; kNotFound (404, 410), kRefused (401, 403), kNetwork, also
///         for a server that sends other bytes or knows no ranges; kCancelled
Result<std::string> FetchRange(HttpClient& client, const std::string& url, const std::string& key,
                               const ByteRange& range, uint64_t total);

}  // namespace altteul::hub

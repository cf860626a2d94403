// SPDX-License-Identifier: Apache-2.0

// A file of known size and mostly known hash from a server onto the disk: whole and verified, or
// not at all.
//
// It is fetched in pieces over several connections. Each byte that came is in `<path>.part` at once
// and counted in `<path>.pieces`, so that a connection that breaks, a process that is killed or a
// machine that stops loses next to nothing; the file has its name only after its hash was checked.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"
#include "hub/http_client.h"

namespace altteul::hub {

struct FileToFetch {
  std::string url;
  std::string path;  ///< where it shall be; nobody else fetches to it (FileLock)
  uint64_t bytes = 0;
  std::string hash;  ///< IsBlobHash(); empty: nobody says it, and bytes alone are counted
  bool is_hash_of_etag = false;  ///< as IndexedFile::is_hash_of_etag
  /// The first bytes, which were received already; as the others they prove themselves by the hash.
  std::string_view head = {};
};

struct FetchOptions {
  HttpOptions http;  ///< retries count tries in a row that brought no byte
  std::string key;   ///< as HttpRequest::key
  int connections = 4;
  uint64_t least_piece_bytes = uint64_t{8} << 20;
  ProgressSink progress;  ///< bytes that are there of all; may be empty
  LogSink log;            ///< of what is tried again from the beginning; may be empty
};

struct Fetched {
  uint64_t received_bytes = 0;  ///< of bodies, in this call
  uint64_t kept_bytes = 0;      ///< that were there already when it began
};

/// @return kNetwork; kNotFound (404, 410) and kRefused (401, 403) by the server; kCorruptFile when
///         what came has another hash, twice; kIoError, also for a full disk, with the bytes that
///         are missing; kCancelled. What was received stays for the next call.
Result<Fetched> FetchFile(const FileToFetch& file, const FetchOptions& options);

/// Whether an unfinished fetch to `path` left something.
bool IsBegun(const std::string& path);

/// Removes what an unfinished fetch to `path` left.
void ForgetFetched(const std::string& path);

}  // namespace altteul::hub

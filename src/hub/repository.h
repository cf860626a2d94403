// SPDX-License-Identifier: Apache-2.0

// Names of a model hub: repositories, revisions and the files in them.
//
// They come from command lines and from servers and become parts of URLs and of paths, so nothing
// is taken that means more than a name in either: no "..", no absolute path, no control character.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace altteul::hub {

inline constexpr const char* kMainRevision = "main";

/// A repository of models, "owner/name" or, for the oldest ones, "name".
struct Repository {
  std::string id;

  bool operator==(const Repository&) const = default;
};

/// @return kInvalidArgument with what is wrong: the hub's own rules (letters, digits, '.', '_' and
///         '-', at most 96 bytes a part, no "--" or "..", neither '.' nor '-' at an end)
Result<Repository> ParseRepository(std::string_view id);

/// A branch, a tag, "refs/pr/N", or a commit.
/// @return kInvalidArgument for one that cannot be part of a path
Status CheckRevision(std::string_view revision);

/// Whether a revision is a commit: 40 hexadecimal digits.
bool IsCommit(std::string_view revision);

/// A file's path inside a repository: parts separated by '/'.
/// @return kInvalidArgument for an absolute path, empty parts, "." or "..", a backslash, control
///         characters, or a part of more than 255 bytes
Status CheckFileName(std::string_view name);

/// The hash that a hub names a file's content by: 40 (git) or 64 (SHA-256) hexadecimal digits.
bool IsBlobHash(std::string_view hash);

/// `name` as a part of a URL's path: all but letters, digits and "-._~/" as %41.
std::string UrlEncoded(std::string_view name);

}  // namespace altteul::hub

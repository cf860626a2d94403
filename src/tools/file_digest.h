// SPDX-License-Identifier: Apache-2.0

// SHA-256 of the files that something was made from, so that a report can be checked years later.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "model/checkpoint.h"

namespace altteul::tools {

struct FileDigest {
  std::string name;  ///< without its folder
  std::string sha256;
};

/// @return kNotFound, kIoError, kCancelled
Result<FileDigest> DigestFile(const std::string& path);

/// All files that the model is: one, the parts of a split one, or what a folder's readers read.
Result<std::vector<FileDigest>> DigestModel(const model::Checkpoint& source);

/// One number for all: the file's own where there is one, else that of the lines that sha256sum
/// prints, "SUM  NAME\n".
std::string JoinDigests(const std::vector<FileDigest>& files);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/file_digest.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/sha256.h"
#include "formats/gguf.h"
#include "tools/interrupt.h"

namespace altteul::tools {
namespace {

namespace fs = std::filesystem;

/// "-00001-of-00003.gguf": this many characters, and all parts of a model share the others.
constexpr size_t kPartSuffix = 20;

/// The parts of a split file, of which `path` is one.
std::vector<std::string> PartsOf(const std::string& path, size_t n_parts) {
  std::vector<std::string> parts;
  for (size_t i = 1; i <= n_parts; ++i) {
    std::array<char, 64> suffix{};
    std::snprintf(suffix.data(), suffix.size(), "-%05zu-of-%05zu.gguf", i, n_parts);
    parts.push_back(path.substr(0, path.size() - std::min(path.size(), kPartSuffix)) +
                    suffix.data());
  }
  return parts;
}

Result<std::vector<std::string>> FilesIn(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".safetensors" && ending != ".json" && ending != ".jinja") continue;
    if (entry.is_regular_file(error)) files.push_back(entry.path().string());
  }
  if (error) return Status(ErrorCode::kIoError, folder + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<FileDigest> DigestFile(const std::string& path) {
  const auto failed = [&path] {
    return Status(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError,
                  path + ": cannot read: " + std::strerror(errno));
  };
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  if (file == nullptr) return failed();
  Sha256 hash;
  std::vector<std::byte> piece(size_t{1} << 20);
  while (const size_t n = std::fread(piece.data(), 1, piece.size(), file.get())) {
    hash.Add(std::span(piece).first(n));
    if (Interrupted()) return Status(ErrorCode::kCancelled, path + ": reading was interrupted");
  }
  if (std::ferror(file.get()) != 0) return failed();
  return FileDigest{.name = fs::path(path).filename().string(), .sha256 = hash.Hex()};
}

Result<std::vector<FileDigest>> DigestModel(const model::Checkpoint& source) {
  std::vector<std::string> paths = {source.path()};
  if (source.gguf() == nullptr) {
    ALT_ASSIGN_OR_RETURN(paths, FilesIn(source.path()));
  } else if (source.gguf()->n_parts() > 1) {
    paths = PartsOf(source.path(), source.gguf()->n_parts());
  }
  std::vector<FileDigest> files;
  for (const std::string& path : paths) {
    ALT_ASSIGN_OR_RETURN(FileDigest file, DigestFile(path));
    files.push_back(std::move(file));
  }
  return files;
}

std::string JoinDigests(const std::vector<FileDigest>& files) {
  if (files.size() == 1) return files.front().sha256;
  Sha256 hash;
  for (const FileDigest& file : files) hash.Add(file.sha256 + "  " + file.name + "\n");
  return hash.Hex();
}

}  // namespace altteul::tools

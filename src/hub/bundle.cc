// SPDX-License-Identifier: Apache-2.0

#include "hub/bundle.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "hub/blob_hash.h"

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr uint64_t kMostDescription = uint64_t{16} << 20;
constexpr const char* kSums = "/SHA256SUMS";
constexpr const char* kLock = "/.altteul.lock";
constexpr size_t kSha1Digits = 40;
const std::string kAnySha256(64, '0');

Status IoError(const std::string& path, const char* verb, const std::error_code& error) {
  return Status(ErrorCode::kIoError, path + ": cannot " + verb + ": " + error.message());
}

/// Whole or not at all.
Status WriteText(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  std::error_code error = file ? std::error_code() : std::make_error_code(std::errc::io_error);
  if (!error) fs::rename(beside, path, error);
  if (!error) return Status();
  std::error_code ignored;
  fs::remove(beside, ignored);
  return IoError(path, "write", error);
}

/// @return kNotFound; kCorruptFile with both sizes or both hashes
Status Verify(const std::string& path, const IndexedFile& file, const ProgressSink& progress) {
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error);
  if (error) return Status(ErrorCode::kNotFound, path + ": is missing");
  if (bytes != file.bytes) {
    return Status(ErrorCode::kCorruptFile, path + ": has " + std::to_string(bytes) +
                                               " bytes instead of " + std::to_string(file.bytes));
  }
  if (file.hash.empty()) return Status();
  ALT_ASSIGN_OR_RETURN(std::string hash, HashOfFile(path, file.hash, progress));
  if (hash == file.hash) return Status();
  if (file.is_hash_of_etag && hash.size() == kSha1Digits) {
    ALT_ASSIGN_OR_RETURN(hash, PlainSha1OfFile(path, progress));
    if (hash == file.hash) return Status();
  }
  return Status(ErrorCode::kCorruptFile,
                path + ": has the hash " + hash + " instead of " + file.hash);
}

/// A verified copy that appears whole or not at all.
Status CopyVerified(const std::string& from, const std::string& to, const IndexedFile& file,
                    const ProgressSink& progress) {
  const std::string beside = to + ".copy-" + std::to_string(getpid());
  std::error_code error;
  fs::create_directories(fs::path(to).parent_path(), error);
  fs::copy_file(from, beside, fs::copy_options::overwrite_existing, error);
  Status done = error ? IoError(to, "copy", error) : Verify(beside, file, progress);
  if (done.ok()) {
    fs::rename(beside, to, error);
    if (error) done = IoError(to, "rename", error);
  }
  std::error_code ignored;
  if (!done.ok()) fs::remove(beside, ignored);
  return done;
}

std::string DescriptionOf(const HubReference& reference, const ModelIndex& index,
                          const ModelFiles& model) {
  nlohmann::ordered_json out = {{"version", kVersion},
                                {"repository", reference.repository.id},
                                {"revision", reference.revision},
                                {"commit", index.commit},
                                {"license", index.license},
                                {"first", model.first}};
  for (const IndexedFile& file : model.files) {
    out["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"hash", file.hash}});
  }
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// Whether a file is at `path`, there already or from the cache now.
bool IsAtHand(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
              const IndexedFile& file, const std::string& path, const FetchOptions& options) {
  // A file of the right size that is there already may be any without a hash.
  if (!file.hash.empty() && Verify(path, file, options.progress).ok()) return true;
  const auto cached = place.cache.Find(reference.repository, index.commit, file.name);
  return cached.ok() && CopyVerified(cached.value(), path, file, options.progress).ok();
}

}  // namespace

bool IsBundle(const std::string& folder) {
  std::error_code error;
  return fs::is_regular_file(folder + "/" + std::string(kBundleFile), error);
}

Result<FetchedModel> MakeBundle(const HubPlace& place, const HubReference& reference,
                                const ModelIndex& index, const ModelFiles& model,
                                const FetchOptions& options, const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError(folder, "make this folder", error);
  ALT_ASSIGN_OR_RETURN(const FileLock lock, FileLock::Take(folder + kLock, options.http.go_on));
  // While it changes it is none.
  fs::remove(folder + "/" + std::string(kBundleFile), error);
  FetchedModel result;
  std::string sums;
  ModelFiles described = model;
  size_t n_without_hash = 0;
  for (IndexedFile& file : described.files) {
    const std::string path = folder + "/" + file.name;
    if (!IsAtHand(place, reference, index, file, path, options)) {
      fs::create_directories(fs::path(path).parent_path(), error);
      FetchOptions one = options;
      one.key = place.key;
      const auto fetched =
          FetchFile({.url = FileUrl(place.endpoint, reference.repository, index.commit, file.name),
                     .path = path,
                     .bytes = file.bytes,
                     .hash = file.hash,
                     .is_hash_of_etag = file.is_hash_of_etag},
                    one);
      if (!fetched.ok()) {
        return ExplainRefusal(fetched.status(), place, reference, index.is_gated);
      }
      result.received_bytes += fetched.value().received_bytes;
      n_without_hash += file.hash.empty() ? 1 : 0;
    }
    std::string sha256 = file.hash;
    if (sha256.size() != kAnySha256.size()) {
      ALT_ASSIGN_OR_RETURN(sha256, HashOfFile(path, kAnySha256, options.progress));
    }
    sums += sha256 + "  " + file.name + "\n";
    // Whoever takes the bundle can check what we could not.
    if (file.hash.empty() || file.is_hash_of_etag) file.hash = sha256;
  }
  if (n_without_hash != 0 && options.log) {
    options.log(LogLevel::kWarning, std::to_string(n_without_hash) + " of the files came from " +
                                        place.endpoint +
                                        " without a hash, so only their bytes were counted");
  }
  ALT_RETURN_IF_ERROR(WriteText(folder + kSums, sums));
  ALT_RETURN_IF_ERROR(WriteText(folder + "/" + std::string(kBundleFile),
                                DescriptionOf(reference, index, described)));
  fs::remove(folder + kLock, error);
  result.path = model.first.empty() ? folder : folder + "/" + model.first;
  return result;
}

Result<Bundle> ReadBundle(const std::string& folder) {
  const std::string path = folder + "/" + std::string(kBundleFile);
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error);
  if (error) return Status(ErrorCode::kNotFound, path + ": is not there");
  const auto corrupt = [&path](const std::string& what) {
    return Status(ErrorCode::kCorruptFile, path + ": " + what);
  };
  if (bytes > kMostDescription) return corrupt("has " + std::to_string(bytes) + " bytes");
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return corrupt("is no JSON object");
  Bundle bundle;
  try {  // the library throws for fields that are missing or of another type
    if (parsed.at("version").get<int>() != kVersion) return corrupt("is of another version");
    ALT_ASSIGN_OR_RETURN(bundle.reference.repository,
                         ParseRepository(parsed.at("repository").get<std::string>()));
    bundle.reference.revision = parsed.at("revision").get<std::string>();
    ALT_RETURN_IF_ERROR(CheckRevision(bundle.reference.revision));
    bundle.index.commit = parsed.at("commit").get<std::string>();
    bundle.index.license = parsed.at("license").get<std::string>();
    bundle.first = parsed.at("first").get<std::string>();
    for (const json& row : parsed.at("files")) {
      bundle.index.files.push_back({.name = row.at("name").get<std::string>(),
                                    .bytes = row.at("bytes").get<uint64_t>(),
                                    .hash = row.at("hash").get<std::string>()});
      const IndexedFile& last = bundle.index.files.back();
      ALT_RETURN_IF_ERROR(CheckFileName(last.name));
      if (!IsBlobHash(last.hash)) return corrupt("'" + last.hash + "' is no hash");
    }
  } catch (const json::exception& exception) {
    return corrupt(exception.what());
  }
  if (!IsCommit(bundle.index.commit)) return corrupt("names no commit");
  const bool has_first = bundle.first.empty() || bundle.index.Find(bundle.first) != nullptr;
  if (bundle.index.files.empty() || !has_first) return corrupt("names no model");
  return bundle;
}

Status VerifyBundle(const std::string& folder, const Bundle& bundle, const ProgressSink& progress) {
  for (const IndexedFile& file : bundle.index.files) {
    ALT_RETURN_IF_ERROR(Verify(folder + "/" + file.name, file, progress));
  }
  return Status();
}

Result<FetchedModel> InstallBundle(const HubPlace& place, const std::string& folder,
                                   const Bundle& bundle, const FetchOptions& options) {
  const Repository& repository = bundle.reference.repository;
  FetchedModel result;
  for (const IndexedFile& file : bundle.index.files) {
    if (place.cache.Find(repository, bundle.index.commit, file.name).ok()) continue;
    ALT_ASSIGN_OR_RETURN(const FileLock lock,
                         place.cache.LockBlob(repository, file.hash, options.http.go_on));
    const std::string blob = place.cache.BlobPath(repository, file.hash);
    std::error_code error;
    if (!fs::exists(blob, error)) {
      ALT_RETURN_IF_ERROR(CopyVerified(folder + "/" + file.name, blob, file, options.progress));
      result.blobs.push_back(file.hash);
    }
    ALT_RETURN_IF_ERROR(place.cache.Link(repository, bundle.index.commit, file.name, file.hash));
  }
  ALT_RETURN_IF_ERROR(
      place.cache.SetCommit(repository, bundle.reference.revision, bundle.index.commit));
  ALT_ASSIGN_OR_RETURN(result.path, place.PathOf(repository, bundle.index.commit, bundle.first));
  return result;
}

}  // namespace altteul::hub

// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_model.h"

#include <sys/statvfs.h>

#include <filesystem>
#include <memory>
#include <set>

#include "base/human_units.h"
#include "hub/blob_hash.h"
#include "hub/file_facts.h"

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGatedCode = "GatedRepo";
const std::string kAnySha256(64, '0');

std::string NameOf(const HubReference& reference) {
  const bool is_main = reference.revision == kMainRevision;
  return reference.repository.id + (is_main ? "" : "@" + reference.revision);
}

/// What the cache has of a commit, in the form of a hub's answer.
Result<ModelIndex> IndexOfCache(const HubPlace& place, const HubReference& reference) {
  const auto commit = place.cache.CommitOf(reference.repository, reference.revision);
  ModelIndex index;
  if (commit) {
    index.commit = *commit;
    for (HfCache::File& file : place.cache.Files(reference.repository)) {
      if (file.commit != *commit) continue;
      index.files.push_back(
          {.name = std::move(file.name), .bytes = file.bytes, .hash = std::move(file.blob)});
    }
  }
  if (!index.files.empty()) return index;
  return Status(ErrorCode::kNotFound, NameOf(reference) + ": is not in " + place.cache.folder() +
                                          ", and nothing is asked for over the network");
}

/// A blob that is there, of the right size.
bool HasBlob(const HubPlace& place, const HubReference& reference, const IndexedFile& file) {
  if (file.hash.empty()) return false;
  std::error_code error;
  const uint64_t bytes =
      fs::file_size(place.cache.BlobPath(reference.repository, file.hash), error);
  return !error && bytes == file.bytes;
}

bool IsThere(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
             const IndexedFile& file) {
  return place.cache.Find(reference.repository, index.commit, file.name).ok();
}

/// Gives a file that came without a hash its name in the cache.
/// @return its SHA-256
Result<std::string> NameByContent(const HubPlace& place, const Repository& repository,
                                  const std::string& path) {
  ALT_ASSIGN_OR_RETURN(std::string hash, HashOfFile(path, kAnySha256, {}));
  std::error_code error;
  fs::rename(path, place.cache.BlobPath(repository, hash), error);
  if (!error) return hash;
  return Status(ErrorCode::kIoError, path + ": cannot name: " + error.message());
}

std::string UncheckedText(const HubPlace& place, const std::vector<std::string>& names) {
  const std::string others =
      names.size() == 1 ? "" : " and " + std::to_string(names.size() - 1) + " more";
  return names.front() + others + ": " + place.endpoint +
         " names no hash, so of what came only the number of bytes was checked";
}

}  // namespace

Result<std::string> HubPlace::PathOf(const Repository& repository, const std::string& commit,
                                     const std::string& first) const {
  if (!first.empty()) return cache.Find(repository, commit, first);
  return cache.RepositoryFolder(repository) + "/snapshots/" + commit;
}

Result<ModelIndex> AskIndex(const HubPlace& place, const HubReference& reference,
                            const HttpOptions& http) {
  if (place.is_offline) return IndexOfCache(place, reference);
  const std::string url = IndexUrl(place.endpoint, reference.repository, reference.revision);
  ALT_ASSIGN_OR_RETURN(const auto client, HttpClient::Create(http));
  ALT_ASSIGN_OR_RETURN(const HttpResponse response, client->Get({.url = url, .key = place.key}));
  if (response.status == 200) return ParseModelIndex(response.body, url);
  const std::string answer = url + ": HTTP status " + std::to_string(response.status);
  if (response.status == 401 || response.status == 403) {
    const auto code = response.headers.find("x-error-code");
    const bool is_gated = code != response.headers.end() && code->second == kGatedCode;
    return ExplainRefusal(Status(ErrorCode::kRefused, answer), place, reference, is_gated);
  }
  if (response.status == 404) {
    // A hub does not tell strangers whether a closed repository exists.
    const std::string key = place.key.empty()
                                ? "; if it is a closed one, a token is needed (HF_TOKEN)"
                                : "; the token may not see it";
    return Status(ErrorCode::kNotFound, answer + ": there is no " + NameOf(reference) + key);
  }
  return Status(ErrorCode::kNetwork, answer);
}

Status ExplainRefusal(const Status& status, const HubPlace& place, const HubReference& reference,
                      bool is_gated) {
  if (status.code() != ErrorCode::kRefused) return status;
  const std::string page = place.endpoint + "/" + reference.repository.id;
  const std::string token = place.endpoint + "/settings/tokens";
  std::string what = status.message() + ": " + NameOf(reference);
  what += is_gated
              ? " is gated: its owner gives it to accounts that have accepted its licence. Open "
              : " is not given to everybody. If it is gated, open ";
  what += page + " with your account and accept the licence there; then ";
  what +=
      place.key.empty()
          ? "set the variable HF_TOKEN to a token of that account (" + token + ")"
          : "see that the token that is set (HF_TOKEN, or the file of hf auth login) is of that "
            "account and may read gated repositories (" +
                token + ")";
  return Status(ErrorCode::kRefused, what);
}

Status DescribeFiles(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
                     const HttpOptions& http, ModelFiles* model) {
  std::unique_ptr<HttpClient> client;
  for (IndexedFile& file : model->files) {
    if (file.is_described) continue;
    const auto cached = place.cache.Find(reference.repository, index.commit, file.name);
    std::error_code error;
    const uint64_t cached_bytes = cached.ok() ? fs::file_size(cached.value(), error) : 0;
    if (cached.ok() && !error) {
      file.bytes = cached_bytes;
      file.is_described = true;
      continue;
    }
    if (client == nullptr) {
      ALT_ASSIGN_OR_RETURN(client, HttpClient::Create(http));
    }
    const std::string url = FileUrl(place.endpoint, reference.repository, index.commit, file.name);
    const auto facts = AskFacts(*client, url, place.key);
    if (!facts.ok()) {
      return ExplainRefusal(facts.status(), place, reference, index.is_gated);
    }
    file.bytes = *facts.value().bytes;
    if (file.hash.empty()) {
      file.hash = facts.value().hash;
      file.is_hash_of_etag = true;
    }
    file.is_described = true;
  }
  return Status();
}

std::string BlobNameOf(const HubReference& reference, const ModelIndex& index,
                       const IndexedFile& file) {
  if (!file.hash.empty()) return file.hash;
  Sha256 name;
  name.Add(reference.repository.id + "\n" + index.commit + "\n" + file.name + "\n" +
           std::to_string(file.bytes));
  return name.Hex();
}

Status CheckRoom(const HubPlace& place, uint64_t bytes) {
  // Of the first folder that there is.
  fs::path folder = place.cache.folder();
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  struct statvfs disk = {};
  if (statvfs(folder.c_str(), &disk) != 0) return Status();
  const uint64_t free_bytes = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (bytes <= free_bytes) return Status();
  return Status(ErrorCode::kDoesNotFit, place.cache.folder() + ": " + FormatCount(bytes) +
                                            " bytes are to be fetched, and " +
                                            FormatCount(free_bytes) + " are free");
}

Missing MissingOf(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
                  const ModelFiles& model) {
  Missing missing;
  std::set<std::string> counted;  // the same content may have two names
  for (const IndexedFile& file : model.files) {
    if (IsThere(place, reference, index, file) || HasBlob(place, reference, file)) continue;
    if (!counted.insert(BlobNameOf(reference, index, file)).second) continue;
    missing.bytes += file.bytes;
    ++missing.n_files;
  }
  return missing;
}

namespace {

/// What is fetched, from where.
struct Source {
  const HubPlace& place;
  const HubReference& reference;
  const ModelIndex& index;
};

struct FetchedBlob {
  std::string hash;  ///< that it is named by in the end
  uint64_t received_bytes = 0;
};

/// A file's content, into the blob of that name, or of its hash where the hub told none.
/// @param options  as FetchModel() was given them, with this file's progress
Result<FetchedBlob> FetchBlob(const Source& source, const IndexedFile& file,
                              const std::string& name, FetchOptions options,
                              const FileHeads& heads) {
  const Repository& repository = source.reference.repository;
  options.key = source.place.key;
  const auto head = heads.find(file.name);
  const FileToFetch blob{
      .url = FileUrl(source.place.endpoint, repository, source.index.commit, file.name),
      .path = source.place.cache.BlobPath(repository, name),
      .bytes = file.bytes,
      .hash = file.hash,
      .is_hash_of_etag = file.is_hash_of_etag,
      .head = head == heads.end() ? std::string_view() : std::string_view(head->second)};
  const auto fetched = FetchFile(blob, options);
  if (!fetched.ok()) {
    return ExplainRefusal(fetched.status(), source.place, source.reference, source.index.is_gated);
  }
  FetchedBlob result{.hash = file.hash, .received_bytes = fetched.value().received_bytes};
  if (result.hash.empty()) {
    ALT_ASSIGN_OR_RETURN(result.hash, NameByContent(source.place, repository, blob.path));
  }
  return result;
}

}  // namespace

Result<FetchedModel> FetchModel(const HubPlace& place, const HubReference& reference,
                                const ModelIndex& index, const ModelFiles& model,
                                const FetchOptions& options, const FileHeads& heads) {
  const Repository& repository = reference.repository;
  const uint64_t total = MissingOf(place, reference, index, model).bytes;
  ALT_RETURN_IF_ERROR(CheckRoom(place, total));
  FetchedModel result;
  uint64_t before = 0;  // of files that were fetched
  std::vector<std::string> without_hash;
  for (const IndexedFile& file : model.files) {
    if (IsThere(place, reference, index, file)) continue;
    const std::string name = BlobNameOf(reference, index, file);
    ALT_ASSIGN_OR_RETURN(const FileLock lock,
                         place.cache.LockBlob(repository, name, options.http.go_on));
    // It may have come while another had the lock.
    if (IsThere(place, reference, index, file)) continue;
    std::string hash = file.hash;
    if (!HasBlob(place, reference, file)) {
      FetchOptions one = options;
      const auto tell = [&](uint64_t done, uint64_t) {
        return options.progress(before + done, total);
      };
      if (options.progress) one.progress = tell;
      ALT_ASSIGN_OR_RETURN(const FetchedBlob fetched,
                           FetchBlob({place, reference, index}, file, name, one, heads));
      if (hash.empty()) without_hash.push_back(file.name);
      hash = fetched.hash;
      result.received_bytes += fetched.received_bytes;
      result.blobs.push_back(hash);
      before += file.bytes;
    }
    ALT_RETURN_IF_ERROR(place.cache.Link(repository, index.commit, file.name, hash));
  }
  if (!without_hash.empty() && options.log) {
    options.log(LogLevel::kWarning, UncheckedText(place, without_hash));
  }
  // A cache that can only be read is as good where nothing was missing.
  const Status kept = place.cache.SetCommit(repository, reference.revision, index.commit);
  if (total > 0) ALT_RETURN_IF_ERROR(kept);
  ALT_ASSIGN_OR_RETURN(result.path, place.PathOf(repository, index.commit, model.first));
  return result;
}

}  // namespace altteul::hub

#include "hub/fetch_model.h"

#include <sys/statvfs.h>

#include <filesystem>
#include <set>

#include "base/human_units.h"

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;

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
  std::error_code error;
  const uint64_t bytes =
      fs::file_size(place.cache.BlobPath(reference.repository, file.hash), error);
  return !error && bytes == file.bytes;
}

bool IsThere(const HubPlace& place, const HubReference& reference, const ModelIndex& index,
             const IndexedFile& file) {
  return place.cache.Find(reference.repository, index.commit, file.name).ok();
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
  // A hub does not tell strangers whether a closed repository exists.
  const std::string key = place.key.empty()
                              ? "; if it is a closed one, a token is needed (HF_TOKEN)"
                              : "; the token may not see it";
  const std::string answer = url + ": HTTP status " + std::to_string(response.status);
  if (response.status == 401 || response.status == 403) {
    return Status(ErrorCode::kRefused, answer + ": " + NameOf(reference) + " is not shown" + key);
  }
  if (response.status == 404) {
    return Status(ErrorCode::kNotFound, answer + ": there is no " + NameOf(reference) + key);
  }
  return Status(ErrorCode::kNetwork, answer);
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
    if (!counted.insert(file.hash).second) continue;
    missing.bytes += file.bytes;
    ++missing.n_files;
  }
  return missing;
}

Result<FetchedModel> FetchModel(const HubPlace& place, const HubReference& reference,
                                const ModelIndex& index, const ModelFiles& model,
                                const FetchOptions& options, const FileHeads& heads) {
  const Repository& repository = reference.repository;
  const uint64_t total = MissingOf(place, reference, index, model).bytes;
  ALT_RETURN_IF_ERROR(CheckRoom(place, total));
  FetchedModel result;
  uint64_t before = 0;  // of files that were fetched
  for (const IndexedFile& file : model.files) {
    if (IsThere(place, reference, index, file)) continue;
    ALT_ASSIGN_OR_RETURN(const FileLock lock,
                         place.cache.LockBlob(repository, file.hash, options.http.go_on));
    // It may have come while another had the lock.
    if (!HasBlob(place, reference, file)) {
      FetchOptions one = options;
      one.key = place.key;
      if (options.progress) {
        one.progress = [&](uint64_t done, uint64_t) {
          return options.progress(before + done, total);
        };
      }
      const FileToFetch blob{.url = FileUrl(place.endpoint, repository, index.commit, file.name),
                             .path = place.cache.BlobPath(repository, file.hash),
                             .bytes = file.bytes,
                             .hash = file.hash,
                             .head = heads.contains(file.name)
                                         ? std::string_view(heads.at(file.name))
                                         : std::string_view()};
      ALT_ASSIGN_OR_RETURN(const Fetched fetched, FetchFile(blob, one));
      result.received_bytes += fetched.received_bytes;
      result.blobs.push_back(file.hash);
      before += file.bytes;
    }
    ALT_RETURN_IF_ERROR(place.cache.Link(repository, index.commit, file.name, file.hash));
  }
  // A cache that can only be read is as good where nothing was missing.
  const Status kept = place.cache.SetCommit(repository, reference.revision, index.commit);
  if (total > 0) ALT_RETURN_IF_ERROR(kept);
  ALT_ASSIGN_OR_RETURN(result.path, place.PathOf(repository, index.commit, model.first));
  return result;
}

}  // namespace altteul::hub

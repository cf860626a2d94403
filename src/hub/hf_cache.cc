// SPDX-License-Identifier: Apache-2.0

#include "hub/hf_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModels = "models--";
constexpr std::chrono::milliseconds kLockPause{100};  // between two tries
// As a cache says that backups may pass it over (bford.info/cachedir).
constexpr const char* kCacheTag = "CACHEDIR.TAG";
constexpr const char* kCacheTagText =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks the folder as a cache of models.\n";

Status Failed(const std::string& path, const char* verb, int error) {
  return Status(ErrorCode::kIoError, path + ": cannot " + verb + ": " + std::strerror(error));
}

Status MakeFolders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? Failed(path, "make this folder", error.value()) : Status();
}

std::string FolderOf(const std::string& path) { return fs::path(path).parent_path().string(); }

/// A name that no other thread of any process uses at this time.
std::string Beside(const std::string& path) {
  return path + "." + std::to_string(gettid()) + ".tmp";
}

/// A few bytes, whole or not at all.
Status WriteSmall(const std::string& path, std::string_view text) {
  const std::string beside = Beside(path);
  const int file = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return Failed(beside, "write", errno);
  errno = ENOSPC;  // what fewer bytes than were given mean
  const bool is_written = write(file, text.data(), text.size()) == std::ssize(text) &&
                          fsync(file) == 0 && rename(beside.c_str(), path.c_str()) == 0;
  Status failed = is_written ? Status() : Failed(path, "write", errno);
  close(file);
  if (!is_written) unlink(beside.c_str());
  return failed;
}

std::string ReadSmall(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(64, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

/// Whether `path`, all links followed, is inside `folder`.
bool IsInside(const fs::path& folder, const fs::path& path) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

/// Empty folders in `folder`, and then itself.
void RemoveEmptyFolders(const fs::path& folder) {
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    if (it->is_directory() && !it->is_symlink()) RemoveEmptyFolders(it->path());
  }
  rmdir(folder.c_str());
}

}  // namespace

Result<FileLock> FileLock::Take(const std::string& path, const std::function<bool()>& go_on) {
  ALT_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  // Writable for the group, so that those who share a cache wait for each other.
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0664);
  if (descriptor < 0) return Failed(path, "lock", errno);
  FileLock lock(descriptor);
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) break;  // a file system without locks
    if (go_on && !go_on()) {
      return Status(ErrorCode::kCancelled, path + ": waiting for the lock was interrupted");
    }
    std::this_thread::sleep_for(kLockPause);
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);  // which unlocks it
}

std::string HfCache::RepositoryFolder(const Repository& repository) const {
  std::string name(kModels);
  for (const char c : repository.id) name += c == '/' ? "--" : std::string(1, c);
  return folder_ + "/" + name;
}

std::string HfCache::BlobPath(const Repository& repository, std::string_view hash) const {
  ALT_CHECK(IsBlobHash(hash));
  return RepositoryFolder(repository) + "/blobs/" + std::string(hash);
}

std::optional<std::string> HfCache::CommitOf(const Repository& repository,
                                             std::string_view revision) const {
  ALT_CHECK(CheckRevision(revision).ok());
  if (IsCommit(revision)) return std::string(revision);
  std::string commit = ReadSmall(RepositoryFolder(repository) + "/refs/" + std::string(revision));
  if (!IsCommit(commit)) return std::nullopt;
  return commit;
}

Result<std::string> HfCache::Find(const Repository& repository, std::string_view commit,
                                  std::string_view file) const {
  ALT_CHECK(IsCommit(commit) && CheckFileName(file).ok());
  const std::string path =
      RepositoryFolder(repository) + "/snapshots/" + std::string(commit) + "/" + std::string(file);
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) {
    const bool is_missing = error.value() == ENOENT || error.value() == ENOTDIR;
    if (!is_missing) return Failed(path, "open", error.value());
    return Status(ErrorCode::kNotFound, path + ": is not there");
  }
  if (!IsInside(fs::canonical(folder_, error), real)) {
    return Status(ErrorCode::kRefused, path + ": leads out of the cache, to " + real.string());
  }
  if (!fs::is_regular_file(real, error)) {
    return Status(ErrorCode::kNotFound, path + ": is no file");
  }
  return path;
}

Result<FileLock> HfCache::LockBlob(const Repository& repository, std::string_view hash,
                                   const std::function<bool()>& go_on) const {
  ALT_CHECK(IsBlobHash(hash));
  const std::string name = fs::path(RepositoryFolder(repository)).filename().string();
  ALT_ASSIGN_OR_RETURN(
      FileLock lock,
      FileLock::Take(folder_ + "/.locks/" + name + "/" + std::string(hash) + ".lock", go_on));
  const std::string tag = folder_ + "/" + kCacheTag;
  std::error_code ignored;
  if (!fs::exists(tag, ignored)) ALT_RETURN_IF_ERROR(WriteSmall(tag, kCacheTagText));
  ALT_RETURN_IF_ERROR(MakeFolders(RepositoryFolder(repository) + "/blobs"));
  return lock;
}

Status HfCache::SetCommit(const Repository& repository, std::string_view revision,
                          std::string_view commit) const {
  ALT_CHECK(CheckRevision(revision).ok() && IsCommit(commit));
  if (revision == commit) return Status();
  const std::string path = RepositoryFolder(repository) + "/refs/" + std::string(revision);
  if (ReadSmall(path) == commit) return Status();  // nothing to write where all is read-only
  ALT_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  return WriteSmall(path, commit);
}

Status HfCache::Link(const Repository& repository, std::string_view commit, std::string_view file,
                     std::string_view hash) const {
  ALT_CHECK(IsCommit(commit) && CheckFileName(file).ok() && IsBlobHash(hash));
  const std::string path =
      RepositoryFolder(repository) + "/snapshots/" + std::string(commit) + "/" + std::string(file);
  std::error_code ignored;
  if (fs::exists(path, ignored)) return Status();
  ALT_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  std::string target = "../../";
  for (const char c : file) {
    if (c == '/') target += "../";
  }
  target += "blobs/" + std::string(hash);
  const std::string beside = Beside(path);
  unlink(beside.c_str());
  if (symlink(target.c_str(), beside.c_str()) != 0) {
    // A file system without links: the snapshot has the content itself, as huggingface_hub does it.
    fs::copy_file(BlobPath(repository, hash), beside, fs::copy_options::overwrite_existing,
                  ignored);
    if (ignored) return Failed(path, "copy", ignored.value());
  }
  // Over a link that led nowhere, too.
  if (rename(beside.c_str(), path.c_str()) == 0) return Status();
  Status failed = Failed(path, "link", errno);
  unlink(beside.c_str());
  return failed;
}

Status HfCache::Remove(const Repository& repository, std::string_view commit, std::string_view file,
                       const std::function<bool()>& go_on) const {
  ALT_ASSIGN_OR_RETURN(const std::string path, Find(repository, commit, file));
  std::error_code ignored;
  const std::string hash = fs::read_symlink(path, ignored).filename().string();
  std::optional<FileLock> lock;
  if (IsBlobHash(hash)) {
    ALT_ASSIGN_OR_RETURN(lock, LockBlob(repository, hash, go_on));
  }
  if (unlink(path.c_str()) != 0) return Failed(path, "remove", errno);
  const std::vector<File> left = Files(repository);
  if (lock && std::ranges::find(left, hash, &File::blob) == left.end()) {
    const std::string blob = BlobPath(repository, hash);
    if (unlink(blob.c_str()) != 0) return Failed(blob, "remove", errno);
  }
  const fs::path folder = RepositoryFolder(repository);
  RemoveEmptyFolders(folder / "snapshots");
  if (std::ranges::find(left, commit, &File::commit) == left.end()) {
    for (fs::recursive_directory_iterator it(folder / "refs", ignored), end; !ignored && it != end;
         it.increment(ignored)) {
      if (it->is_regular_file() && ReadSmall(it->path().string()) == commit) {
        unlink(it->path().c_str());
      }
    }
  }
  if (left.empty()) RemoveEmptyFolders(folder);
  return Status();
}

std::vector<HfCache::File> HfCache::Files(const Repository& repository) const {
  std::vector<File> files;
  const fs::path snapshots = RepositoryFolder(repository) + "/snapshots";
  std::error_code stopped;
  for (fs::recursive_directory_iterator it(snapshots, stopped), end; !stopped && it != end;
       it.increment(stopped)) {
    const std::string relative = it->path().lexically_relative(snapshots).generic_string();
    const size_t slash = relative.find('/');
    if (slash == relative.npos || !IsCommit(relative.substr(0, slash))) continue;
    File file{.commit = relative.substr(0, slash), .name = relative.substr(slash + 1), .blob = {}};
    if (!CheckFileName(file.name).ok()) continue;
    const auto found = Find(repository, file.commit, file.name);
    if (!found.ok()) continue;
    std::error_code ignored;
    const std::string target = fs::read_symlink(found.value(), ignored).filename().string();
    if (IsBlobHash(target)) file.blob = target;
    file.bytes = fs::file_size(found.value(), ignored);
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, [](const File& each) { return std::tie(each.commit, each.name); });
  return files;
}

Result<std::vector<HfCache::Listed>> HfCache::List() const {
  std::vector<Listed> all;
  std::error_code error;
  if (!fs::exists(folder_, error)) return all;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with(kModels)) continue;
    name.erase(0, kModels.size());
    if (const size_t dashes = name.find("--"); dashes != name.npos) name.replace(dashes, 2, "/");
    const auto repository = ParseRepository(name);
    if (!repository.ok()) continue;
    Listed listed{.repository = repository.value(), .files = Files(repository.value()), .bytes = 0};
    std::set<std::string> counted;
    for (const File& file : listed.files) {
      const std::string content = file.blob.empty() ? file.commit + "/" + file.name : file.blob;
      if (counted.insert(content).second) listed.bytes += file.bytes;
    }
    all.push_back(std::move(listed));
  }
  if (error) return Failed(folder_, "read", error.value());
  std::ranges::sort(all, {}, [](const Listed& each) { return each.repository.id; });
  return all;
}

}  // namespace altteul::hub

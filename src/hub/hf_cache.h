// SPDX-License-Identifier: Apache-2.0

// The cache of huggingface_hub, so that both programs find what the other fetched.
//
//   <folder>/models--owner--name/blobs/<hash>               a file's content, by the hub's hash
//                                refs/<revision>            a commit, 40 hexadecimal digits
//                                snapshots/<commit>/<file>  a relative link to a blob
//   <folder>/.locks/models--owner--name/<hash>.lock         flock, while a blob is fetched
// (huggingface.co/docs/hub/local-cache; huggingface_hub 2.4). A cache without links has the files
// themselves in its snapshots, and since 2.4 a blob may be a link into <folder>/blobs.
//
// What lies in a cache may have been written by anyone: nothing is followed out of <folder>.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/repository.h"

namespace altteul::hub {

/// A lock that another program respects; ends with the object.
class FileLock {
 public:
  /// Waits for it. The file stays, as huggingface_hub leaves it.
  /// @param go_on  asked several times a second; may be empty
  /// @return kCancelled, kIoError
  static Result<FileLock> Take(const std::string& path, const std::function<bool()>& go_on);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;  // -1 also where the file system knows no locks
};

class HfCache {
 public:
  /// @param folder  absolute; need not exist
  explicit HfCache(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  std::string RepositoryFolder(const Repository& repository) const;
  /// Where a blob is, or will be. @pre IsBlobHash(hash)
  std::string BlobPath(const Repository& repository, std::string_view hash) const;

  /// The commit that a revision was when it was last asked for; a commit is itself. Nothing where
  /// none is known.
  /// @pre CheckRevision(revision)
  std::optional<std::string> CommitOf(const Repository& repository,
                                      std::string_view revision) const;
  /// A file of a snapshot that is there, as its path in the snapshot.
  /// @pre CheckFileName(file)
  /// @return kNotFound; kRefused when a link leads out of the cache; kIoError
  Result<std::string> Find(const Repository& repository, std::string_view commit,
                           std::string_view file) const;

  // What fetching writes. All of it appears whole or not at all.

  /// @return kIoError, kCancelled
  Result<FileLock> LockBlob(const Repository& repository, std::string_view hash,
                            const std::function<bool()>& go_on) const;
  /// Nothing for a revision that is a commit.
  Status SetCommit(const Repository& repository, std::string_view revision,
                   std::string_view commit) const;
  /// Makes the snapshot's file a link to the blob, which is there. One that exists is left as it
  /// is.
  Status Link(const Repository& repository, std::string_view commit, std::string_view file,
              std::string_view hash) const;

  /// Removes a file from a snapshot, its content when no other snapshot has it, and what is then
  /// empty: the snapshot, its revisions, the repository.
  /// @pre CheckFileName(file)
  /// @return kNotFound, kIoError, kCancelled
  Status Remove(const Repository& repository, std::string_view commit, std::string_view file,
                const std::function<bool()>& go_on) const;

  struct File {
    std::string commit, name;
    std::string blob;  ///< its hash; empty where the snapshot holds the file itself
    uint64_t bytes = 0;
  };
  /// The files of a repository that are whole, by commit and name.
  std::vector<File> Files(const Repository& repository) const;

  struct Listed {
    Repository repository;
    std::vector<File> files;
    uint64_t bytes = 0;  ///< each blob once
  };
  /// All repositories of models and the files that are whole. Folders of other kinds are passed
  /// over.
  /// @return kIoError; a cache that does not exist is empty
  Result<std::vector<Listed>> List() const;

 private:
  std::string folder_;
};

}  // namespace altteul::hub

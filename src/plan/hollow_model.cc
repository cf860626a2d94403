// SPDX-License-Identifier: Apache-2.0

#include "plan/hollow_model.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "formats/atomic_file.h"
#include "formats/gguf_part.h"
#include "formats/gguf_writer.h"
#include "hub/fetch_range.h"
#include "model/model_shape.h"
#include "tensor/buffer.h"

namespace altteul::plan {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;         // of a GGUF header that is asked for
constexpr uint64_t kFirstBytes = uint64_t{64} << 10;        // of safetensors: most headers are less
constexpr uint64_t kMostHeaderBytes = uint64_t{256} << 20;  // Gemma's is 6.5 MB
constexpr uint64_t kMostSmallFile = uint64_t{64} << 20;     // tokenizer.json has up to 35 MB

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// A header that is larger than any.
Status TooLarge(const std::string& name, uint64_t bytes) {
  return Status(ErrorCode::kUnsupported, name + ": its header has more than " +
                                             std::to_string(bytes) + " bytes, more than the " +
                                             std::to_string(kMostHeaderBytes) + " we fetch");
}

class HeaderFetcher {
 public:
  HeaderFetcher(const hub::HubPlace& place, const hub::HubReference& reference,
                const hub::ModelIndex& index, const HollowFolder& folder, hub::HttpClient& client)
      : place_(place), reference_(reference), index_(index), folder_(folder), client_(client) {}

  Status Fetch(const hub::IndexedFile& file) {
    // A cache may have some files of a model, and huggingface_hub fetches configurations first.
    const auto cached = place_.cache.Find(reference_.repository, index_.commit, file.name);
    if (cached.ok()) return LinkTo(cached.value(), file.name);
    if (file.name.ends_with(".gguf")) return FetchGguf(file);
    if (file.name.ends_with(".safetensors")) return FetchSafetensors(file);
    if (file.bytes > kMostSmallFile) return TooLarge(file.name, file.bytes);
    std::string& head = heads_[file.name];
    ALT_RETURN_IF_ERROR(Extend(file, file.bytes, head));
    return folder_.Write(file.name, BytesOf(head), file.bytes);
  }

  hub::FileHeads TakeHeads() { return std::move(heads_); }
  uint64_t fetched_bytes() const { return fetched_bytes_; }

 private:
  Status LinkTo(const std::string& path, const std::string& name) const {
    const fs::path link = folder_.PathOf(name);
    std::error_code error;
    fs::create_directories(link.parent_path(), error);
    fs::create_symlink(fs::absolute(path), link, error);
    if (!error) return Status();
    return Status(ErrorCode::kIoError, link.string() + ": cannot link: " + error.message());
  }

  /// Fetches until `head` has `bytes`, or the file ends.
  Status Extend(const hub::IndexedFile& file, uint64_t bytes, std::string& head) {
    const std::string url =
        hub::FileUrl(place_.endpoint, reference_.repository, index_.commit, file.name);
    bytes = std::min(bytes, file.bytes);
    while (head.size() < bytes) {
      const hub::ByteRange range{head.size(), std::min(kPieceBytes, bytes - head.size())};
      ALT_ASSIGN_OR_RETURN(const std::string piece,
                           hub::FetchRange(client_, url, place_.key, range, file.bytes));
      head += piece;
      fetched_bytes_ += piece.size();
    }
    return Status();
  }

  Status FetchGguf(const hub::IndexedFile& file) {
    std::string& head = heads_[file.name];
    while (true) {
      ALT_RETURN_IF_ERROR(Extend(file, head.size() + kPieceBytes, head));
      ALT_RETURN_IF_ERROR(folder_.Write(file.name, BytesOf(head), file.bytes));
      ALT_ASSIGN_OR_RETURN(const Buffer whole, Buffer::MapFile(folder_.PathOf(file.name)));
      ALT_ASSIGN_OR_RETURN(const auto header_bytes,
                           formats::GgufHeaderBytes(whole.bytes(), head.size(), file.name));
      if (header_bytes || head.size() == file.bytes) return Status();
      if (head.size() >= kMostHeaderBytes) return TooLarge(file.name, head.size());
    }
  }

  Status FetchSafetensors(const hub::IndexedFile& file) {
    std::string& head = heads_[file.name];
    ALT_RETURN_IF_ERROR(Extend(file, kFirstBytes, head));
    uint64_t length = 0;  // u64, little-endian, of the JSON that follows
    if (head.size() >= sizeof(length)) std::memcpy(&length, head.data(), sizeof(length));
    if (length > kMostHeaderBytes) return TooLarge(file.name, length);
    ALT_RETURN_IF_ERROR(Extend(file, sizeof(length) + length, head));
    return folder_.Write(file.name, BytesOf(head), file.bytes);
  }

  const hub::HubPlace& place_;
  const hub::HubReference& reference_;
  const hub::ModelIndex& index_;
  const HollowFolder& folder_;
  hub::HttpClient& client_;
  hub::FileHeads heads_;
  uint64_t fetched_bytes_ = 0;
};

}  // namespace

HollowFolder::HollowFolder(HollowFolder&& other) noexcept { *this = std::move(other); }

HollowFolder& HollowFolder::operator=(HollowFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

HollowFolder::~HollowFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<HollowFolder> HollowFolder::Create() {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  std::string name = (base / "altteul-plan-XXXXXX").string();
  if (error || mkdtemp(name.data()) == nullptr) {
    return Status(ErrorCode::kIoError, name + ": cannot make this folder: " +
                                           (error ? error.message() : std::strerror(errno)));
  }
  HollowFolder folder;
  folder.path_ = std::move(name);
  return folder;
}

Status HollowFolder::Write(std::string_view name, std::span<const std::byte> head,
                           uint64_t file_bytes) const {
  const std::string path = PathOf(name);
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  ALT_ASSIGN_OR_RETURN(auto file, formats::AtomicFile::Create(path));
  ALT_RETURN_IF_ERROR(file.Write(head));
  ALT_RETURN_IF_ERROR(file.Commit());
  fs::resize_file(path, file_bytes, error);
  if (!error) return Status();
  return Status(ErrorCode::kIoError, path + ": cannot make a file of " +
                                         std::to_string(file_bytes) + " bytes: " + error.message());
}

Result<std::unique_ptr<const model::Checkpoint>> OpenShape(const std::string& what) {
  ALT_ASSIGN_OR_RETURN(const model::ShapedModel shaped, model::ParseShapedModel(what));
  formats::GgufWriter writer;
  ALT_RETURN_IF_ERROR(shaped.Declare(what, writer));
  ALT_ASSIGN_OR_RETURN(const auto header, writer.Header());
  ALT_ASSIGN_OR_RETURN(const uint64_t file_bytes, writer.PlannedBytes());
  ALT_ASSIGN_OR_RETURN(const HollowFolder folder, HollowFolder::Create());
  ALT_RETURN_IF_ERROR(folder.Write("model.gguf", header, file_bytes));
  return model::Checkpoint::Open(folder.PathOf("model.gguf"));
}

Result<RemoteModel> OpenRemote(const hub::HubPlace& place, const hub::HubReference& reference,
                               const hub::ModelIndex& index, const hub::ModelFiles& files,
                               const hub::HttpOptions& http) {
  ALT_ASSIGN_OR_RETURN(const HollowFolder folder, HollowFolder::Create());
  hub::HttpOptions options = http;
  options.most_bytes = kPieceBytes;
  ALT_ASSIGN_OR_RETURN(const auto client, hub::HttpClient::Create(options));
  HeaderFetcher fetcher(place, reference, index, folder, *client);
  for (const hub::IndexedFile& file : files.files) ALT_RETURN_IF_ERROR(fetcher.Fetch(file));
  RemoteModel model;
  const std::string path = files.first.empty() ? folder.path() : folder.PathOf(files.first);
  ALT_ASSIGN_OR_RETURN(model.file, model::Checkpoint::Open(path));
  model.fetched_bytes = fetcher.fetched_bytes();
  model.heads = fetcher.TakeHeads();
  return model;
}

}  // namespace altteul::plan

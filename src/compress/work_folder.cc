// SPDX-License-Identifier: Apache-2.0

#include "compress/work_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "base/checksum.h"
#include "base/human_units.h"
#include "formats/atomic_file.h"
#include "formats/json_file.h"

namespace altteul::compress {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kJobFile = "job.json";
constexpr const char* kPieceEnd = ".piece";
constexpr const char* kUnfinishedEnd = ".unfinished";
constexpr const char* kRemovedEnd = ".removed";  // of a folder's name
constexpr int kFormat = 1;
constexpr uint64_t kMagic = 0x3165636569706c61;        // "alpiece1"
constexpr size_t kHeadBytes = 4096;                    // a page, so that tensors begin at one
constexpr size_t kSliceBytes = size_t{4} << 20;        // checked before its pages are given back
constexpr uint64_t kMuchMemory = uint64_t{128} << 20;  // rests on the disk

/// At the beginning of a piece, little-endian.
struct Head {
  uint64_t magic = kMagic;
  uint64_t type = 0;  // DType
  uint64_t n_dims = 0;
  uint64_t dims[Shape::kMaxDims] = {};
  uint64_t size_bytes = 0;  // behind the head
  uint64_t checksum = 0;    // of those bytes
  uint64_t head_checksum = 0;

  uint64_t ChecksumOfHead() const {
    Checksum sum;
    sum.Add(std::as_bytes(std::span(this, 1)).first(offsetof(Head, head_checksum)));
    return sum.value();
  }
};
static_assert(sizeof(Head) <= kHeadBytes);

uint64_t ChecksumOf(const EncodedTensor& piece) {
  Checksum sum;
  const auto bytes = piece.bytes();
  for (size_t at = 0; at < bytes.size(); at += kSliceBytes) {
    const size_t n = std::min(kSliceBytes, bytes.size() - at);
    sum.Add(bytes.subspan(at, n));
    piece.ReleasePages(at, n);
  }
  return sum.value();
}

std::string Hex(uint64_t value) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[value >> shift & 15];
  return text;
}

/// A file's name for any name: letters, digits, '.', '_' and '-' stay, other bytes become %41.
std::string Escaped(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const bool stays = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    text += stays ? std::string(1, c) : "%" + Hex(static_cast<unsigned char>(c)).substr(14);
  }
  return text;
}

Status Failed(const std::string& path, const char* verb, int error) {
  const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError;
  return Status(code, path + ": cannot " + verb + ": " + std::strerror(error));
}

ordered_json AsJson(const Job::Facts& facts) {
  ordered_json json = ordered_json::object();
  for (const auto& fact : facts) json[fact.first] = fact.second;
  return json;
}

/// Each fact that is another, as "the text was A and is B".
std::string Differences(const nlohmann::json& kept, const Job::Facts& facts) {
  std::string text;
  for (const auto& fact : facts) {
    const auto found = kept.find(fact.first);
    const std::string was =
        found != kept.end() && found->is_string() ? found->get<std::string>() : "not said";
    if (was == fact.second) continue;
    text += (text.empty() ? "" : "; ") + ("the " + fact.first + " was ") + was + " and is " +
            fact.second;
  }
  return text;
}

bool EndsWith(const std::string& name, const char* end) {
  return name.size() >= std::strlen(end) && name.ends_with(end);
}

bool IsResult(const std::string& name) {
  return name.starts_with("tensor-") && EndsWith(name, kPieceEnd);
}

bool IsOurs(const std::string& name) {
  return name.starts_with(kJobFile) || name.starts_with("scratch-") || EndsWith(name, kPieceEnd) ||
         EndsWith(name, kUnfinishedEnd);
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

/// Leaves the folder alone where something else is in it.
/// @return whether there is none any more
bool RemoveOurs(const std::string& folder) {
  for (const std::string& name : NamesIn(folder)) {
    if (IsOurs(name)) unlink((folder + "/" + name).c_str());
  }
  return rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

WorkFolder& WorkFolder::operator=(WorkFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  std::swap(log_, other.log_);
  return *this;
}

WorkFolder::~WorkFolder() {
  if (lock_ >= 0) close(lock_);  // which unlocks it
}

Result<WorkFolder> WorkFolder::Lock(const std::string& path) {
  WorkFolder folder;
  folder.path_ = path;
  folder.lock_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder.lock_ < 0) return Failed(path, "open", errno);
  // File systems that know no locks let it pass.
  if (flock(folder.lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Status(ErrorCode::kRefused, path + ": another process works in it");
  }
  return folder;
}

Result<WorkFolder> WorkFolder::Create(const std::string& path, const Job& job, LogSink log) {
  EndRemoval(path);
  if (mkdir(path.c_str(), 0777) != 0) {
    if (errno != EEXIST) return Failed(path, "make this folder", errno);
    return Status(ErrorCode::kInvalidArgument, path + ": is already there");
  }
  ALT_ASSIGN_OR_RETURN(WorkFolder folder, Lock(path));
  folder.log_ = std::move(log);
  ALT_RETURN_IF_ERROR(folder.WriteJob(job));
  return folder;
}

Result<WorkFolder> WorkFolder::Resume(const std::string& path, const Job& job, LogSink log) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Create(path, job, std::move(log));
  ALT_ASSIGN_OR_RETURN(WorkFolder folder, Lock(path));
  folder.log_ = std::move(log);
  ALT_RETURN_IF_ERROR(folder.ReadJob(job));
  for (const std::string& name : NamesIn(path)) {
    const bool is_left = EndsWith(name, kUnfinishedEnd) || name.starts_with("scratch-") ||
                         (name.starts_with(kJobFile) && name != kJobFile);
    if (is_left) unlink((path + "/" + name).c_str());
  }
  return folder;
}

Status WorkFolder::ReadJob(const Job& job) {
  const std::string path = path_ + "/" + kJobFile;
  auto read = formats::ReadJsonFile(path);
  if (!read.ok()) {
    // Stopped between the making of the folder and that of the file.
    if (read.status().code() == ErrorCode::kNotFound && n_pieces() == 0) return WriteJob(job);
    return Status(ErrorCode::kCorruptFile,
                  read.status().message() + "; what the work in this folder belongs to is unknown");
  }
  const nlohmann::json& kept = read.value();
  const auto object = [&kept](const char* key) {
    const auto found = kept.is_object() ? kept.find(key) : kept.end();
    return found != kept.end() && found->is_object() ? *found : nlohmann::json::object();
  };
  std::string other = Differences(object("input"), job.input);
  const std::string target = Differences(object("target"), job.target);
  if (kept.is_object() && kept.value("format", 0) != kFormat) {
    other = "its format is another" + (other.empty() ? "" : "; " + other);
  }
  const std::vector<std::string> names = NamesIn(path_);
  const bool is_encoded = std::any_of(names.begin(), names.end(), IsResult);
  if (is_encoded && !target.empty()) other += (other.empty() ? "" : "; ") + target;
  if (!other.empty()) {
    return Status(ErrorCode::kInvalidArgument, path_ + ": belongs to other work: " + other);
  }
  return target.empty() ? Status() : WriteJob(job);
}

Status WorkFolder::WriteJob(const Job& job) const {
  const ordered_json json = {
      {"format", kFormat}, {"input", AsJson(job.input)}, {"target", AsJson(job.target)}};
  const std::string text = json.dump(2) + "\n";
  ALT_ASSIGN_OR_RETURN(formats::AtomicFile file,
                       formats::AtomicFile::Create(path_ + "/" + kJobFile));
  ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(text))));
  return file.Commit();
}

Status WorkFolder::Clear() {
  const std::vector<std::string> names = NamesIn(path_);
  const auto foreign = std::find_if_not(names.begin(), names.end(), IsOurs);
  if (foreign != names.end()) {
    RemoveOurs(path_);
    return Status(ErrorCode::kInvalidArgument,
                  path_ + ": cannot be removed, " + *foreign + " in it is not ours");
  }
  // All at once, so that the work is either whole or over, whenever the process is killed.
  EndRemoval(path_);
  const std::string removed = path_ + kRemovedEnd;
  if (rename(path_.c_str(), removed.c_str()) != 0) return Failed(path_, "rename", errno);
  return RemoveOurs(removed) ? Status() : Failed(removed, "remove", errno);
}

Status WorkFolder::Remove(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Status();
  ALT_ASSIGN_OR_RETURN(WorkFolder folder, Lock(path));
  return folder.Clear();
}

Status WorkFolder::Finish() { return Clear(); }

void WorkFolder::EndRemoval(const std::string& path) { RemoveOurs(path + kRemovedEnd); }

size_t WorkFolder::n_pieces() const {
  const std::vector<std::string> names = NamesIn(path_);
  return static_cast<size_t>(std::count_if(names.begin(), names.end(), [](const std::string& name) {
    return EndsWith(name, kPieceEnd);
  }));
}

std::string WorkFolder::PathOf(const std::string& kind, const std::string& name) const {
  return path_ + "/" + kind + "-" + Escaped(name) + kPieceEnd;
}

std::optional<EncodedTensor> WorkFolder::FindPiece(const std::string& path, DType type,
                                                   const Shape& shape) {
  const auto damaged = [&](const std::string& why) {
    if (log_) log_(LogLevel::kWarning, path + ": " + why + "; it is made again");
    return std::nullopt;
  };
  auto mapped = Buffer::MapFile(path);
  if (!mapped.ok()) {
    if (mapped.status().code() == ErrorCode::kNotFound) return std::nullopt;
    return damaged(mapped.status().message());
  }
  const auto bytes = mapped.value().bytes();
  Head head;
  if (bytes.size() < kHeadBytes) return damaged("is cut");
  std::memcpy(&head, bytes.data(), sizeof(head));
  if (head.magic != kMagic || head.head_checksum != head.ChecksumOfHead()) {
    return damaged("its head is damaged");
  }
  if (head.size_bytes != bytes.size() - kHeadBytes) {
    return damaged("has " + FormatCount(bytes.size() - kHeadBytes) + " bytes instead of " +
                   FormatCount(head.size_bytes));
  }
  Shape kept;
  kept.n_dims = head.n_dims;
  std::copy_n(head.dims, Shape::kMaxDims, kept.dims.begin());
  if (head.type != static_cast<uint64_t>(type) || !(kept == shape)) {
    return damaged("is of another type or shape");
  }
  EncodedTensor piece(type, std::move(mapped).value(), kHeadBytes);
  if (ChecksumOf(piece) != head.checksum) return damaged("its checksum is wrong");
  return piece;
}

Result<EncodedTensor> WorkFolder::NewPiece(const std::string& path, DType type,
                                           uint64_t size_bytes) const {
  ALT_ASSIGN_OR_RETURN(Buffer memory,
                       Buffer::CreateFile(path + kUnfinishedEnd, kHeadBytes + size_bytes));
  return EncodedTensor(type, std::move(memory), kHeadBytes);
}

Status WorkFolder::KeepPiece(const std::string& path, const Shape& shape,
                             EncodedTensor& piece) const {
  Head head;
  head.type = static_cast<uint64_t>(piece.type());
  head.n_dims = shape.n_dims;
  std::copy_n(shape.dims.begin(), Shape::kMaxDims, head.dims);
  head.size_bytes = piece.bytes().size();
  head.checksum = ChecksumOf(piece);
  head.head_checksum = head.ChecksumOfHead();
  std::memcpy(piece.memory().mutable_bytes().data(), &head, sizeof(head));
  const std::string unfinished = path + kUnfinishedEnd;
  ALT_RETURN_IF_ERROR(piece.memory().Flush(unfinished));
  if (rename(unfinished.c_str(), path.c_str()) != 0) return Failed(unfinished, "rename", errno);
  // So that the name survives a power cut; not all file systems can do this.
  static_cast<void>(fsync(lock_));
  return Status();
}

std::string WorkFolder::PathOf(TensorUse use, const std::string& name, DType type) const {
  if (use == TensorUse::kResult) return PathOf("tensor", name);
  return PathOf("trial", name + "." + std::string(TraitsOf(type).name));
}

std::optional<EncodedTensor> WorkFolder::FindTensor(const std::string& name, DType type,
                                                    const Shape& shape, TensorUse use) {
  return FindPiece(PathOf(use, name, type), type, shape);
}

Result<EncodedTensor> WorkFolder::NewTensor(const std::string& name, DType type, const Shape& shape,
                                            TensorUse use) {
  return NewPiece(PathOf(use, name, type), type, *RowBytes(type, shape.cols()) * shape.rows());
}

Status WorkFolder::KeepTensor(const std::string& name, const Shape& shape, EncodedTensor& tensor,
                              TensorUse use) {
  return KeepPiece(PathOf(use, name, tensor.type()), shape, tensor);
}

void WorkFolder::ForgetTensor(const std::string& name, DType type, TensorUse use) {
  unlink(PathOf(use, name, type).c_str());
}

void WorkFolder::ForgetResults() {
  for (const std::string& name : NamesIn(path_)) {
    if (IsResult(name)) unlink((path_ + "/" + name).c_str());
  }
}

std::optional<std::string> WorkFolder::FindText(const std::string& name) {
  const auto piece = FindPiece(PathOf("text", name), DType::kF32, Shape{});
  if (!piece) return std::nullopt;
  const auto bytes = piece->bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

bool WorkFolder::HasText(const std::string& path, const std::string& name) {
  WorkFolder folder;
  folder.path_ = path;
  std::error_code ignored;
  return fs::exists(folder.PathOf("text", name), ignored);
}

Status WorkFolder::KeepText(const std::string& name, std::string_view text) {
  const std::string path = PathOf("text", name);
  ALT_ASSIGN_OR_RETURN(EncodedTensor piece, NewPiece(path, DType::kF32, text.size()));
  std::memcpy(piece.mutable_bytes().data(), text.data(), text.size());
  return KeepPiece(path, Shape{}, piece);
}

Result<Buffer> RoomFor(uint64_t size_bytes, const std::string& purpose, const WorkFolder* work) {
  if (work == nullptr || size_bytes < kMuchMemory) return Buffer::Allocate(size_bytes, purpose);
  return Buffer::Scratch(work->path(), size_bytes);
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "formats/gguf_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/checked_math.h"
#include "formats/gguf_part.h"
#include "formats/quote.h"

namespace altteul::formats {
namespace {

constexpr size_t kMaxTensorNameBytes = 63;  // GGML_MAX_NAME is 64 with the final zero

template <typename T>
void Append(std::vector<std::byte>& out, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void AppendString(std::vector<std::byte>& out, std::string_view text) {
  Append<uint64_t>(out, text.size());
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

Status Invalid(std::string_view tensor, const std::string& what) {
  return Status(ErrorCode::kInvalidArgument, "tensor " + Quote(tensor) + ": " + what);
}

/// `size` rounded up; nothing when that does not fit in 64 bits.
std::optional<uint64_t> AlignUp(uint64_t size, uint64_t alignment) {
  if (size > UINT64_MAX - (alignment - 1)) return std::nullopt;
  return (size + alignment - 1) / alignment * alignment;
}

/// The tensor's size, or why it cannot be.
Result<uint64_t> SizeOf(std::string_view name, DType type, const Shape& shape) {
  if (shape.n_dims > kGgufMaxDims) {
    return Invalid(name, std::to_string(shape.n_dims) + " dimensions, GGUF holds 0 to " +
                             std::to_string(kGgufMaxDims));
  }
  uint64_t rows = 1;
  for (size_t axis = 0; axis + 1 < shape.n_dims; ++axis) {
    const auto product = CheckedMul(rows, shape.dims[axis]);
    if (!product) return Invalid(name, "shape " + shape.ToString() + " is too large");
    rows = *product;
  }
  if (rows == 0 || shape.cols() == 0) return Invalid(name, "empty shape " + shape.ToString());
  const auto row_bytes = RowBytes(type, shape.cols());
  if (!row_bytes) {
    return Invalid(name, "rows of " + std::to_string(shape.cols()) + " values cannot be of type " +
                             std::string(TraitsOf(type).name) + ", whose blocks hold " +
                             std::to_string(TraitsOf(type).block_elements));
  }
  const auto size_bytes = CheckedMul(*row_bytes, rows);
  if (!size_bytes) return Invalid(name, "shape " + shape.ToString() + " is too large");
  return *size_bytes;
}

}  // namespace

void GgufWriter::SetBytes(std::string_view key, GgufType type, std::span<const std::byte> bytes) {
  ALT_CHECK(!file_ && !key.empty() && key.size() <= kGgufMaxNameBytes);
  if (key == "general.alignment") {
    uint32_t alignment = 0;
    ALT_CHECK(type == GgufType::kU32 && bytes.size() == sizeof(alignment));
    std::memcpy(&alignment, bytes.data(), sizeof(alignment));
    ALT_CHECK(alignment != 0 && (alignment & (alignment - 1)) == 0);
    alignment_ = alignment;
  }
  const auto [place, is_new] = entry_by_key_.try_emplace(std::string(key), entries_.size());
  if (is_new) entries_.push_back({std::string(key), type, {}});
  Entry& entry = entries_[place->second];
  entry.type = type;
  entry.bytes.assign(bytes.begin(), bytes.end());
}

void GgufWriter::SetArrayBytes(std::string_view key, GgufType element_type, uint64_t n_elements,
                               std::span<const std::byte> bytes) {
  std::vector<std::byte> value;
  value.reserve(bytes.size() + 12);
  Append(value, static_cast<uint32_t>(element_type));
  Append(value, n_elements);
  value.insert(value.end(), bytes.begin(), bytes.end());
  SetBytes(key, GgufType::kArray, value);
}

void GgufWriter::SetString(std::string_view key, std::string_view text) {
  std::vector<std::byte> value;
  AppendString(value, text);
  SetBytes(key, GgufType::kString, value);
}

void GgufWriter::SetStrings(std::string_view key, std::span<const std::string_view> texts) {
  std::vector<std::byte> elements;
  for (const std::string_view text : texts) AppendString(elements, text);
  SetArrayBytes(key, GgufType::kString, texts.size(), elements);
}

void GgufWriter::CopyValue(const GgufEntry& entry) {
  SetBytes(entry.key, entry.value.type, entry.value.bytes);
}

void GgufWriter::CopyMetadata(const GgufFile& file) {
  for (const GgufEntry& entry : file.metadata()) {
    if (file.n_parts() > 1 && entry.key.starts_with("split.")) continue;
    CopyValue(entry);
  }
}

void GgufWriter::RemoveKeys(std::string_view prefix) {
  ALT_CHECK(!file_ && !std::string_view("general.alignment").starts_with(prefix));
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key.starts_with(prefix); });
  entry_by_key_.clear();
  for (size_t i = 0; i < entries_.size(); ++i) entry_by_key_[entries_[i].key] = i;
}

Status GgufWriter::DeclareTensor(std::string_view name, DType type, const Shape& shape) {
  ALT_CHECK(!file_);
  if (name.empty() || name.size() > kMaxTensorNameBytes) {
    return Invalid(name, "a name of " + std::to_string(name.size()) + " bytes (1 to " +
                             std::to_string(kMaxTensorNameBytes) + " are allowed)");
  }
  ALT_ASSIGN_OR_RETURN(const uint64_t size_bytes, SizeOf(name, type, shape));
  if (!tensor_by_name_.try_emplace(std::string(name), tensors_.size()).second) {
    return Invalid(name, "declared twice");
  }
  tensors_.push_back({std::string(name), type, shape, size_bytes});
  return Status();
}

Result<std::vector<std::byte>> GgufWriter::Header() const {
  std::vector<std::byte> out;
  for (const char c : kGgufMagic) Append(out, c);
  Append(out, kGgufVersion);
  Append<uint64_t>(out, tensors_.size());
  Append<uint64_t>(out, entries_.size());
  for (const Entry& entry : entries_) {
    AppendString(out, entry.key);
    Append(out, static_cast<uint32_t>(entry.type));
    out.insert(out.end(), entry.bytes.begin(), entry.bytes.end());
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    AppendString(out, tensor.name);
    Append(out, static_cast<uint32_t>(tensor.shape.n_dims));
    for (size_t axis = tensor.shape.n_dims; axis-- > 0;) Append(out, tensor.shape.dims[axis]);
    Append(out, static_cast<uint32_t>(tensor.type));
    Append(out, offset);
    const auto padded = AlignUp(tensor.size_bytes, alignment_);
    // A quarter of the range: offset and header can then be added without a further check.
    if (!padded || *padded > UINT64_MAX / 4 || offset > UINT64_MAX / 4) {
      return Invalid(tensor.name, "the file would be larger than 64 bits can count");
    }
    offset += *padded;
  }
  out.resize((out.size() + alignment_ - 1) / alignment_ * alignment_);
  return out;
}

Result<uint64_t> GgufWriter::PlannedBytes() const {
  ALT_ASSIGN_OR_RETURN(const std::vector<std::byte> header, Header());
  uint64_t bytes = header.size();
  for (const Tensor& tensor : tensors_) bytes += *AlignUp(tensor.size_bytes, alignment_);
  return bytes;
}

Status GgufWriter::Begin(const std::string& path) {
  ALT_CHECK(!file_);
  ALT_ASSIGN_OR_RETURN(const std::vector<std::byte> header, Header());
  ALT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  ALT_ASSIGN_OR_RETURN(file_bytes_, PlannedBytes());
  ALT_RETURN_IF_ERROR(file.Reserve(file_bytes_));
  ALT_RETURN_IF_ERROR(file.Write(header));
  file_.emplace(std::move(file));
  return Status();
}

Status GgufWriter::PadToAlignment() {
  static constexpr std::array<std::byte, 4096> kZeros{};
  uint64_t missing = (alignment_ - file_->position() % alignment_) % alignment_;
  while (missing > 0) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(missing, kZeros.size()));
    ALT_RETURN_IF_ERROR(file_->Write(std::span(kZeros).first(n)));
    missing -= n;
  }
  return Status();
}

Status GgufWriter::WriteTensorData(std::span<const std::byte> bytes) {
  ALT_CHECK(file_.has_value());
  if (bytes.empty()) return Status();
  if (current_ == tensors_.size()) {
    return Status(ErrorCode::kInvalidArgument, std::to_string(bytes.size()) +
                                                   " bytes of tensor data after the last of " +
                                                   std::to_string(tensors_.size()) + " tensors");
  }
  const Tensor& tensor = tensors_[current_];
  if (bytes.size() > tensor.size_bytes - current_written_) {
    return Invalid(tensor.name, std::to_string(bytes.size()) + " bytes came after " +
                                    std::to_string(current_written_) + " of " +
                                    std::to_string(tensor.size_bytes));
  }
  ALT_RETURN_IF_ERROR(file_->Write(bytes));
  current_written_ += bytes.size();
  if (current_written_ == tensor.size_bytes) {
    ALT_RETURN_IF_ERROR(PadToAlignment());
    ++current_;
    current_written_ = 0;
  }
  return Status();
}

Status GgufWriter::Finish() {
  ALT_CHECK(file_.has_value());
  if (current_ != tensors_.size()) {
    const Tensor& tensor = tensors_[current_];
    file_.reset();
    return Invalid(tensor.name, std::to_string(current_written_) + " of " +
                                    std::to_string(tensor.size_bytes) + " bytes came");
  }
  Status status = file_->Commit();
  file_.reset();
  return status;
}

}  // namespace altteul::formats

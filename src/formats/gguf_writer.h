// SPDX-License-Identifier: Apache-2.0

// Writes a GGUF file, version 3. First everything is declared (metadata, then tensors), so that the
// header can be written in one go; then the tensors' bytes are streamed in the order of their
// declaration. The file appears under its name only when it is whole (atomic_file.h), and the same
// calls always give the same bytes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "formats/atomic_file.h"
#include "formats/gguf.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace altteul::formats {

/// The metadata type that stores a T.
template <typename T>
constexpr GgufType GgufTypeOf() {
  static_assert(std::is_arithmetic_v<T>);
  if constexpr (std::is_same_v<T, bool>)
    return GgufType::kBool;
  else if constexpr (std::is_same_v<T, float>)
    return GgufType::kF32;
  else if constexpr (std::is_same_v<T, double>)
    return GgufType::kF64;
  else if constexpr (sizeof(T) == 1)
    return std::is_signed_v<T> ? GgufType::kI8 : GgufType::kU8;
  else if constexpr (sizeof(T) == 2)
    return std::is_signed_v<T> ? GgufType::kI16 : GgufType::kU16;
  else if constexpr (sizeof(T) == 4)
    return std::is_signed_v<T> ? GgufType::kI32 : GgufType::kU32;
  else
    return std::is_signed_v<T> ? GgufType::kI64 : GgufType::kU64;
}

class GgufWriter {
 public:
  GgufWriter() = default;

  // Metadata. Setting a key again replaces its value and keeps its place, so that a copied file can
  // be changed in a few keys. "general.alignment" (u32, a power of two) takes effect as it is set.
  // @pre the key has 1 to 65535 bytes; Begin() was not called yet

  /// `SetNumber<uint32_t>("llama.block_count", 30)`: the type argument is the type in the file.
  template <typename T>
  void SetNumber(std::string_view key, std::type_identity_t<T> value) {
    SetBytes(key, GgufTypeOf<T>(), std::as_bytes(std::span(&value, 1)));
  }
  /// `SetNumbers<float>("tokenizer.ggml.scores", scores)`: an array. For bool use SetNumbers<bool>
  /// with a span of bool (not std::vector<bool>).
  template <typename T>
  void SetNumbers(std::string_view key, std::span<const std::type_identity_t<T>> values) {
    SetArrayBytes(key, GgufTypeOf<T>(), values.size(), std::as_bytes(values));
  }
  void SetString(std::string_view key, std::string_view text);
  void SetStrings(std::string_view key, std::span<const std::string_view> texts);
  /// Any value of an opened file, bit for bit.
  void CopyValue(const GgufEntry& entry);
  /// All values of an opened file. Of a file that was split, the keys that say so are left out,
  /// because what is written is one file.
  void CopyMetadata(const GgufFile& file);
  /// Forgets every key that begins so. @pre not "general.alignment"
  void RemoveKeys(std::string_view prefix);

  /// The next tensor; its data will be streamed in the order of these calls.
  /// @param shape  slowest axis first, 1 to 4 axes
  /// @return kInvalidArgument for a name that is empty, repeats or has more than 63 bytes
  ///         (llama.cpp's limit), a shape with no or more than 4 axes or an empty one, a row that
  ///         is no multiple of the type's block, or a size beyond 64 bits
  Status DeclareTensor(std::string_view name, DType type, const Shape& shape);

  /// What stands before the tensors' data, if nothing more is set or declared.
  Result<std::vector<std::byte>> Header() const;

  /// The size of the finished file, if nothing more is set or declared [bytes].
  Result<uint64_t> PlannedBytes() const;

  /// Opens the file, makes sure that the disk has room for all of it, and writes what stands before
  /// the data.
  /// @return what AtomicFile::Create(), Reserve() and Write() return
  Status Begin(const std::string& path);

  /// The size of the finished file, known after Begin() [bytes].
  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t alignment() const { return alignment_; }  ///< of each tensor's data [bytes]

  /// The next bytes of the tensor that is being written, in chunks of any size, none of which
  /// reaches into the next tensor. Padding is added after each tensor.
  /// @return kInvalidArgument when more bytes come than the tensor was declared with
  Status WriteTensorData(std::span<const std::byte> bytes);

  /// @return kInvalidArgument when a tensor is not complete; then nothing is left of the file
  Status Finish();

 private:
  struct Entry {
    std::string key;
    GgufType type;
    std::vector<std::byte> bytes;
  };
  struct Tensor {
    std::string name;
    DType type;
    Shape shape;
    uint64_t size_bytes;
  };

  void SetBytes(std::string_view key, GgufType type, std::span<const std::byte> bytes);
  void SetArrayBytes(std::string_view key, GgufType element_type, uint64_t n_elements,
                     std::span<const std::byte> bytes);
  Status PadToAlignment();

  uint64_t alignment_ = 32;  ///< [bytes]
  uint64_t file_bytes_ = 0;
  std::vector<Entry> entries_;
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string, size_t> entry_by_key_;
  std::unordered_map<std::string, size_t> tensor_by_name_;

  std::optional<AtomicFile> file_;  // from Begin() to Finish()
  size_t current_ = 0;              // the tensor that is being written
  uint64_t current_written_ = 0;    // its bytes so far
};

}  // namespace altteul::formats

// SPDX-License-Identifier: Apache-2.0

// GGUF: the container of llama.cpp and its relatives. Typed key-value metadata, then tensor
// records, then aligned tensor data. docs/formats/gguf.md tells the layout and what we refuse.
//
// A file is mapped, not read. Metadata arrays stay where they are in the mapping and are read
// element by element, because a vocabulary of 262,144 strings is not worth copying. A model may be
// split into several files (`-00001-of-00003.gguf`); opening any of them opens them all.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "tensor/buffer.h"
#include "tensor/tensor_view.h"

namespace altteul::formats {

/// Ids as written in the file.
enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

/// "u32", "string", "array"; for messages.
std::string_view GgufTypeName(GgufType type);

/// A proven array inside the mapping; its GgufFile must outlive it.
struct GgufArray {
  GgufType element_type = GgufType::kU8;  ///< kArray for nested arrays
  uint64_t n_elements = 0;
  std::span<const std::byte> bytes;  ///< exactly the elements, as written

  /// All elements of a string array, viewed in place; kUnsupported for others that are not empty.
  Result<std::vector<std::string_view>> Strings() const;
  /// All elements of an array of integers, bools or whole numbers in floats, else kUnsupported.
  Result<std::vector<int64_t>> Integers() const;
  /// All elements of any number array as f32 (scores).
  Result<std::vector<float>> Floats() const;
  /// All elements of an array of arrays, viewed in place.
  Result<std::vector<GgufArray>> Arrays() const;
};

/// One metadata value. Integers of every width are widened, so that a reader of "block_count" does
/// not care how the writer stored it; `type` and `bytes` keep what the file says.
struct GgufValue {
  GgufType type = GgufType::kU8;
  std::span<const std::byte> bytes;  ///< as written, without the type field; in the mapping
  std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray> held;
};

struct GgufEntry {
  std::string_view key;  ///< in the mapping
  GgufValue value;
};

struct GgufTensor {
  std::string_view name;  ///< in the mapping
  TensorView view;        ///< proved to lie inside its file
};

class GgufFile {
 public:
  /// Opens the file, and its siblings when it is one part of a split model.
  /// @return kNotFound, kIoError, kCorruptFile (file, offset, what and the numbers),
  ///         kUnsupported (version 1, big-endian, a newer version, an unknown tensor type)
  static Result<GgufFile> Open(const std::string& path);

  /// The same for bytes in memory, one part only. `bytes` must outlive the result.
  /// @param name  stands for the path in messages
  static Result<GgufFile> Parse(std::span<const std::byte> bytes, const std::string& name);

  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }    ///< of the first part [bytes]
  uint64_t file_bytes() const { return file_bytes_; }  ///< of all parts
  size_t n_parts() const { return parts_.size(); }

  /// Metadata of the first part, in file order.
  std::span<const GgufEntry> metadata() const { return metadata_; }
  /// Tensors of all parts, in file order. Names are unique.
  std::span<const GgufTensor> tensors() const { return tensors_; }

  const GgufValue* FindValue(std::string_view key) const;
  const GgufTensor* FindTensor(std::string_view name) const;

  /// The value of `key` as a type, also where it is an array that holds one value only; nothing
  /// when absent, kUnsupported when it is something else. The type of a number does not matter.
  Result<std::optional<uint64_t>> GetUint(std::string_view key) const;
  Result<std::optional<double>> GetFloat(std::string_view key) const;
  Result<std::optional<bool>> GetBool(std::string_view key) const;
  Result<std::optional<std::string_view>> GetString(std::string_view key) const;
  Result<std::optional<GgufArray>> GetArray(std::string_view key) const;

  /// Gives the mapped pages of these bytes back; they are read again when touched.
  void ReleasePages(std::span<const std::byte> bytes) const;

 private:
  /// One mapped file. `mapping` is empty for bytes in memory.
  struct Part {
    Buffer mapping;
    std::span<const std::byte> bytes;
  };

  GgufFile() = default;
  Status AddPart(Buffer mapping, std::span<const std::byte> bytes, const std::string& name);
  Status IndexTensors();
  Status WrongType(std::string_view key, const char* wanted, const GgufValue& value) const;

  std::string name_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 0;
  uint64_t file_bytes_ = 0;
  std::vector<Part> parts_;
  std::vector<GgufEntry> metadata_;
  std::vector<GgufTensor> tensors_;
  std::vector<uint32_t> metadata_by_key_;  // indices, sorted by key
  std::vector<uint32_t> tensors_by_name_;  // indices, sorted by name
};

}  // namespace altteul::formats

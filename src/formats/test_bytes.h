// SPDX-License-Identifier: Apache-2.0

// For this layer's tests only: files made byte by byte, with every mistake we want, and a folder to
// put them in.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"

namespace altteul::formats {

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// An empty folder that goes away with everything in it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "altteul_formats_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string Path(const std::string& name) const { return (path_ / name).string(); }
  std::string Write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return Path(name);
  }
  /// Names of what is in it.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  std::filesystem::path path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// GGUF bytes in the making. Every field that steers the reader is remembered by name, so that a
/// test can damage each in turn.
class GgufBytes {
 public:
  struct Field {
    std::string name;
    size_t offset;
    size_t size;
  };

  GgufBytes& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  template <typename T>
  GgufBytes& Number(T value, const std::string& field = "") {
    if (!field.empty()) fields_.push_back({field, bytes_.size(), sizeof(T)});
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  GgufBytes& String(std::string_view text, const std::string& field = "") {
    return Number<uint64_t>(text.size(), field.empty() ? "" : field + " length").Raw(text);
  }
  GgufBytes& Type(GgufType type, const std::string& field = "") {
    return Number(static_cast<uint32_t>(type), field);
  }
  GgufBytes& Header(uint64_t n_tensors, uint64_t n_entries, uint32_t version = 3) {
    Number<uint32_t>(0x46554747, "magic").Number(version, "version");
    return Number(n_tensors, "n_tensors").Number(n_entries, "n_entries");
  }
  /// The key and its type; the value must follow.
  GgufBytes& Key(const std::string& key, GgufType type) {
    return String(key, key + " key").Type(type, key + " type");
  }
  template <typename T>
  GgufBytes& Entry(const std::string& key, GgufType type, T value) {
    return Key(key, type).Number(value);
  }
  GgufBytes& TextEntry(const std::string& key, std::string_view text) {
    return Key(key, GgufType::kString).String(text, key + " value");
  }
  GgufBytes& ArrayHead(const std::string& key, GgufType element_type, uint64_t n_elements) {
    Key(key, GgufType::kArray).Type(element_type, key + " element type");
    return Number(n_elements, key + " n_elements");
  }
  /// @param dims  fastest axis first, as in the file
  GgufBytes& Tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                    uint64_t offset) {
    String(name, name + " name").Number(static_cast<uint32_t>(dims.size()), name + " n_dims");
    for (const uint64_t extent : dims) Number(extent, name + " extent");
    return Number(type, name + " type").Number(offset, name + " offset");
  }
  GgufBytes& Pad(size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  GgufBytes& Data(size_t n_bytes, char value) {
    bytes_.append(n_bytes, value);
    return *this;
  }

  const std::string& bytes() const { return bytes_; }
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::string bytes_;
  std::vector<Field> fields_;
};

/// A good file with one value of each type and two tensors; no byte after the last tensor.
inline GgufBytes GoodGguf() {
  GgufBytes file;
  file.Header(2, 16)
      .Entry<uint8_t>("u8", GgufType::kU8, 200)
      .Entry<int8_t>("i8", GgufType::kI8, -100)
      .Entry<uint16_t>("u16", GgufType::kU16, 60000)
      .Entry<int16_t>("i16", GgufType::kI16, -30000)
      .Entry<uint32_t>("u32", GgufType::kU32, 4000000000)
      .Entry<int32_t>("i32", GgufType::kI32, -2000000000)
      .Entry<uint64_t>("u64", GgufType::kU64, UINT64_MAX)
      .Entry<int64_t>("i64", GgufType::kI64, INT64_MIN)
      .Entry<float>("f32", GgufType::kF32, 1.5f)
      .Entry<double>("f64", GgufType::kF64, -2.25)
      .Entry<uint8_t>("bool", GgufType::kBool, 1)
      .TextEntry("string", "Altteul");
  file.ArrayHead("strings", GgufType::kString, 3)
      .String("one", "strings element")
      .String("", "strings element")
      .String("three", "strings element");
  file.ArrayHead("numbers", GgufType::kI16, 2).Number<int16_t>(-1).Number<int16_t>(300);
  file.ArrayHead("nested", GgufType::kArray, 2);
  for (const uint8_t n : {uint8_t{1}, uint8_t{2}}) {
    file.Type(GgufType::kU8, "nested inner type").Number<uint64_t>(n, "nested inner n_elements");
    for (uint8_t i = 0; i < n; ++i) file.Number(i);
  }
  file.Entry<uint32_t>("general.alignment", GgufType::kU32, 32);
  file.Tensor("matrix", {32, 3}, 2, 0);  // Q4_0: 3 rows of one block of 18 bytes
  file.Tensor("vector", {5}, 0, 64);     // F32
  return file.Pad().Data(54, 'm').Data(10, '\0').Data(20, 'v');
}

}  // namespace altteul::formats

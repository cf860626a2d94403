// SPDX-License-Identifier: Apache-2.0

#include "formats/gguf.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>
#include <numeric>
#include <set>
#include <system_error>
#include <utility>

#include "formats/gguf_part.h"
#include "formats/quote.h"

namespace altteul::formats {
namespace {

/// What one part says about the split; a file that is not split is part 0 of 1.
struct SplitFields {
  uint64_t number = 0;
  uint64_t n_parts = 1;
  std::optional<uint64_t> n_tensors;  // of all parts
};

/// What an array of one value, or of the same value again and again, holds: some writers give a
/// number for each layer. Any other value is itself.
GgufValue Single(const GgufValue& value) {
  const auto* array = std::get_if<GgufArray>(&value.held);
  if (array == nullptr || array->n_elements == 0) return value;
  const auto same = [](const auto& values) {
    return std::ranges::all_of(values, [&](const auto& each) { return each == values.front(); });
  };
  GgufValue single = value;
  if (const auto texts = array->Strings(); texts.ok()) {
    if (same(texts.value())) single.held = texts.value().front();
  } else if (const auto integers = array->Integers(); integers.ok()) {
    if (same(integers.value())) single.held = integers.value().front();
  } else if (const auto floats = array->Floats(); floats.ok()) {
    if (same(floats.value())) single.held = static_cast<double>(floats.value().front());
  }
  return single;
}

/// An unsigned integer out of a value, whatever its width and sign.
/// Writers of other programs take other types of numbers for a key; what is the same number is
/// taken.
std::optional<double> AsFloat(const GgufValue& value) {
  if (const auto* number = std::get_if<double>(&value.held)) return *number;
  if (const auto* natural = std::get_if<uint64_t>(&value.held)) {
    return static_cast<double>(*natural);
  }
  const auto* integer = std::get_if<int64_t>(&value.held);
  if (integer == nullptr) return std::nullopt;
  return static_cast<double>(*integer);
}

std::optional<bool> AsBool(const GgufValue& value) {
  if (const auto* truth = std::get_if<bool>(&value.held)) return *truth;
  const std::optional<double> number = AsFloat(value);
  if (!number || (*number != 0 && *number != 1)) return std::nullopt;
  return *number == 1;
}

std::optional<uint64_t> AsUint(const GgufValue& value) {
  constexpr double kMostExact = 9007199254740992.0;  // 2^53
  if (const auto* natural = std::get_if<uint64_t>(&value.held)) return *natural;
  if (const auto* number = std::get_if<double>(&value.held)) {
    const bool is_whole = *number >= 0 && *number <= kMostExact && *number == std::floor(*number);
    return is_whole ? std::optional(static_cast<uint64_t>(*number)) : std::nullopt;
  }
  const auto* integer = std::get_if<int64_t>(&value.held);
  if (integer == nullptr || *integer < 0) return std::nullopt;
  return static_cast<uint64_t>(*integer);
}

/// "model-00002-of-00003.gguf"
std::string PartPath(const std::string& prefix, uint64_t number, uint64_t n_parts) {
  char suffix[64];
  std::snprintf(suffix, sizeof(suffix), "-%05llu-of-%05llu.gguf",
                static_cast<unsigned long long>(number) + 1,
                static_cast<unsigned long long>(n_parts));
  return prefix + suffix;
}

/// The part of a path before "-00002-of-00003.gguf", if that is how it ends.
std::optional<std::string> PartPrefix(const std::string& path, uint64_t number, uint64_t n_parts) {
  const std::string suffix = PartPath("", number, n_parts);
  if (path.size() < suffix.size()) return std::nullopt;
  const size_t cut = path.size() - suffix.size();
  if (path.compare(cut, suffix.size(), suffix) != 0) return std::nullopt;
  return path.substr(0, cut);
}

Result<SplitFields> ReadSplitFields(const GgufFile& part, const std::string& name) {
  SplitFields split;
  ALT_ASSIGN_OR_RETURN(const auto n_parts, part.GetUint("split.count"));
  ALT_ASSIGN_OR_RETURN(const auto number, part.GetUint("split.no"));
  ALT_ASSIGN_OR_RETURN(split.n_tensors, part.GetUint("split.tensors.count"));
  split.n_parts = n_parts.value_or(1);
  split.number = number.value_or(0);
  // Files that went through a splitter but were not cut say 0 or 1.
  if (split.n_parts == 0) split.n_parts = 1;
  if (split.number >= split.n_parts) {
    return Status(ErrorCode::kCorruptFile, name + ": split.no is " + std::to_string(split.number) +
                                               ", but split.count is " +
                                               std::to_string(split.n_parts));
  }
  return split;
}

/// Every part must say which one it is, or a copy under the wrong name would load twice.
Status CheckPart(const SplitFields& split, uint64_t number, uint64_t n_parts,
                 const std::string& path) {
  if (split.number == number && split.n_parts == n_parts) return Status();
  return Status(ErrorCode::kUnsupported,
                path + ": says it is part " + std::to_string(split.number) + " of " +
                    std::to_string(split.n_parts) + " (counting from 0), but its name says part " +
                    std::to_string(number) + " of " + std::to_string(n_parts) +
                    "; rename it to what it is");
}

/// A part under a name of its own. The others beside it tell how it was called, if they are there.
Status Renamed(const std::string& path, uint64_t number, uint64_t n_parts) {
  const std::string suffix = PartPath("", number, n_parts);
  const std::string all = suffix.substr(suffix.find("-of-"));
  const size_t number_size = suffix.size() - all.size();  // "-00001"
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::set<std::string> prefixes;
  std::error_code error;
  std::filesystem::directory_iterator it(folder.empty() ? "." : folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (!file.ends_with(all) || file.size() < all.size() + number_size) continue;
    prefixes.insert(file.substr(0, file.size() - all.size() - number_size));
  }
  return Status(ErrorCode::kUnsupported,
                path + ": is part " + std::to_string(number + 1) + " of " +
                    std::to_string(n_parts) + ", so its name must end in " + suffix +
                    " for the others to be found" +
                    (prefixes.size() == 1 ? "; rename it to " + *prefixes.begin() + suffix : ""));
}

Status CheckTensorCount(const std::optional<uint64_t>& wanted, uint64_t n_tensors, uint64_t n_parts,
                        const std::string& name) {
  if (!wanted || *wanted == n_tensors) return Status();
  return Status(ErrorCode::kCorruptFile, name + ": split.tensors.count is " +
                                             std::to_string(*wanted) + ", but the " +
                                             std::to_string(n_parts) + " part(s) hold " +
                                             std::to_string(n_tensors) + " tensors");
}

}  // namespace

Status GgufFile::AddPart(Buffer mapping, std::span<const std::byte> bytes,
                         const std::string& name) {
  ALT_ASSIGN_OR_RETURN(GgufPart part, ParseGgufPart(bytes, name));
  if (parts_.empty()) {
    name_ = name;
    version_ = part.version;
    alignment_ = part.alignment;
    metadata_ = std::move(part.metadata);
    metadata_by_key_ = std::move(part.metadata_by_key);
  }
  file_bytes_ += bytes.size();
  tensors_.insert(tensors_.end(), part.tensors.begin(), part.tensors.end());
  parts_.push_back({std::move(mapping), bytes});
  return Status();
}

Status GgufFile::IndexTensors() {
  tensors_by_name_.resize(tensors_.size());
  std::iota(tensors_by_name_.begin(), tensors_by_name_.end(), 0u);
  std::sort(tensors_by_name_.begin(), tensors_by_name_.end(),
            [&](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  for (size_t i = 1; i < tensors_by_name_.size(); ++i) {
    const std::string_view name = tensors_[tensors_by_name_[i]].name;
    if (tensors_[tensors_by_name_[i - 1]].name == name) {
      return Status(ErrorCode::kCorruptFile,
                    name_ + ": tensor " + Quote(name) + " stands there twice");
    }
  }
  return Status();
}

Result<GgufFile> GgufFile::Open(const std::string& path) {
  GgufFile first;
  ALT_ASSIGN_OR_RETURN(Buffer mapping, Buffer::MapFile(path));
  const auto bytes = mapping.bytes();
  ALT_RETURN_IF_ERROR(first.AddPart(std::move(mapping), bytes, path));
  ALT_ASSIGN_OR_RETURN(const SplitFields split, ReadSplitFields(first, path));
  if (split.n_parts == 1) {
    ALT_RETURN_IF_ERROR(CheckTensorCount(split.n_tensors, first.tensors_.size(), 1, path));
    ALT_RETURN_IF_ERROR(first.IndexTensors());
    return first;
  }

  const auto prefix = PartPrefix(path, split.number, split.n_parts);
  if (!prefix) {
    return Renamed(path, split.number, split.n_parts);
  }
  GgufFile whole;
  for (uint64_t number = 0; number < split.n_parts; ++number) {
    const std::string part_path = PartPath(*prefix, number, split.n_parts);
    GgufFile part;  // parsed apart, because only the first part's metadata is kept
    ALT_ASSIGN_OR_RETURN(Buffer part_mapping, Buffer::MapFile(part_path));
    const auto part_bytes = part_mapping.bytes();
    ALT_RETURN_IF_ERROR(part.AddPart(std::move(part_mapping), part_bytes, part_path));
    ALT_ASSIGN_OR_RETURN(const SplitFields part_split, ReadSplitFields(part, part_path));
    ALT_RETURN_IF_ERROR(CheckPart(part_split, number, split.n_parts, part_path));
    if (number == 0) {
      whole = std::move(part);
      continue;
    }
    whole.file_bytes_ += part.file_bytes_;
    whole.tensors_.insert(whole.tensors_.end(), part.tensors_.begin(), part.tensors_.end());
    whole.parts_.push_back(std::move(part.parts_.front()));
  }
  ALT_RETURN_IF_ERROR(
      CheckTensorCount(split.n_tensors, whole.tensors_.size(), split.n_parts, path));
  ALT_RETURN_IF_ERROR(whole.IndexTensors());
  return whole;
}

Result<GgufFile> GgufFile::Parse(std::span<const std::byte> bytes, const std::string& name) {
  GgufFile file;
  ALT_RETURN_IF_ERROR(file.AddPart(Buffer(), bytes, name));
  ALT_ASSIGN_OR_RETURN(const SplitFields split, ReadSplitFields(file, name));
  if (split.n_parts != 1) {
    return Status(ErrorCode::kUnsupported, name + ": is part " + std::to_string(split.number + 1) +
                                               " of " + std::to_string(split.n_parts) +
                                               ", but only this part is at hand");
  }
  ALT_RETURN_IF_ERROR(CheckTensorCount(split.n_tensors, file.tensors_.size(), 1, name));
  ALT_RETURN_IF_ERROR(file.IndexTensors());
  return file;
}

const GgufValue* GgufFile::FindValue(std::string_view key) const {
  return FindGgufValue(metadata_, metadata_by_key_, key);
}

const GgufTensor* GgufFile::FindTensor(std::string_view name) const {
  const auto found = std::lower_bound(
      tensors_by_name_.begin(), tensors_by_name_.end(), name,
      [&](uint32_t index, std::string_view wanted) { return tensors_[index].name < wanted; });
  if (found == tensors_by_name_.end() || tensors_[*found].name != name) return nullptr;
  return &tensors_[*found];
}

Status GgufFile::WrongType(std::string_view key, const char* wanted, const GgufValue& value) const {
  std::string is = "is of type " + std::string(GgufTypeName(value.type));
  if (const auto* array = std::get_if<GgufArray>(&value.held)) {
    is = "is an array of " + std::to_string(array->n_elements) + " values of type " +
         std::string(GgufTypeName(array->element_type));
  }
  if (const auto* integer = std::get_if<int64_t>(&value.held)) {
    is += " with the value " + std::to_string(*integer);
  }
  return Status(ErrorCode::kUnsupported,  // the same wherever it is fetched from
                name_ + ": key " + Quote(key) + " " + is + ", but must be " + wanted);
}

Result<std::optional<uint64_t>> GgufFile::GetUint(std::string_view key) const {
  const GgufValue* value = FindValue(key);
  if (value == nullptr) return std::optional<uint64_t>();
  const auto natural = AsUint(Single(*value));
  if (!natural) return WrongType(key, "an integer of at least 0", *value);
  return natural;
}

Result<std::optional<double>> GgufFile::GetFloat(std::string_view key) const {
  const GgufValue* value = FindValue(key);
  if (value == nullptr) return std::optional<double>();
  const auto number = AsFloat(Single(*value));
  if (!number) return WrongType(key, "a number", *value);
  return number;
}

Result<std::optional<bool>> GgufFile::GetBool(std::string_view key) const {
  const GgufValue* value = FindValue(key);
  if (value == nullptr) return std::optional<bool>();
  const auto truth = AsBool(Single(*value));
  if (!truth) return WrongType(key, "bool", *value);
  return truth;
}

Result<std::optional<std::string_view>> GgufFile::GetString(std::string_view key) const {
  const GgufValue* value = FindValue(key);
  if (value == nullptr) return std::optional<std::string_view>();
  const GgufValue single = Single(*value);
  const auto* text = std::get_if<std::string_view>(&single.held);
  if (text == nullptr) return WrongType(key, "string", *value);
  return std::optional<std::string_view>(*text);
}

Result<std::optional<GgufArray>> GgufFile::GetArray(std::string_view key) const {
  const GgufValue* value = FindValue(key);
  if (value == nullptr) return std::optional<GgufArray>();
  const auto* array = std::get_if<GgufArray>(&value->held);
  if (array == nullptr) return WrongType(key, "array", *value);
  return std::optional<GgufArray>(*array);
}

void GgufFile::ReleasePages(std::span<const std::byte> bytes) const {
  // std::less: the parts are different objects, which operator< does not order.
  const std::less<const std::byte*> before;
  for (const Part& part : parts_) {
    const std::byte* begin = part.bytes.data();
    if (before(bytes.data(), begin) || before(begin + part.bytes.size(), bytes.data())) continue;
    const auto offset = static_cast<size_t>(bytes.data() - begin);
    if (bytes.size() > part.bytes.size() - offset) continue;
    part.mapping.ReleasePages(offset, bytes.size());
    return;
  }
}

}  // namespace altteul::formats

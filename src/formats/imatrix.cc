// SPDX-License-Identifier: Apache-2.0

#include "formats/imatrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "formats/atomic_file.h"
#include "formats/byte_reader.h"
#include "formats/gguf.h"
#include "formats/gguf_part.h"
#include "formats/gguf_writer.h"
#include "formats/lfs_pointer.h"
#include "formats/quote.h"
#include "tensor/buffer.h"

namespace altteul::formats {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";
constexpr std::string_view kDatasets = "imatrix.datasets";
constexpr std::string_view kChunkCount = "imatrix.chunk_count";
constexpr std::string_view kChunkSize = "imatrix.chunk_size";

/// Far above any count, and fits in 64 bits.
constexpr float kMostCount = 0x1p62f;

Status Corrupt(const std::string& file, const std::string& what) {
  return Status(ErrorCode::kCorruptFile, file + ": " + what);
}

std::string EntryName(std::string_view name) { return "entry " + Quote(name); }

/// Which of ImatrixEntry's rules is broken; nothing when it is sound.
std::optional<std::string> Fault(const ImatrixEntry& entry) {
  const size_t n_experts = entry.counts.size();
  if (n_experts == 0) return "no count";
  if (entry.mean_squares.empty()) return "no values";
  if (entry.mean_squares.size() % n_experts != 0) {
    return std::to_string(entry.mean_squares.size()) + " values cannot be shared among " +
           std::to_string(n_experts) + " counts";
  }
  if (*std::max_element(entry.counts.begin(), entry.counts.end()) == 0) return "a count of 0";
  for (size_t i = 0; i < entry.mean_squares.size(); ++i) {
    const float mean = entry.mean_squares[i];
    if (!std::isfinite(mean) || mean < 0.0f) {
      return "value " + std::to_string(i) + " has a mean square of " + std::to_string(mean);
    }
  }
  return std::nullopt;
}

std::vector<float> FloatsOf(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// values -> values / count, in f32 as llama-quantize does it.
void DivideBy(uint64_t count, std::span<float> values) {
  for (float& value : values) value /= static_cast<float>(count);
}

// The GGUF form.

Result<std::vector<float>> ReadF32Tensor(const GgufTensor& tensor, const std::string& file) {
  if (tensor.view.type != DType::kF32) {
    return Corrupt(file, "tensor " + Quote(tensor.name) + " is of type " +
                             std::string(TraitsOf(tensor.view.type).name) + ", must be F32");
  }
  return FloatsOf(tensor.view.bytes);
}

Result<ImatrixEntry> ReadGgufEntry(std::string_view name, const GgufTensor& sums,
                                   const GgufTensor& counts, const std::string& file) {
  ImatrixEntry entry;
  ALT_ASSIGN_OR_RETURN(entry.mean_squares, ReadF32Tensor(sums, file));
  ALT_ASSIGN_OR_RETURN(const std::vector<float> floats, ReadF32Tensor(counts, file));
  for (const float count : floats) {
    // Negated, so that NaN is refused, too.
    if (!(count >= 0.0f && count < kMostCount && std::floor(count) == count)) {
      return Corrupt(file, EntryName(name) + ": a count of " + std::to_string(count));
    }
    entry.counts.push_back(static_cast<uint64_t>(count));
  }
  const size_t cols = entry.mean_squares.size() / entry.counts.size();
  for (size_t expert = 0; expert < entry.counts.size(); ++expert) {
    const auto part = std::span(entry.mean_squares).subspan(expert * cols, cols);
    if (entry.counts[expert] != 0) {
      DivideBy(entry.counts[expert], part);
      continue;
    }
    for (float& value : part) {
      if (value != 0.0f) return Corrupt(file, EntryName(name) + ": a sum over a count of 0");
      value = 1.0f;  // llama-quantize's choice: all columns of an unseen expert weigh the same
    }
  }
  return entry;
}

Status ReadGgufKeys(const GgufFile& gguf, const std::string& file, Imatrix& imatrix) {
  ALT_ASSIGN_OR_RETURN(const auto type, gguf.GetString("general.type"));
  if (type && *type != "imatrix") {
    return Corrupt(file, "general.type is " + Quote(*type) + ", must be \"imatrix\"");
  }
  ALT_ASSIGN_OR_RETURN(const auto chunk_count, gguf.GetUint(kChunkCount));
  ALT_ASSIGN_OR_RETURN(const auto chunk_size, gguf.GetUint(kChunkSize));
  imatrix.chunk_count = chunk_count.value_or(0);
  imatrix.chunk_size = chunk_size.value_or(0);
  ALT_ASSIGN_OR_RETURN(const auto datasets, gguf.GetArray(kDatasets));
  if (!datasets) return Status();
  const auto names = datasets->Strings();
  if (!names.ok()) {
    return Corrupt(file, std::string(kDatasets) + ": " + names.status().message());
  }
  imatrix.datasets.assign(names.value().begin(), names.value().end());
  return Status();
}

Result<Imatrix> ParseGguf(std::span<const std::byte> bytes, const std::string& file) {
  ALT_ASSIGN_OR_RETURN(const GgufFile gguf, GgufFile::Parse(bytes, file));
  Imatrix imatrix;
  ALT_RETURN_IF_ERROR(ReadGgufKeys(gguf, file, imatrix));
  for (const GgufTensor& tensor : gguf.tensors()) {
    const bool is_count = tensor.name.ends_with(kCounts);
    if (!is_count && !tensor.name.ends_with(kSums)) continue;  // later versions may store more
    const size_t suffix = is_count ? kCounts.size() : kSums.size();
    const std::string name(tensor.name.substr(0, tensor.name.size() - suffix));
    const GgufTensor* sums = gguf.FindTensor(name + std::string(kSums));
    const GgufTensor* counts = gguf.FindTensor(name + std::string(kCounts));
    if (name.empty()) return Corrupt(file, "tensor " + Quote(tensor.name) + " names no weight");
    if (sums == nullptr) return Corrupt(file, EntryName(name) + ": counts without sums");
    if (counts == nullptr) return Corrupt(file, EntryName(name) + ": sums without counts");
    if (is_count) continue;
    ALT_ASSIGN_OR_RETURN(ImatrixEntry entry, ReadGgufEntry(name, *sums, *counts, file));
    const auto fault = Fault(entry);
    if (fault) return Corrupt(file, EntryName(name) + ": " + *fault);
    imatrix.entries.emplace(name, std::move(entry));
  }
  if (imatrix.entries.empty()) return Corrupt(file, "holds no importance matrix");
  return imatrix;
}

Status WriteGguf(const Imatrix& imatrix, const std::string& path) {
  GgufWriter writer;
  writer.SetString("general.type", "imatrix");
  const std::vector<std::string_view> datasets(imatrix.datasets.begin(), imatrix.datasets.end());
  writer.SetStrings(kDatasets, datasets);
  if (std::max(imatrix.chunk_count, imatrix.chunk_size) > UINT32_MAX) {
    return Status(ErrorCode::kInvalidArgument, path + ": more than 2^32 chunks or tokens a chunk");
  }
  writer.SetNumber<uint32_t>(kChunkCount, static_cast<uint32_t>(imatrix.chunk_count));
  writer.SetNumber<uint32_t>(kChunkSize, static_cast<uint32_t>(imatrix.chunk_size));
  for (const auto& [name, entry] : imatrix.entries) {
    const size_t n_experts = entry.counts.size();
    const bool plain = n_experts == 1;
    const Shape sums = plain ? Shape{1, {entry.cols()}} : Shape{2, {n_experts, entry.cols()}};
    const Shape counts = plain ? Shape{1, {1}} : Shape{2, {n_experts, 1}};
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(name + std::string(kSums), DType::kF32, sums));
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(name + std::string(kCounts), DType::kF32, counts));
  }
  ALT_RETURN_IF_ERROR(writer.Begin(path));
  for (const auto& [name, entry] : imatrix.entries) {
    std::vector<float> sums = entry.mean_squares;
    std::vector<float> counts;
    for (size_t i = 0; i < sums.size(); ++i) {
      sums[i] *= static_cast<float>(entry.counts[i / entry.cols()]);
      if (std::isfinite(sums[i])) continue;
      return Status(ErrorCode::kInvalidArgument, EntryName(name) + ": a sum that f32 cannot hold");
    }
    for (const uint64_t count : entry.counts) counts.push_back(static_cast<float>(count));
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(std::as_bytes(std::span(sums))));
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(std::as_bytes(std::span(counts))));
  }
  return writer.Finish();
}

// The old form.

/// A length or count, which the format stores signed. @param what  for the message
Result<uint32_t> ReadNatural(ByteReader& in, const char* what, int32_t lowest) {
  ALT_ASSIGN_OR_RETURN(const int32_t value, in.Read<int32_t>());
  if (value >= lowest) return static_cast<uint32_t>(value);
  return Status(ErrorCode::kCorruptFile, std::string(what) + " of " + std::to_string(value));
}

Result<std::string> ReadText(ByteReader& in, const char* what, int32_t shortest) {
  ALT_ASSIGN_OR_RETURN(const uint32_t length, ReadNatural(in, what, shortest));
  ALT_ASSIGN_OR_RETURN(const auto bytes, in.Take(length));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// The message of an error, prefixed by what was being read.
Status Within(const std::string& what, const Status& error) {
  return Status(error.code(), what + ": " + error.message());
}

Result<ImatrixEntry> ReadOldEntry(ByteReader& in) {
  ImatrixEntry entry;
  ALT_ASSIGN_OR_RETURN(const uint32_t n_calls, ReadNatural(in, "a count", 1));
  ALT_ASSIGN_OR_RETURN(const uint32_t n_values, ReadNatural(in, "a number of values", 1));
  ALT_ASSIGN_OR_RETURN(const auto bytes, in.Take(uint64_t{n_values} * sizeof(float)));
  entry.mean_squares = FloatsOf(bytes);
  entry.counts = {n_calls};
  DivideBy(n_calls, entry.mean_squares);
  const auto fault = Fault(entry);
  if (fault) return Status(ErrorCode::kCorruptFile, *fault);
  return entry;
}

Result<Imatrix> ReadOld(ByteReader& in) {
  Imatrix imatrix;
  ALT_ASSIGN_OR_RETURN(const uint32_t n_entries, ReadNatural(in, "a number of entries", 1));
  for (uint32_t i = 0; i < n_entries; ++i) {
    auto name = ReadText(in, "a name length", 1);
    if (!name.ok()) return Within("entry " + std::to_string(i), name.status());
    auto entry = ReadOldEntry(in);
    if (!entry.ok()) return Within(EntryName(name.value()), entry.status());
    const auto place = imatrix.entries.try_emplace(name.value(), std::move(entry).value());
    if (place.second) continue;
    return Status(ErrorCode::kCorruptFile, EntryName(name.value()) + " stands there twice");
  }
  if (in.remaining() == 0) return imatrix;  // the end is optional
  ALT_ASSIGN_OR_RETURN(imatrix.chunk_count, ReadNatural(in, "a number of chunks", 0));
  ALT_ASSIGN_OR_RETURN(std::string dataset, ReadText(in, "a dataset length", 0));
  if (!dataset.empty()) imatrix.datasets.push_back(std::move(dataset));
  if (in.remaining() == 0) return imatrix;
  return Status(ErrorCode::kCorruptFile,
                std::to_string(in.remaining()) + " bytes follow the last field");
}

void Append(std::string& out, const void* bytes, size_t n_bytes) {
  out.append(static_cast<const char*>(bytes), n_bytes);
}

void AppendI32(std::string& out, uint64_t value) {
  const auto number = static_cast<int32_t>(value);
  Append(out, &number, sizeof(number));
}

Status WriteOld(const Imatrix& imatrix, const std::string& path) {
  std::string out;
  AppendI32(out, imatrix.entries.size());
  for (const auto& [name, entry] : imatrix.entries) {
    // The form counts chunks: one begun counts as one, so that none becomes 0.
    const uint64_t most = *std::max_element(entry.counts.begin(), entry.counts.end());
    const uint64_t size = std::max<uint64_t>(imatrix.chunk_size, 1);
    const uint64_t n_calls = most / size + (most % size != 0 ? 1 : 0);
    if (std::max({n_calls, imatrix.chunk_count, uint64_t{entry.mean_squares.size()}}) > INT32_MAX) {
      return Status(ErrorCode::kInvalidArgument,
                    EntryName(name) + ": a count above 2^31, which the old form cannot hold");
    }
    AppendI32(out, name.size());
    out += name;
    AppendI32(out, n_calls);
    AppendI32(out, entry.mean_squares.size());
    for (const float mean : entry.mean_squares) {
      const float value = mean * static_cast<float>(n_calls);
      if (!std::isfinite(value)) {
        return Status(ErrorCode::kInvalidArgument,
                      EntryName(name) + ": a sum that f32 cannot hold");
      }
      Append(out, &value, sizeof(value));
    }
  }
  const std::string dataset = imatrix.datasets.empty() ? "" : imatrix.datasets.back();
  AppendI32(out, imatrix.chunk_count);
  AppendI32(out, dataset.size());
  out += dataset;
  ALT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(out))));
  return file.Commit();
}

}  // namespace

Result<Imatrix> ParseImatrix(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view magic(kGgufMagic, sizeof(kGgufMagic));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(magic)) return ParseGguf(bytes, name);
  ByteReader in(bytes);
  auto imatrix = ReadOld(in);
  if (imatrix.ok()) return imatrix;
  return Corrupt(name, "is neither GGUF nor an importance matrix of the old form: " +
                           imatrix.status().message() + std::string(LfsPointerHint(bytes)));
}

Result<Imatrix> ReadImatrix(const std::string& path) {
  ALT_ASSIGN_OR_RETURN(const Buffer file, Buffer::MapFile(path));
  return ParseImatrix(file.bytes(), path);
}

Status WriteImatrix(const Imatrix& imatrix, ImatrixForm form, const std::string& path) {
  if (imatrix.entries.empty()) {
    return Status(ErrorCode::kInvalidArgument, path + ": an importance matrix without entries");
  }
  for (const auto& [name, entry] : imatrix.entries) {
    const auto fault = name.empty() ? std::optional<std::string>("no name") : Fault(entry);
    if (fault) return Status(ErrorCode::kInvalidArgument, EntryName(name) + ": " + *fault);
  }
  return form == ImatrixForm::kGguf ? WriteGguf(imatrix, path) : WriteOld(imatrix, path);
}

}  // namespace altteul::formats

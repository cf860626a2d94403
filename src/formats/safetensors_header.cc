// SPDX-License-Identifier: Apache-2.0

#include "formats/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/checked_math.h"
#include "formats/byte_reader.h"
#include "formats/json_file.h"
#include "formats/lfs_pointer.h"
#include "formats/quote.h"
#include "tensor/dtype.h"

namespace altteul::formats {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

/// { "name": {"dtype": ..., "shape": [...], "data_offsets": [begin, end]} }: three levels.
constexpr int kMaxHeaderDepth = 8;

struct TypeRow {
  std::string_view name;
  DType type;
};

// The format has more (BOOL, unsigned integers, floats of 8 bits and fewer); its tensors are told
// by name to whoever would use one.
constexpr std::array<TypeRow, 8> kTypes = {{{"F64", DType::kF64},
                                            {"F32", DType::kF32},
                                            {"F16", DType::kF16},
                                            {"BF16", DType::kBF16},
                                            {"I64", DType::kI64},
                                            {"I32", DType::kI32},
                                            {"I16", DType::kI16},
                                            {"I8", DType::kI8}}};

struct TensorRecord {
  SafetensorsTensor tensor;
  std::string type;    // as the file has it
  std::string unread;  // why the tensor cannot be read; or empty
  uint64_t begin = 0;  // in the data section [bytes]
  uint64_t end = 0;
};

Status Corrupt(std::string what) { return Status(ErrorCode::kCorruptFile, std::move(what)); }

const json* Member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

void Unread(const std::string& why, TensorRecord& out) {
  if (out.unread.empty()) out.unread = why;
}

Status ReadType(const json& record, TensorRecord& out) {
  const json* dtype = Member(record, "dtype");
  if (dtype == nullptr || !dtype->is_string()) return Corrupt("\"dtype\" is missing or no string");
  out.type = dtype->get<std::string>();
  for (const TypeRow& row : kTypes) {
    if (row.name != out.type) continue;
    out.tensor.view.type = row.type;
    return Status();
  }
  Unread("has the element type " + Quote(out.type) +
             ", which is not read here (F64 F32 F16 BF16 I64 I32 I16 I8 are)",
         out);
  return Status();
}

Status ReadShape(const json& record, TensorRecord& out) {
  const json* extents = Member(record, "shape");
  if (extents == nullptr || !extents->is_array()) return Corrupt("\"shape\" is missing or no list");
  for (const json& extent : *extents) {
    if (!extent.is_number_unsigned()) return Corrupt("\"shape\" must hold integers of at least 0");
    if (extent.get<uint64_t>() == 0) Unread("is empty: it has a dimension of 0", out);
  }
  if (extents->size() > Shape::kMaxDims) {
    Unread("has " + std::to_string(extents->size()) + " dimensions, more than the " +
               std::to_string(Shape::kMaxDims) + " we hold",
           out);
  }
  if (!out.unread.empty()) return Status();
  Shape& shape = out.tensor.view.shape;
  uint64_t n_elements = 1;
  for (const json& extent : *extents) {
    const auto value = extent.get<uint64_t>();
    const auto product = CheckedMul(n_elements, value);
    if (!product) return Corrupt("a dimension of " + std::to_string(value) + " is too large");
    n_elements = *product;
    shape.dims[shape.n_dims++] = value;
  }
  return Status();
}

Status ReadOffsets(const json& record, uint64_t data_bytes, TensorRecord& out) {
  const json* offsets = Member(record, "data_offsets");
  const bool is_pair = offsets != nullptr && offsets->is_array() && offsets->size() == 2 &&
                       (*offsets)[0].is_number_unsigned() && (*offsets)[1].is_number_unsigned();
  if (!is_pair) return Corrupt("\"data_offsets\" is missing or no pair of integers");
  out.begin = (*offsets)[0].get<uint64_t>();
  out.end = (*offsets)[1].get<uint64_t>();
  if (out.begin > out.end || out.end > data_bytes) {
    return Corrupt("data offsets " + std::to_string(out.begin) + " to " + std::to_string(out.end) +
                   ", but the data section has " + std::to_string(data_bytes) + " bytes");
  }
  return Status();
}

Status ReadRecord(const json& record, std::span<const std::byte> data, TensorRecord& out) {
  if (!record.is_object()) return Corrupt("its record is no object");
  TensorView& view = out.tensor.view;
  ALT_RETURN_IF_ERROR(ReadType(record, out));
  ALT_RETURN_IF_ERROR(ReadShape(record, out));
  ALT_RETURN_IF_ERROR(ReadOffsets(record, data.size(), out));
  if (!out.unread.empty()) return Status();
  // All these types have blocks of one element, so bytes are elements times the block.
  const auto size_bytes = CheckedMul(view.shape.Elements(), TraitsOf(view.type).block_bytes);
  if (!size_bytes || *size_bytes != out.end - out.begin) {
    const std::string needed = size_bytes ? std::to_string(*size_bytes) : "more than 2^64";
    return Corrupt("data offsets " + std::to_string(out.begin) + " to " + std::to_string(out.end) +
                   " hold " + std::to_string(out.end - out.begin) + " bytes, but " +
                   std::string(TraitsOf(view.type).name) + " " + view.shape.ToString() + " needs " +
                   needed);
  }
  view.bytes =
      data.subspan(static_cast<size_t>(out.begin), static_cast<size_t>(out.end - out.begin));
  return Status();
}

/// The format wants every byte of the data section to belong to exactly one tensor, so that nothing
/// can hide in it.
Status RefuseHolesAndOverlaps(std::span<const TensorRecord> records, uint64_t data_bytes) {
  uint64_t reached = 0;
  for (const TensorRecord& record : records) {
    if (record.begin != reached) {
      return Corrupt("tensor " + Quote(record.tensor.name) + " begins at data offset " +
                     std::to_string(record.begin) + ", but the tensors before it end at " +
                     std::to_string(reached) + (record.begin < reached ? " (overlap)" : " (hole)"));
    }
    reached = record.end;
  }
  if (reached == data_bytes) return Status();
  return Corrupt("the tensors end at data offset " + std::to_string(reached) +
                 ", but the data section has " + std::to_string(data_bytes) + " bytes");
}

Status ReadMetadata(const json& object, std::map<std::string, std::string>& metadata) {
  if (object.is_null()) return Status();  // as good as absent
  if (!object.is_object()) return Corrupt("\"__metadata__\" is no object");
  for (const auto& member : object.items()) {
    if (!member.value().is_string()) {
      return Corrupt("\"__metadata__\" key " + Quote(member.key()) + " holds no string");
    }
    metadata[member.key()] = member.value().get<std::string>();
  }
  return Status();
}

Result<SafetensorsHeader> ReadRecords(const json& root, std::span<const std::byte> data) {
  if (!root.is_object()) return Corrupt("the header is no JSON object");
  SafetensorsHeader header;
  std::vector<TensorRecord> records;
  for (const auto& member : root.items()) {
    if (member.key() == "__metadata__") {
      ALT_RETURN_IF_ERROR(ReadMetadata(member.value(), header.metadata));
      continue;
    }
    TensorRecord record;
    record.tensor.name = member.key();
    const Status status = ReadRecord(member.value(), data, record);
    if (!status.ok()) {
      return Status(status.code(), "tensor " + Quote(member.key()) + ": " + status.message());
    }
    records.push_back(std::move(record));
  }
  // An empty tensor takes no bytes, so it goes before the one that begins where it does.
  std::sort(records.begin(), records.end(), [](const TensorRecord& a, const TensorRecord& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  ALT_RETURN_IF_ERROR(RefuseHolesAndOverlaps(records, data.size()));
  header.tensors.reserve(records.size());
  for (TensorRecord& record : records) {
    if (record.unread.empty()) {
      header.tensors.push_back(std::move(record.tensor));
    } else {
      header.unread.push_back(
          {std::move(record.tensor.name), std::move(record.type), std::move(record.unread)});
    }
  }
  return header;
}

}  // namespace

Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> bytes,
                                                 const std::string& name) {
  ByteReader in(bytes);
  auto header_bytes = in.Read<uint64_t>();
  if (!header_bytes.ok()) {
    return Corrupt(name + ": not a safetensors file: " + header_bytes.status().message());
  }
  const uint64_t n_bytes = header_bytes.value();
  if (n_bytes > kMaxHeaderBytes || n_bytes > in.remaining()) {
    return Corrupt(name + ": not a safetensors file: a header of " + std::to_string(n_bytes) +
                   " bytes, but " + std::to_string(in.remaining()) + " follow and " +
                   std::to_string(kMaxHeaderBytes) + " are allowed" +
                   std::string(LfsPointerHint(bytes)));
  }
  ALT_ASSIGN_OR_RETURN(const auto text, in.Take(n_bytes));
  if (text.empty() || text[0] != std::byte{'{'}) {
    return Corrupt(name + ": not a safetensors file: the header at offset 8 does not begin with {");
  }
  ALT_ASSIGN_OR_RETURN(const json root,
                       ParseJson(text, name + ": header",
                                 {.max_bytes = kMaxHeaderBytes, .max_depth = kMaxHeaderDepth}));
  ALT_ASSIGN_OR_RETURN(const auto data, in.Take(in.remaining()));
  auto header = ReadRecords(root, data);
  if (!header.ok()) {
    return Status(header.status().code(), name + ": " + header.status().message());
  }
  return header;
}

}  // namespace altteul::formats

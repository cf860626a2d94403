// SPDX-License-Identifier: Apache-2.0

#include "formats/gguf_part.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/checked_math.h"
#include "formats/byte_reader.h"
#include "formats/gguf_value.h"
#include "formats/lfs_pointer.h"
#include "formats/quote.h"
#include "tensor/dtype.h"

namespace altteul::formats {
namespace {

constexpr uint64_t kMinEntryBytes = 8 + 4 + 1;           // empty key, type, one byte
constexpr uint64_t kMinTensorInfoBytes = 8 + 4 + 4 + 8;  // empty name, no dimension
// A thousand times what the largest models have. A record takes more memory than bytes in the file,
// so that without a limit a file of some GB could claim all the memory there is.
constexpr uint64_t kMaxRecords = uint64_t{1} << 20;

/// A tensor as its record says, before its bytes are looked for.
struct TensorInfo {
  GgufTensor tensor;
  uint64_t offset = 0;  // from the data section [bytes]
  uint64_t size_bytes = 0;
};

struct Counts {
  uint64_t n_tensors = 0;
  uint64_t n_entries = 0;
};

Status Corrupt(std::string what) { return Status(ErrorCode::kCorruptFile, std::move(what)); }

/// Puts where we were in front of what went wrong.
Status At(const std::string& place, const Status& status) {
  return Status(status.code(), place + ": " + status.message());
}

Status CheckVersion(uint32_t version) {
  if (version == 2 || version == kGgufVersion) return Status();
  if (version == 0) return Corrupt("version 0 at offset 4");
  if ((version & 0xffff) == 0) {
    return Status(ErrorCode::kUnsupported,
                  "is a big-endian GGUF file (version field " + std::to_string(version) +
                      " at offset 4); only little-endian files are supported");
  }
  return Status(ErrorCode::kUnsupported, "GGUF version " + std::to_string(version) +
                                             (version == 1 ? " is too old" : " is unknown") +
                                             "; versions 2 and 3 are supported");
}

Result<uint32_t> ReadMagicAndVersion(ByteReader& in, std::string_view hint) {
  auto magic = in.Take(sizeof(kGgufMagic));
  if (!magic.ok()) return At("not a GGUF file", magic.status());
  const std::span<const std::byte> bytes = magic.value();
  if (std::memcmp(bytes.data(), kGgufMagic, sizeof(kGgufMagic)) != 0) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Corrupt("not a GGUF file: it begins with " + Quote(text) + ", not \"GGUF\"" +
                   std::string(hint));
  }
  ALT_ASSIGN_OR_RETURN(const uint32_t version, in.Read<uint32_t>());
  ALT_RETURN_IF_ERROR(CheckVersion(version));
  return version;
}

Status CheckCount(const char* what, uint64_t count, uint64_t most, uint64_t remaining) {
  if (count > most) {
    return Corrupt(std::to_string(count) + " " + what + ", but only " + std::to_string(remaining) +
                   " bytes follow the header");
  }
  if (count > kMaxRecords) {
    return Status(ErrorCode::kUnsupported, std::to_string(count) + " " + what + ", more than the " +
                                               std::to_string(kMaxRecords) + " we read");
  }
  return Status();
}

Result<Counts> ReadCounts(ByteReader& in) {
  Counts counts;
  ALT_ASSIGN_OR_RETURN(counts.n_tensors, in.Read<uint64_t>());
  ALT_ASSIGN_OR_RETURN(counts.n_entries, in.Read<uint64_t>());
  ALT_RETURN_IF_ERROR(CheckCount("tensors at offset 8", counts.n_tensors,
                                 in.remaining() / kMinTensorInfoBytes, in.remaining()));
  ALT_RETURN_IF_ERROR(CheckCount("metadata entries at offset 16", counts.n_entries,
                                 in.remaining() / kMinEntryBytes, in.remaining()));
  return counts;
}

Status ReadMetadata(ByteReader& in, uint64_t n_entries, GgufPart& part) {
  part.metadata.reserve(static_cast<size_t>(n_entries));
  for (uint64_t i = 0; i < n_entries; ++i) {
    const std::string number = "metadata entry " + std::to_string(i);
    const size_t at = in.offset();
    auto key = ReadGgufString(in);
    if (!key.ok()) return At("key of " + number, key.status());
    if (key.value().empty() || key.value().size() > kGgufMaxNameBytes) {
      return Corrupt("key of " + number + " at offset " + std::to_string(at) + " has " +
                     std::to_string(key.value().size()) + " bytes (1 to " +
                     std::to_string(kGgufMaxNameBytes) + " are allowed)");
    }
    auto value = ReadGgufValue(in);
    if (!value.ok()) return At("key " + Quote(key.value()), value.status());
    part.metadata.push_back({key.value(), value.value()});
  }

  part.metadata_by_key.resize(part.metadata.size());
  std::iota(part.metadata_by_key.begin(), part.metadata_by_key.end(), 0u);
  const auto key_of = [&](uint32_t index) { return part.metadata[index].key; };
  std::sort(part.metadata_by_key.begin(), part.metadata_by_key.end(),
            [&](uint32_t a, uint32_t b) { return key_of(a) < key_of(b); });
  for (size_t i = 1; i < part.metadata_by_key.size(); ++i) {
    if (key_of(part.metadata_by_key[i - 1]) == key_of(part.metadata_by_key[i])) {
      return Corrupt("key " + Quote(key_of(part.metadata_by_key[i])) + " stands there twice");
    }
  }
  return Status();
}

Status ReadAlignment(GgufPart& part) {
  const GgufValue* value = FindGgufValue(part.metadata, part.metadata_by_key, "general.alignment");
  if (value == nullptr) return Status();
  if (value->type != GgufType::kU32) {
    return Corrupt("key \"general.alignment\" is of type " +
                   std::string(GgufTypeName(value->type)) + ", must be u32");
  }
  part.alignment = std::get<uint64_t>(value->held);
  if (part.alignment == 0 || (part.alignment & (part.alignment - 1)) != 0) {
    return Corrupt("key \"general.alignment\" is " + std::to_string(part.alignment) +
                   ", must be a power of two");
  }
  return Status();
}

/// The extents, fastest axis first in the file, slowest first in `shape`.
Status ReadShape(ByteReader& in, Shape& shape) {
  const size_t at = in.offset();
  ALT_ASSIGN_OR_RETURN(const uint32_t n_dims, in.Read<uint32_t>());
  if (n_dims > kGgufMaxDims) {  // none: a scalar
    return Corrupt(std::to_string(n_dims) + " dimensions at offset " + std::to_string(at) +
                   " (0 to " + std::to_string(kGgufMaxDims) + " are allowed)");
  }
  shape.n_dims = n_dims;
  uint64_t n_elements = 1;
  for (uint32_t axis = n_dims; axis-- > 0;) {
    const size_t extent_at = in.offset();
    ALT_ASSIGN_OR_RETURN(const uint64_t extent, in.Read<uint64_t>());
    const auto product = CheckedMul(n_elements, extent);
    if (extent == 0 || !product) {
      return Corrupt("a dimension of " + std::to_string(extent) + " at offset " +
                     std::to_string(extent_at));
    }
    shape.dims[axis] = extent;
    n_elements = *product;
  }
  return Status();
}

Status ReadTensorBody(ByteReader& in, uint64_t alignment, TensorInfo& info) {
  Shape& shape = info.tensor.view.shape;
  ALT_RETURN_IF_ERROR(ReadShape(in, shape));

  const size_t type_at = in.offset();
  ALT_ASSIGN_OR_RETURN(const uint32_t type_id, in.Read<uint32_t>());
  const auto type = DTypeFromId(type_id);
  if (!type) {
    return Status(ErrorCode::kUnsupported, "unknown tensor type " + std::to_string(type_id) +
                                               " at offset " + std::to_string(type_at));
  }
  info.tensor.view.type = *type;

  const auto row_bytes = RowBytes(*type, shape.cols());
  if (!row_bytes) {
    return Corrupt("rows of " + std::to_string(shape.cols()) + " values cannot be of type " +
                   std::string(TraitsOf(*type).name) + ", whose blocks hold " +
                   std::to_string(TraitsOf(*type).block_elements));
  }
  const auto size_bytes = CheckedMul(*row_bytes, shape.rows());
  if (!size_bytes) return Corrupt("shape " + shape.ToString() + " is too large");
  info.size_bytes = *size_bytes;

  const size_t offset_at = in.offset();
  ALT_ASSIGN_OR_RETURN(info.offset, in.Read<uint64_t>());
  if (info.offset % alignment != 0) {
    return Corrupt("data offset " + std::to_string(info.offset) + " at offset " +
                   std::to_string(offset_at) + " is not a multiple of the alignment " +
                   std::to_string(alignment));
  }
  return Status();
}

Result<TensorInfo> ReadTensorInfo(ByteReader& in, uint64_t number, uint64_t alignment) {
  TensorInfo info;
  const size_t at = in.offset();
  auto name = ReadGgufString(in);
  if (!name.ok()) return At("name of tensor " + std::to_string(number), name.status());
  info.tensor.name = name.value();
  if (info.tensor.name.empty() || info.tensor.name.size() > kGgufMaxNameBytes) {
    return Corrupt("name of tensor " + std::to_string(number) + " at offset " + std::to_string(at) +
                   " has " + std::to_string(info.tensor.name.size()) + " bytes");
  }
  const Status body = ReadTensorBody(in, alignment, info);
  if (!body.ok()) return At("tensor " + Quote(info.tensor.name), body);
  return info;
}

/// Finds each tensor's bytes and proves that they are inside the file.
Status PlaceTensors(std::span<const std::byte> bytes, uint64_t data_offset,
                    std::span<TensorInfo> infos) {
  const auto data = data_offset <= bytes.size() ? bytes.subspan(static_cast<size_t>(data_offset))
                                                : std::span<const std::byte>();
  for (TensorInfo& info : infos) {
    if (info.offset > data.size() || info.size_bytes > data.size() - info.offset) {
      return Corrupt("tensor " + Quote(info.tensor.name) + " has " +
                     std::to_string(info.size_bytes) + " bytes at data offset " +
                     std::to_string(info.offset) + ", but the data section, from offset " +
                     std::to_string(data_offset) + ", has " + std::to_string(data.size()));
    }
    info.tensor.view.bytes =
        data.subspan(static_cast<size_t>(info.offset), static_cast<size_t>(info.size_bytes));
  }
  return Status();
}

Status RefuseOverlaps(std::span<const TensorInfo> infos) {
  std::vector<const TensorInfo*> by_offset;
  by_offset.reserve(infos.size());
  for (const TensorInfo& info : infos) by_offset.push_back(&info);
  std::sort(by_offset.begin(), by_offset.end(),
            [](const TensorInfo* a, const TensorInfo* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const TensorInfo& first = *by_offset[i - 1];
    const TensorInfo& second = *by_offset[i];
    if (second.offset - first.offset < first.size_bytes) {
      return Corrupt("tensor " + Quote(second.tensor.name) + " at data offset " +
                     std::to_string(second.offset) + " overlaps tensor " +
                     Quote(first.tensor.name) + " of " + std::to_string(first.size_bytes) +
                     " bytes at data offset " + std::to_string(first.offset));
    }
  }
  return Status();
}

Status ParseInto(std::span<const std::byte> bytes, ByteReader& in, GgufPart& part) {
  ALT_ASSIGN_OR_RETURN(part.version, ReadMagicAndVersion(in, LfsPointerHint(bytes)));
  ALT_ASSIGN_OR_RETURN(const Counts counts, ReadCounts(in));
  ALT_RETURN_IF_ERROR(ReadMetadata(in, counts.n_entries, part));
  ALT_RETURN_IF_ERROR(ReadAlignment(part));

  std::vector<TensorInfo> infos;
  infos.reserve(static_cast<size_t>(counts.n_tensors));
  for (uint64_t i = 0; i < counts.n_tensors; ++i) {
    ALT_ASSIGN_OR_RETURN(const TensorInfo info, ReadTensorInfo(in, i, part.alignment));
    infos.push_back(info);
  }

  // Cannot wrap: an offset inside a mapping and an alignment of at most 2^31.
  part.data_offset = (in.offset() + part.alignment - 1) / part.alignment * part.alignment;
  ALT_RETURN_IF_ERROR(PlaceTensors(bytes, part.data_offset, infos));
  ALT_RETURN_IF_ERROR(RefuseOverlaps(infos));
  part.tensors.reserve(infos.size());
  for (const TensorInfo& info : infos) part.tensors.push_back(info.tensor);
  return Status();
}

}  // namespace

Result<GgufPart> ParseGgufPart(std::span<const std::byte> bytes, const std::string& name) {
  GgufPart part;
  ByteReader in(bytes);
  const Status status = ParseInto(bytes, in, part);
  if (!status.ok()) return At(name, status);
  return part;
}

Result<std::optional<uint64_t>> GgufHeaderBytes(std::span<const std::byte> bytes, size_t known,
                                                const std::string& name) {
  GgufPart part;
  ByteReader in(bytes, known);
  const Status status = ParseInto(bytes, in, part);
  if (in.ran_out()) return std::optional<uint64_t>();
  if (!status.ok()) return At(name, status);
  return std::optional<uint64_t>(part.data_offset);
}

const GgufValue* FindGgufValue(std::span<const GgufEntry> metadata,
                               std::span<const uint32_t> by_key, std::string_view key) {
  const auto found = std::lower_bound(
      by_key.begin(), by_key.end(), key,
      [&](uint32_t index, std::string_view wanted) { return metadata[index].key < wanted; });
  if (found == by_key.end() || metadata[*found].key != key) return nullptr;
  return &metadata[*found].value;
}

}  // namespace altteul::formats

// SPDX-License-Identifier: Apache-2.0

#include "formats/gguf_value.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

namespace altteul::formats {
namespace {

static_assert(std::endian::native == std::endian::little,
              "fields are copied as they lie in the file, which is little-endian");

struct TypeRow {
  std::string_view name;
  uint64_t min_bytes;
};

// Indexed by the type's id.
constexpr std::array<TypeRow, 13> kTypes = {{{"u8", 1},
                                             {"i8", 1},
                                             {"u16", 2},
                                             {"i16", 2},
                                             {"u32", 4},
                                             {"i32", 4},
                                             {"f32", 4},
                                             {"bool", 1},
                                             {"string", 8},  // length
                                             {"array", 12},  // element type, count
                                             {"u64", 8},
                                             {"i64", 8},
                                             {"f64", 8}}};

Result<GgufType> ReadType(ByteReader& in) {
  const size_t at = in.offset();
  ALT_ASSIGN_OR_RETURN(const uint32_t id, in.Read<uint32_t>());
  const auto type = GgufTypeFromId(id);
  if (!type) {
    return Status(ErrorCode::kCorruptFile, "unknown value type " + std::to_string(id) +
                                               " at offset " + std::to_string(at) +
                                               " (0 to 12 are known)");
  }
  return *type;
}

Status CheckBool(uint8_t byte, size_t at) {
  if (byte <= 1) return Status();
  return Status(ErrorCode::kCorruptFile, "a bool of " + std::to_string(byte) + " at offset " +
                                             std::to_string(at) + " (only 0 and 1 are allowed)");
}

/// T as stored, widened to Wide.
template <typename T, typename Wide>
Status ReadWidened(ByteReader& in, GgufValue& value) {
  ALT_ASSIGN_OR_RETURN(const T stored, in.Read<T>());
  value.held = static_cast<Wide>(stored);
  return Status();
}

Result<GgufArray> ReadArray(ByteReader& in, int depth);

/// Proves `n` elements of a type whose size is in the elements themselves.
Status WalkElements(ByteReader& in, GgufType type, uint64_t n, int depth) {
  for (uint64_t i = 0; i < n; ++i) {
    if (type == GgufType::kString) {
      ALT_RETURN_IF_ERROR(ReadGgufString(in).status());
    } else {
      ALT_RETURN_IF_ERROR(ReadArray(in, depth + 1).status());
    }
  }
  return Status();
}

Result<GgufArray> ReadArray(ByteReader& in, int depth) {
  if (depth > kGgufMaxNesting) {
    return Status(ErrorCode::kCorruptFile, "arrays nested deeper than " +
                                               std::to_string(kGgufMaxNesting) + " at offset " +
                                               std::to_string(in.offset()));
  }
  GgufArray array;
  ALT_ASSIGN_OR_RETURN(array.element_type, ReadType(in));
  const size_t count_at = in.offset();
  ALT_ASSIGN_OR_RETURN(array.n_elements, in.Read<uint64_t>());
  const uint64_t min_bytes = GgufMinBytes(array.element_type);
  if (array.n_elements > in.remaining() / min_bytes) {
    return Status(ErrorCode::kCorruptFile,
                  "an array of " + std::to_string(array.n_elements) + " values of type " +
                      std::string(GgufTypeName(array.element_type)) + " at offset " +
                      std::to_string(count_at) + ", but only " + std::to_string(in.remaining()) +
                      " bytes follow");
  }

  ByteReader start = in;
  if (array.element_type == GgufType::kString || array.element_type == GgufType::kArray) {
    ALT_RETURN_IF_ERROR(WalkElements(in, array.element_type, array.n_elements, depth));
  } else {
    ALT_RETURN_IF_ERROR(in.Take(array.n_elements * min_bytes).status());
  }
  ALT_ASSIGN_OR_RETURN(array.bytes, start.Take(in.offset() - start.offset()));
  if (array.element_type == GgufType::kBool) {
    for (size_t i = 0; i < array.bytes.size(); ++i) {
      ALT_RETURN_IF_ERROR(
          CheckBool(static_cast<uint8_t>(array.bytes[i]), count_at + sizeof(uint64_t) + i));
    }
  }
  return array;
}

template <typename T, typename Out>
void Convert(std::span<const std::byte> bytes, std::vector<Out>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<Out>(stored);
  }
}

Status WrongElements(const GgufArray& array, const char* wanted) {
  return Status(ErrorCode::kUnsupported, "an array of " +
                                             std::string(GgufTypeName(array.element_type)) +
                                             " where one of " + wanted + " is wanted");
}

/// Of numbers that were read from unsigned ones.
Status CheckSigns(const std::vector<int64_t>& integers) {
  for (const int64_t value : integers) {
    if (value >= 0) continue;
    return Status(ErrorCode::kCorruptFile, "an array value of " +
                                               std::to_string(static_cast<uint64_t>(value)) +
                                               " does not fit in a signed 64-bit integer");
  }
  return Status();
}

/// Whether each is a whole number that a float holds exactly.
bool AreIntegers(const std::vector<float>& floats) {
  constexpr float kMostExact = 16777216.0f;  // 2^24
  return std::all_of(floats.begin(), floats.end(), [](float value) {
    return std::fabs(value) <= kMostExact && value == std::floor(value);
  });
}

}  // namespace

std::optional<GgufType> GgufTypeFromId(uint32_t id) {
  if (id >= kTypes.size()) return std::nullopt;
  return static_cast<GgufType>(id);
}

std::string_view GgufTypeName(GgufType type) { return kTypes[static_cast<size_t>(type)].name; }

uint64_t GgufMinBytes(GgufType type) { return kTypes[static_cast<size_t>(type)].min_bytes; }

Result<std::string_view> ReadGgufString(ByteReader& in) {
  ALT_ASSIGN_OR_RETURN(const uint64_t length, in.Read<uint64_t>());
  ALT_ASSIGN_OR_RETURN(const auto bytes, in.Take(length));
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<GgufValue> ReadGgufValue(ByteReader& in) {
  GgufValue value;
  ALT_ASSIGN_OR_RETURN(value.type, ReadType(in));
  const size_t at = in.offset();
  ByteReader start = in;
  Status status;
  switch (value.type) {
    case GgufType::kU8:
      status = ReadWidened<uint8_t, uint64_t>(in, value);
      break;
    case GgufType::kI8:
      status = ReadWidened<int8_t, int64_t>(in, value);
      break;
    case GgufType::kU16:
      status = ReadWidened<uint16_t, uint64_t>(in, value);
      break;
    case GgufType::kI16:
      status = ReadWidened<int16_t, int64_t>(in, value);
      break;
    case GgufType::kU32:
      status = ReadWidened<uint32_t, uint64_t>(in, value);
      break;
    case GgufType::kI32:
      status = ReadWidened<int32_t, int64_t>(in, value);
      break;
    case GgufType::kF32:
      status = ReadWidened<float, double>(in, value);
      break;
    case GgufType::kU64:
      status = ReadWidened<uint64_t, uint64_t>(in, value);
      break;
    case GgufType::kI64:
      status = ReadWidened<int64_t, int64_t>(in, value);
      break;
    case GgufType::kF64:
      status = ReadWidened<double, double>(in, value);
      break;
    case GgufType::kBool: {
      ALT_ASSIGN_OR_RETURN(const uint8_t byte, in.Read<uint8_t>());
      status = CheckBool(byte, at);
      value.held = byte != 0;
      break;
    }
    case GgufType::kString: {
      ALT_ASSIGN_OR_RETURN(value.held, ReadGgufString(in));
      break;
    }
    case GgufType::kArray: {
      ALT_ASSIGN_OR_RETURN(value.held, ReadArray(in, 1));
      break;
    }
  }
  if (!status.ok()) return status;
  ALT_ASSIGN_OR_RETURN(value.bytes, start.Take(in.offset() - at));
  return value;
}

Result<std::vector<std::string_view>> GgufArray::Strings() const {
  if (n_elements == 0) return std::vector<std::string_view>();  // of whatever type
  if (element_type != GgufType::kString) return WrongElements(*this, "strings");
  std::vector<std::string_view> strings;
  strings.reserve(static_cast<size_t>(n_elements));  // proved: each takes at least 8 bytes
  ByteReader in(bytes);
  for (uint64_t i = 0; i < n_elements; ++i) {
    ALT_ASSIGN_OR_RETURN(const std::string_view text, ReadGgufString(in));
    strings.push_back(text);
  }
  return strings;
}

Result<std::vector<int64_t>> GgufArray::Integers() const {
  std::vector<int64_t> integers(static_cast<size_t>(n_elements));
  switch (element_type) {
    case GgufType::kBool:
    case GgufType::kU8:
      Convert<uint8_t>(bytes, integers);
      break;
    case GgufType::kI8:
      Convert<int8_t>(bytes, integers);
      break;
    case GgufType::kU16:
      Convert<uint16_t>(bytes, integers);
      break;
    case GgufType::kI16:
      Convert<int16_t>(bytes, integers);
      break;
    case GgufType::kU32:
      Convert<uint32_t>(bytes, integers);
      break;
    case GgufType::kI32:
      Convert<int32_t>(bytes, integers);
      break;
    case GgufType::kI64:
      Convert<int64_t>(bytes, integers);
      break;
    case GgufType::kU64:
      Convert<uint64_t>(bytes, integers);
      ALT_RETURN_IF_ERROR(CheckSigns(integers));
      break;
    case GgufType::kF32:
    case GgufType::kF64: {
      ALT_ASSIGN_OR_RETURN(const std::vector<float> floats, Floats());
      if (!AreIntegers(floats)) return WrongElements(*this, "integers");
      std::transform(floats.begin(), floats.end(), integers.begin(),
                     [](float value) { return static_cast<int64_t>(value); });
      break;
    }
    default:
      if (n_elements == 0) break;
      return WrongElements(*this, "integers");
  }
  return integers;
}

Result<std::vector<float>> GgufArray::Floats() const {
  std::vector<float> floats(static_cast<size_t>(n_elements));
  switch (element_type) {
    case GgufType::kU8:
      Convert<uint8_t>(bytes, floats);
      break;
    case GgufType::kI8:
      Convert<int8_t>(bytes, floats);
      break;
    case GgufType::kU16:
      Convert<uint16_t>(bytes, floats);
      break;
    case GgufType::kI16:
      Convert<int16_t>(bytes, floats);
      break;
    case GgufType::kU32:
      Convert<uint32_t>(bytes, floats);
      break;
    case GgufType::kI32:
      Convert<int32_t>(bytes, floats);
      break;
    case GgufType::kU64:
      Convert<uint64_t>(bytes, floats);
      break;
    case GgufType::kI64:
      Convert<int64_t>(bytes, floats);
      break;
    case GgufType::kF32:
      Convert<float>(bytes, floats);
      break;
    case GgufType::kF64:
      Convert<double>(bytes, floats);
      break;
    default:
      if (n_elements == 0) break;
      return WrongElements(*this, "numbers");
  }
  return floats;
}

Result<std::vector<GgufArray>> GgufArray::Arrays() const {
  if (element_type != GgufType::kArray) return WrongElements(*this, "arrays");
  std::vector<GgufArray> arrays;
  arrays.reserve(static_cast<size_t>(n_elements));  // proved: each takes at least 12 bytes
  ByteReader in(bytes);
  for (uint64_t i = 0; i < n_elements; ++i) {
    ALT_ASSIGN_OR_RETURN(GgufArray array, ReadArray(in, 1));
    arrays.push_back(array);
  }
  return arrays;
}

}  // namespace altteul::formats

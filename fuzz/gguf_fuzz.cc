// SPDX-License-Identifier: Apache-2.0

// Any bytes may be refused as GGUF; none may crash, hang or be read past their end. What the reader
// promises of a file it accepts must hold for every input.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <span>

#include "formats/gguf.h"
#include "tensor/dtype.h"

namespace {

using altteul::formats::GgufArray;
using altteul::formats::GgufFile;
using altteul::formats::GgufType;

void Require(bool promise) {
  if (!promise) std::abort();
}

bool Inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
  const std::less_equal<const std::byte*> before;
  return before(whole.data(), part.data()) &&
         before(part.data() + part.size(), whole.data() + whole.size());
}

/// Every element of a proved array can be read, as a view of the right length.
void ReadArray(const GgufArray& array) {
  const uint64_t n = array.n_elements;
  if (array.element_type == GgufType::kString) {
    Require(array.Strings().value().size() == n);
  } else if (array.element_type == GgufType::kArray) {
    auto inner = array.Arrays();
    Require(inner.ok() && inner.value().size() == n);
    for (const GgufArray& element : inner.value()) ReadArray(element);
  } else {
    static_cast<void>(array.Integers());
    static_cast<void>(array.Floats());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  auto parsed = GgufFile::Parse(bytes, "fuzz.gguf");
  if (!parsed.ok()) {
    Require(parsed.status().message().rfind("fuzz.gguf: ", 0) == 0);
    return 0;
  }
  const GgufFile& file = parsed.value();
  for (const auto& entry : file.metadata()) {
    Require(file.FindValue(entry.key) == &entry.value);
    Require(Inside(entry.value.bytes, bytes));
    static_cast<void>(file.GetUint(entry.key));
    static_cast<void>(file.GetFloat(entry.key));
    static_cast<void>(file.GetBool(entry.key));
    static_cast<void>(file.GetString(entry.key));
    auto array = file.GetArray(entry.key);
    if (array.ok()) ReadArray(*array.value());
  }
  uint64_t total = 0;  // no byte belongs to two tensors
  for (const auto& tensor : file.tensors()) {
    Require(file.FindTensor(tensor.name) == &tensor);
    Require(Inside(tensor.view.bytes, bytes));
    const auto row_bytes = altteul::RowBytes(tensor.view.type, tensor.view.shape.cols());
    Require(row_bytes && *row_bytes * tensor.view.shape.rows() == tensor.view.bytes.size());
    total += tensor.view.bytes.size();
  }
  Require(total <= size);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0

// Any bytes may be refused as safetensors; none may crash, hang or be read past their end. What the
// reader promises of a file it accepts must hold for every input.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "formats/safetensors.h"
#include "tensor/dtype.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  auto parsed = altteul::formats::SafetensorsModel::Parse(bytes, "fuzz.safetensors");
  if (!parsed.ok()) {
    Require(parsed.status().message().rfind("fuzz.safetensors: ", 0) == 0);
    return 0;
  }
  const auto& model = parsed.value();
  // The tensors lie side by side and end with the file.
  const std::byte* end = bytes.data() + size;
  for (size_t i = model.tensors().size(); i-- > 0;) {
    const auto& tensor = model.tensors()[i];
    Require(model.Find(tensor.name) == &tensor);
    Require(tensor.view.bytes.data() + tensor.view.bytes.size() == end);
    const auto row_bytes = altteul::RowBytes(tensor.view.type, tensor.view.shape.cols());
    Require(row_bytes && *row_bytes * tensor.view.shape.rows() == tensor.view.bytes.size());
    end = tensor.view.bytes.data();
  }
  return 0;
}

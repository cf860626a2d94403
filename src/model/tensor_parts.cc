// SPDX-License-Identifier: Apache-2.0

#include "model/tensor_parts.h"

#include <string>

#include "base/check.h"

namespace altteul::model {
namespace {

/// "blk.0.ffn_up_exps.7.weight"
std::string NameOfPart(std::string_view name, size_t part) {
  const size_t dot = name.rfind('.');
  ALT_CHECK(dot != std::string_view::npos);
  return std::string(name.substr(0, dot)) + "." + std::to_string(part) +
         std::string(name.substr(dot));
}

}  // namespace

Result<TensorView> PartOf(const Checkpoint& file, std::string_view name, size_t part, size_t n) {
  ALT_CHECK(part < n);
  const TensorView* whole = file.Find(name);
  if (whole == nullptr) {
    const std::string own = NameOfPart(name, part);
    const TensorView* view = file.Find(own);
    if (view != nullptr && view->shape.n_dims == 2) return *view;
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": tensor " + own +
                      (view == nullptr ? " is missing, and so is " + std::string(name)
                                       : " is " + view->shape.ToString() + ", expected a matrix"));
  }
  if (whole->shape.n_dims != 3 || whole->shape.dims[0] != n) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": tensor " + std::string(name) + " is " +
                                               whole->shape.ToString() + ", expected " +
                                               std::to_string(n) + " matrices");
  }
  TensorView view = *whole;
  view.shape = {.n_dims = 2, .dims = {whole->shape.dims[1], whole->shape.dims[2]}};
  const size_t bytes = whole->bytes.size() / n;
  view.bytes = whole->bytes.subspan(part * bytes, bytes);
  return view;
}

}  // namespace altteul::model

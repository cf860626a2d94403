// SPDX-License-Identifier: Apache-2.0

#include "compress/row_encoder.h"

#include "base/check.h"
#include "compress/codebook_row_encoder.h"
#include "compress/scalar_row_encoder.h"

namespace altteul::compress {

bool CanEncode(DType type) {
  return FindScalarType(type) != nullptr || FindCodebookType(type) != nullptr;
}

std::unique_ptr<RowEncoder> MakeRowEncoder(DType type, const Metric* metric,
                                           const EncodeSteps& steps,
                                           const kernels::KernelTable& kernels) {
  if (const CodebookType* codebook_type = FindCodebookType(type)) {
    return std::make_unique<CodebookRowEncoder>(*codebook_type, metric, steps, kernels);
  }
  const ScalarType* scalar_type = FindScalarType(type);
  ALT_CHECK(scalar_type != nullptr);
  return std::make_unique<ScalarRowEncoder>(*scalar_type, metric, steps, kernels);
}

std::unique_ptr<RowEncoder> MakeRowEncoder(DType type, std::span<const float> importance) {
  if (const CodebookType* codebook_type = FindCodebookType(type)) {
    return std::make_unique<CodebookRowEncoder>(*codebook_type, importance);
  }
  const ScalarType* scalar_type = FindScalarType(type);
  ALT_CHECK(scalar_type != nullptr);
  return std::make_unique<ScalarRowEncoder>(*scalar_type, importance);
}

}  // namespace altteul::compress

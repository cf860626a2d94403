// SPDX-License-Identifier: Apache-2.0

#include "compress/plain_encoder.h"

namespace altteul::compress {

bool CanEncodePlainly(DType type) {
  const kernels::Codec* codec = kernels::FindCodec(type);
  return codec != nullptr && (codec->encode != nullptr || CanEncode(type));
}

PlainEncoder::PlainEncoder(DType type, std::span<const float> importance)
    : codec_(*kernels::FindCodec(type)) {
  const bool weighs = !importance.empty() && CanEncode(type);
  if (weighs || codec_.encode == nullptr) searching_ = MakeRowEncoder(type, importance);
}

void PlainEncoder::Encode(std::span<const float> row, std::byte* out) {
  if (searching_) return searching_->Encode(row, out);
  codec_.encode(row.data(), row.size(), out);
}

}  // namespace altteul::compress

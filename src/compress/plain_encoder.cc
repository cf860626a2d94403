#include "compress/plain_encoder.h"

namespace altteul::compress {

bool CanEncodePlainly(DType type) {
  const kernels::Codec* codec = kernels::FindCodec(type);
  return codec != nullptr && (codec->encode != nullptr || CanEncode(type));
}

PlainEncoder::PlainEncoder(DType type) : codec_(*kernels::FindCodec(type)) {
  if (codec_.encode != nullptr) return;
  // Without a metric nothing is summed, so any kernels will do.
  searching_ = MakeRowEncoder(type, nullptr, EncodeSteps{}, kernels::kReferenceKernels);
}

void PlainEncoder::Encode(std::span<const float> row, std::byte* out) {
  if (searching_) return searching_->Encode(row, out);
  codec_.encode(row.data(), row.size(), out);
}

}  // namespace altteul::compress

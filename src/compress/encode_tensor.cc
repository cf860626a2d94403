#include "compress/encode_tensor.h"

#include <algorithm>
#include <span>

#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

// Rows that move to their target together; fixed, so that threads change no sum.
constexpr size_t kRowsAtOnce = 32;

}  // namespace

std::vector<std::byte> EncodeTensor(const TensorView& tensor, const TensorEncoding& encoding,
                                    const kernels::KernelTable& kernels, ThreadTeam& team) {
  const size_t n = tensor.shape.cols();
  const size_t n_rows = tensor.shape.rows();
  const size_t from_row = *RowBytes(tensor.type, n);
  const size_t to_row = *RowBytes(encoding.type, n);
  const kernels::Codec& decoder = *kernels::FindCodec(tensor.type);
  std::vector<std::byte> out(n_rows * to_row);
  team.Run([&](int thread) {
    const auto encoder = MakeRowEncoder(encoding.type, encoding.metric, encoding.steps, kernels);
    const Share share = ShareOf(n_rows, kRowsAtOnce, thread, team.size());
    std::vector<float> rows(kRowsAtOnce * n);
    for (size_t row = share.begin; row < share.end; row += kRowsAtOnce) {
      const size_t count = std::min(kRowsAtOnce, share.end - row);
      for (size_t r = 0; r < count; ++r) {
        decoder.decode(tensor.bytes.data() + (row + r) * from_row, n, &rows[r * n]);
      }
      if (encoding.moments != nullptr) {
        MoveToTarget(*encoding.moments, *encoding.metric, encoding.damping, count,
                     std::span(rows).first(count * n));
      }
      for (size_t r = 0; r < count; ++r) {
        encoder->Encode(std::span(rows).subspan(r * n, n), out.data() + (row + r) * to_row);
      }
    }
  });
  return out;
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "compress/encode_tensor.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"
#include "kernels/codecs/codec.h"
#include "tensor/buffer.h"

namespace altteul::compress {
namespace {

// A slice of rows has about so many values: 16 MB of f32, some seconds of encoding.
constexpr size_t kSliceElements = size_t{4} << 20;
// Of a thread, whose time tells that of all others.
constexpr size_t kSampleRows = 4 * kRowsAtOnce;

/// Calls body(first, n) for slices of whole bundles of kRowsAtOnce, and done behind each.
template <typename Body>
Status ForSlices(const TensorView& tensor, const RowsDone& done, const Body& body) {
  const size_t n_rows = tensor.shape.rows();
  const size_t bundles = std::max<size_t>(1, kSliceElements / tensor.shape.cols() / kRowsAtOnce);
  for (size_t first = 0; first < n_rows; first += bundles * kRowsAtOnce) {
    const size_t n = std::min(bundles * kRowsAtOnce, n_rows - first);
    body(first, n);
    if (done) ALT_RETURN_IF_ERROR(done(first, n));
  }
  return Status();
}

class RowReader {
 public:
  explicit RowReader(const TensorView& tensor)
      : tensor_(tensor),
        decoder_(*kernels::FindCodec(tensor.type)),
        row_bytes_(*RowBytes(tensor.type, tensor.shape.cols())) {}

  void Read(size_t first, size_t n, float* out) const {
    const size_t cols = tensor_.shape.cols();
    for (size_t r = 0; r < n; ++r) {
      decoder_.decode(tensor_.bytes.data() + (first + r) * row_bytes_, cols, out + r * cols);
    }
  }

 private:
  const TensorView& tensor_;
  const kernels::Codec& decoder_;
  size_t row_bytes_;
};

}  // namespace

TensorView SampleOf(const TensorView& tensor, int n_threads) {
  const size_t rows =
      std::min<size_t>(tensor.shape.rows(), kSampleRows * static_cast<size_t>(n_threads));
  TensorView sample = tensor;
  sample.bytes = tensor.bytes.first(tensor.bytes.size() / tensor.shape.rows() * rows);
  sample.shape = {.n_dims = 2, .dims = {rows, tensor.shape.cols()}};
  return sample;
}

Status EncodeTensor(const TensorView& tensor, const TensorEncoding& encoding,
                    std::span<std::byte> out, compute::Compute& compute, const RowsDone& done) {
  const size_t n = tensor.shape.cols();
  const size_t to_row = *RowBytes(encoding.type, n);
  ALT_CHECK(out.size() == tensor.shape.rows() * to_row);
  const RowReader reader(tensor);
  // One for each thread; they keep what they know of the metric from slice to slice.
  std::vector<std::unique_ptr<RowEncoder>> encoders(static_cast<size_t>(compute.team().size()));
  ALT_ASSIGN_OR_RETURN(Buffer memory,
                       Buffer::Allocate(encoders.size() * kRowsAtOnce * n * sizeof(float),
                                        "rows that are encoded at once"));
  const std::span<float> all_rows = ValuesOf<float>(memory);
  return ForSlices(tensor, done, [&](size_t first, size_t n_rows) {
    compute.team().Run([&](int thread) {
      auto& encoder = encoders[static_cast<size_t>(thread)];
      if (!encoder) {  // here, because all threads together take less time for it
        encoder = MakeRowEncoder(encoding.type, encoding.metric, encoding.steps, compute.kernels());
      }
      const Share share = ShareOf(n_rows, kRowsAtOnce, thread, compute.team().size());
      const auto rows = all_rows.subspan(static_cast<size_t>(thread) * kRowsAtOnce * n);
      for (size_t row = share.begin; row < share.end; row += kRowsAtOnce) {
        const size_t count = std::min(kRowsAtOnce, share.end - row);
        reader.Read(first + row, count, rows.data());
        const std::span<float> targets = rows.first(count * n);
        if (encoding.metric != nullptr)
          MoveToTarget(*encoding.metric, compute.kernels(), count, targets);
        encoder->EncodeRows(targets, count, out.data() + (first + row) * to_row);
      }
    });
  });
}

Status MoveTensor(const TensorView& tensor, const Metric& metric, std::span<float> out,
                  compute::Compute& compute, const RowsDone& done) {
  const size_t n = tensor.shape.cols();
  ALT_CHECK(out.size() == tensor.shape.Elements());
  const RowReader reader(tensor);
  return ForSlices(tensor, done, [&](size_t first, size_t n_rows) {
    compute.team().Run([&](int thread) {
      const Share share = ShareOf(n_rows, kRowsAtOnce, thread, compute.team().size());
      for (size_t row = share.begin; row < share.end; row += kRowsAtOnce) {
        const size_t count = std::min(kRowsAtOnce, share.end - row);
        const std::span<float> rows = out.subspan((first + row) * n, count * n);
        reader.Read(first + row, count, rows.data());
        MoveToTarget(metric, compute.kernels(), count, rows);
      }
    });
  });
}

}  // namespace altteul::compress

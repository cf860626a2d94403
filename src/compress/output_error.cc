// SPDX-License-Identifier: Apache-2.0

#include "compress/output_error.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "compress/encode_tensor.h"
#include "compress/row_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

constexpr size_t kFewestRows = 8;  // sampled
// Types are compared, so one sweep does for all of them.
constexpr EncodeSteps kSampledSteps = {.feedback = true, .descents = 1};

/// Rows of one tensor in one type, and what is lost.
class RowTrial {
 public:
  RowTrial(DType from, DType to, const Metric* metric, const kernels::KernelTable& kernels)
      : to_(to), codec_(*kernels::FindCodec(to)), is_same_(from == to) {
    if (CanEncode(to) && !is_same_) encoder_ = MakeRowEncoder(to, metric, kSampledSteps, kernels);
  }

  /// @param rows, errors  [n_rows, n]; errors = decoded - rows
  void Run(std::span<const float> rows, size_t n_rows, std::span<float> errors) {
    if (is_same_) {
      std::fill(errors.begin(), errors.end(), 0.0f);
      return;
    }
    const size_t n = rows.size() / n_rows, row_bytes = *RowBytes(to_, n);
    bytes_.resize(n_rows * row_bytes);
    if (encoder_) encoder_->EncodeRows(rows, n_rows, bytes_.data());
    for (size_t row = 0; row < n_rows; ++row) {
      std::byte* bytes = &bytes_[row * row_bytes];
      if (!encoder_) codec_.encode(&rows[row * n], n, bytes);
      codec_.decode(bytes, n, &errors[row * n]);
    }
    for (size_t i = 0; i < rows.size(); ++i) errors[i] -= rows[i];
  }

 private:
  DType to_;
  const kernels::Codec& codec_;
  bool is_same_;
  std::unique_ptr<RowEncoder> encoder_;
  std::vector<std::byte> bytes_;
};

/// The mean square of what comes out for each row of weights; without a metric all columns count
/// alike.
/// @param rows     [squares, n]
/// @param product  memory that is used again
void SquaresOfOutputs(std::span<const float> rows, const Metric* metric,
                      const kernels::KernelTable& kernels, std::vector<float>& product,
                      std::span<double> squares) {
  const size_t n = rows.size() / squares.size();
  if (metric != nullptr) {
    product.assign(rows.size(), 0.0f);
    kernels.add_product({.a = rows.data(),
                         .a_stride = n,
                         .x = metric->h.data(),
                         .x_stride = n,
                         .n_rows = squares.size(),
                         .depth = n,
                         .width = n,
                         .y = product.data(),
                         .y_stride = n});
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i % n == 0) squares[i / n] = 0;
    const auto w = static_cast<double>(rows[i]);
    const double seen = metric == nullptr ? w
                                          : static_cast<double>(product[i]) -
                                                static_cast<double>(metric->damping[i % n]) * w;
    squares[i / n] += w * seen;
  }
}

/// Calls body(first, n) for rows of a thread's share, so many at a time.
template <typename Body>
void ForBundles(const Share& share, const Body& body) {
  for (size_t first = share.begin; first < share.end; first += kRowsAtOnce) {
    body(first, std::min(kRowsAtOnce, share.end - first));
  }
}

/// Rows that stand for all of a tensor: number i of `count` is the tensor's row i * rows / count.
class SampledRows {
 public:
  SampledRows(DType type, std::span<const std::byte> bytes, const Shape& shape, size_t count)
      : codec_(*kernels::FindCodec(type)),
        bytes_(bytes),
        shape_(shape),
        count_(count),
        row_bytes_(*RowBytes(type, shape.cols())) {}

  /// @param rows  resized to [n, cols]
  void Read(size_t first, size_t n, std::vector<float>& rows) const {
    const size_t cols = shape_.cols();
    rows.resize(n * cols);
    for (size_t i = 0; i < n; ++i) {
      const size_t at = (first + i) * shape_.rows() / count_;
      codec_.decode(bytes_.data() + at * row_bytes_, cols, &rows[i * cols]);
    }
  }

 private:
  const kernels::Codec& codec_;
  std::span<const std::byte> bytes_;
  const Shape& shape_;
  size_t count_, row_bytes_;
};

double SumOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

size_t OutputError::RowsSampled(const Shape& shape) const {
  return std::min(std::max<size_t>(kFewestRows, weights_sampled_ / shape.cols()), shape.rows());
}

double OutputError::Of(const TensorView& tensor, const EncodedTensor& encoded,
                       const Metric* metric) const {
  const size_t count = RowsSampled(tensor.shape);
  const SampledRows before(tensor.type, tensor.bytes, tensor.shape, count);
  const SampledRows after(encoded.type(), encoded.bytes(), tensor.shape, count);
  std::vector<double> outputs(count), errors(count);
  compute_.team().Run([&](int thread) {
    std::vector<float> rows, error, product;
    ForBundles(ShareOf(count, 1, thread, compute_.team().size()), [&](size_t first,
                                                                      size_t n_bundle) {
      before.Read(first, n_bundle, rows);
      after.Read(first, n_bundle, error);
      for (size_t i = 0; i < rows.size(); ++i) error[i] -= rows[i];
      const auto part = [&](std::vector<double>& all) { return std::span(&all[first], n_bundle); };
      SquaresOfOutputs(rows, metric, compute_.kernels(), product, part(outputs));
      SquaresOfOutputs(error, metric, compute_.kernels(), product, part(errors));
    });
  });
  const double output = SumOf(outputs);
  return output > 0 ? SumOf(errors) / output : 0;
}

std::vector<TypeCost> OutputError::Sample(const TensorView& tensor, std::span<const DType> types,
                                          const Metric* metric) const {
  const size_t n = tensor.shape.cols(), n_rows = tensor.shape.rows();
  const size_t count = RowsSampled(tensor.shape);
  const SampledRows before(tensor.type, tensor.bytes, tensor.shape, count);
  const size_t n_types = types.size();
  std::vector<double> outputs(count);
  std::vector<std::vector<double>> errors(n_types, std::vector<double>(count));
  compute_.team().Run([&](int thread) {
    std::vector<RowTrial> trials;
    for (const DType type : types)
      trials.emplace_back(tensor.type, type, metric, compute_.kernels());
    std::vector<float> rows, error, product;
    ForBundles(ShareOf(count, 1, thread, compute_.team().size()), [&](size_t first,
                                                                      size_t n_bundle) {
      before.Read(first, n_bundle, rows);
      error.resize(rows.size());
      SquaresOfOutputs(rows, metric, compute_.kernels(), product, {&outputs[first], n_bundle});
      for (size_t t = 0; t < n_types; ++t) {
        trials[t].Run(rows, n_bundle, error);
        SquaresOfOutputs(error, metric, compute_.kernels(), product, {&errors[t][first], n_bundle});
      }
    });
  });
  const double output = SumOf(outputs);
  std::vector<TypeCost> costs(n_types);
  for (size_t t = 0; t < n_types; ++t) {
    TypeCost& cost = costs[t];
    cost.type = types[t];
    cost.bytes = *RowBytes(cost.type, n) * n_rows;
    for (const double error : errors[t]) cost.error += std::max(0.0, error);
    if (output > 0) cost.error /= output;
  }
  return costs;
}

}  // namespace altteul::compress

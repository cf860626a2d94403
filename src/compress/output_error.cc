#include "compress/output_error.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "compress/row_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

constexpr size_t kFewestRows = 8;  // sampled
// Types are compared, so one sweep does for all of them.
constexpr EncodeSteps kSampledSteps = {.feedback = true, .descents = 1};

/// A row of one tensor in one type, and what is lost.
class RowTrial {
 public:
  RowTrial(DType from, DType to, const Metric* metric, const kernels::KernelTable& kernels)
      : to_(to), codec_(*kernels::FindCodec(to)), is_same_(from == to) {
    if (CanEncode(to) && !is_same_) encoder_ = MakeRowEncoder(to, metric, kSampledSteps, kernels);
  }

  /// error [n] = decoded - row
  void Run(std::span<const float> row, std::span<float> error) {
    if (is_same_) {
      std::fill(error.begin(), error.end(), 0.0f);
      return;
    }
    bytes_.resize(*RowBytes(to_, row.size()));
    if (encoder_) {
      encoder_->Encode(row, bytes_.data());
    } else {
      codec_.encode(row.data(), row.size(), bytes_.data());
    }
    codec_.decode(bytes_.data(), row.size(), error.data());
    for (size_t i = 0; i < row.size(); ++i) error[i] -= row[i];
  }

 private:
  DType to_;
  const kernels::Codec& codec_;
  bool is_same_;
  std::unique_ptr<RowEncoder> encoder_;
  std::vector<std::byte> bytes_;
};

/// The mean square of what comes out for a row of weights; without a metric all columns count
/// alike.
double SquareOfOutput(std::span<const float> row, const Metric* metric,
                      const kernels::KernelTable& kernels, std::vector<float>& product) {
  const size_t n = row.size();
  double sum = 0;
  if (metric == nullptr) {
    for (const float w : row) sum += static_cast<double>(w) * static_cast<double>(w);
    return sum;
  }
  product.assign(n, 0.0f);
  kernels.add_rows({.factor = row.data(),
                    .x = metric->h.data(),
                    .stride = n,
                    .n_rows = n,
                    .width = n,
                    .y = product.data()});
  for (size_t i = 0; i < n; ++i) {
    const auto w = static_cast<double>(row[i]);
    sum += w * (static_cast<double>(product[i]) - static_cast<double>(metric->damping[i]) * w);
  }
  return sum;
}

double SumOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

size_t OutputError::RowsSampled(const Shape& shape) const {
  return std::min(std::max<size_t>(kFewestRows, weights_sampled_ / shape.cols()), shape.rows());
}

double OutputError::Of(const TensorView& tensor, const EncodedTensor& encoded,
                       const Metric* metric) const {
  const size_t n = tensor.shape.cols(), n_rows = tensor.shape.rows();
  const size_t count = RowsSampled(tensor.shape);
  const size_t from_row = *RowBytes(tensor.type, n), to_row = *RowBytes(encoded.type(), n);
  const kernels::Codec& from = *kernels::FindCodec(tensor.type);
  const kernels::Codec& to = *kernels::FindCodec(encoded.type());
  std::vector<double> outputs(count), errors(count);
  team_.Run([&](int thread) {
    std::vector<float> row(n), error(n), product;
    const Share share = ShareOf(count, 1, thread, team_.size());
    for (size_t i = share.begin; i < share.end; ++i) {
      const size_t at = i * n_rows / count;
      from.decode(tensor.bytes.data() + at * from_row, n, row.data());
      to.decode(encoded.bytes().data() + at * to_row, n, error.data());
      for (size_t c = 0; c < n; ++c) error[c] -= row[c];
      outputs[i] = SquareOfOutput(row, metric, kernels_, product);
      errors[i] = SquareOfOutput(error, metric, kernels_, product);
    }
  });
  const double output = SumOf(outputs);
  return output > 0 ? SumOf(errors) / output : 0;
}

std::vector<TypeCost> OutputError::Sample(const TensorView& tensor, std::span<const DType> types,
                                          const Metric* metric) const {
  const size_t n = tensor.shape.cols(), n_rows = tensor.shape.rows();
  const size_t count = RowsSampled(tensor.shape);
  const size_t row_bytes = *RowBytes(tensor.type, n);
  const kernels::Codec& decoder = *kernels::FindCodec(tensor.type);
  const size_t n_types = types.size();
  std::vector<double> outputs(count), errors(count * n_types);
  team_.Run([&](int thread) {
    std::vector<RowTrial> trials;
    for (const DType type : types) trials.emplace_back(tensor.type, type, metric, kernels_);
    std::vector<float> row(n), error(n), product;
    const Share share = ShareOf(count, 1, thread, team_.size());
    for (size_t i = share.begin; i < share.end; ++i) {
      decoder.decode(tensor.bytes.data() + i * n_rows / count * row_bytes, n, row.data());
      outputs[i] = SquareOfOutput(row, metric, kernels_, product);
      for (size_t t = 0; t < n_types; ++t) {
        trials[t].Run(row, error);
        errors[i * n_types + t] = SquareOfOutput(error, metric, kernels_, product);
      }
    }
  });
  const double output = SumOf(outputs);
  std::vector<TypeCost> costs(n_types);
  for (size_t t = 0; t < n_types; ++t) {
    TypeCost& cost = costs[t];
    cost.type = types[t];
    cost.bytes = *RowBytes(cost.type, n) * n_rows;
    for (size_t i = 0; i < count; ++i) cost.error += std::max(0.0, errors[i * n_types + t]);
    if (output > 0) cost.error /= output;
  }
  return costs;
}

}  // namespace altteul::compress

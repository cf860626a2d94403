// SPDX-License-Identifier: Apache-2.0

#include "tools/synthetic_model.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "compress/plain_encoder.h"
#include "formats/gguf_writer.h"
#include "model/model_shape.h"
#include "tensor/buffer.h"

namespace altteul::tools {
namespace {

// Random rows of which a matrix is put together: 8 MB of values look random to every cache and
// kernel, and a 7B model is written at the disk's speed.
class RowPool {
 public:
  /// @return kOutOfMemory
  static Result<RowPool> Create(DType type, uint32_t cols, ThreadTeam& team) {
    RowPool pool;
    pool.row_bytes_ = *RowBytes(type, cols);
    pool.n_rows_ = std::max<size_t>(16, (size_t{2} << 20) / cols);
    ALT_ASSIGN_OR_RETURN(
        pool.memory_, Buffer::Allocate(pool.n_rows_ * pool.row_bytes_,
                                       std::to_string(pool.n_rows_) + " rows of random weights"));
    pool.Fill(type, cols, team);
    return pool;
  }
  std::span<const std::byte> Row(uint64_t n) const {
    return memory_.bytes().subspan(n % n_rows_ * row_bytes_, row_bytes_);
  }

 private:
  RowPool() = default;

  void Fill(DType type, uint32_t cols, ThreadTeam& team) {
    const RandomStream random(20260101, "synthetic weights");
    // Variance 1 / cols keeps activations near unit size.
    const float deviation = 1.0f / std::sqrt(static_cast<float>(cols));
    std::byte* out = memory_.mutable_bytes().data();
    std::vector<compress::PlainEncoder> encoders;
    for (int i = 0; i < team.size(); ++i) encoders.emplace_back(type);
    std::vector<std::vector<float>> rows(encoders.size(), std::vector<float>(cols));
    team.Run([&](int thread) {
      compress::PlainEncoder& encoder = encoders[static_cast<size_t>(thread)];
      std::vector<float>& values = rows[static_cast<size_t>(thread)];
      const Share share = ShareOf(n_rows_, 1, thread, team.size());
      for (size_t row = share.begin; row < share.end; ++row) {
        for (size_t c = 0; c < cols; ++c) values[c] = deviation * random.Normal(row * cols + c);
        encoder.Encode(values, out + row * row_bytes_);
      }
    });
  }

  size_t row_bytes_ = 0;
  size_t n_rows_ = 0;
  Buffer memory_;
};

Status WriteTensor(const model::ShapedTensor& tensor, const RowPool* pool, size_t index,
                   formats::GgufWriter& writer) {
  if (tensor.rows == 0) {
    const std::vector<float> ones(tensor.cols, 1.0f);
    return writer.WriteTensorData(std::as_bytes(std::span(ones)));
  }
  const RandomStream random(20260101, "synthetic rows");
  for (uint64_t row = 0; row < tensor.rows; ++row) {
    const uint64_t pick = random.Bits(index << 32 | row);
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(pool->Row(pick)));
  }
  return Status();
}

}  // namespace

Status WriteSyntheticModel(const std::string& what, const std::string& path, ThreadTeam& team,
                           const ProgressSink& progress) {
  ALT_ASSIGN_OR_RETURN(const model::ShapedModel shaped, model::ParseShapedModel(what));
  const std::vector<model::ShapedTensor>& tensors = shaped.tensors;
  for (const model::ShapedTensor& tensor : tensors) {
    if (tensor.rows != 0 && !compress::CanEncodePlainly(tensor.type)) {
      return Status(
          ErrorCode::kUnsupported,
          "no encoder for " + std::string(TraitsOf(tensor.type).name) + ", so no weights of it");
    }
  }
  formats::GgufWriter writer;
  ALT_RETURN_IF_ERROR(shaped.Declare("synthetic " + what, writer));
  ALT_RETURN_IF_ERROR(writer.Begin(path));

  std::vector<std::pair<std::pair<DType, uint32_t>, RowPool>> pools;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (progress && !progress(i, tensors.size())) {
      return Status(ErrorCode::kCancelled, "writing the synthetic model was interrupted");
    }
    const std::pair<DType, uint32_t> key{tensors[i].type, tensors[i].cols};
    const RowPool* pool = nullptr;
    for (const auto& each : pools) {
      if (each.first == key) pool = &each.second;
    }
    if (pool == nullptr && tensors[i].rows != 0) {
      ALT_ASSIGN_OR_RETURN(RowPool made, RowPool::Create(key.first, key.second, team));
      pool = &pools.emplace_back(key, std::move(made)).second;
    }
    ALT_RETURN_IF_ERROR(WriteTensor(tensors[i], pool, i, writer));
  }
  ALT_RETURN_IF_ERROR(writer.Finish());
  if (progress) progress(tensors.size(), tensors.size());
  return Status();
}

}  // namespace altteul::tools

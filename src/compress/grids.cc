// SPDX-License-Identifier: Apache-2.0

#include "compress/grids.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "compress/grid_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

constexpr size_t kRowsTriedFirst = 8;

bool IsPlainMatrix(std::string_view name, const TensorView& tensor) {
  const bool is_plain =
      tensor.type == DType::kF32 || tensor.type == DType::kF16 || tensor.type == DType::kBF16;
  return is_plain && tensor.shape.n_dims == 2 && name.ends_with(".weight");
}

/// Rows on one thread.
class RowTest {
 public:
  RowTest(const TensorView& tensor, DType type)
      : tensor_(tensor),
        codec_(*kernels::FindCodec(tensor.type)),
        row_bytes_(tensor.bytes.size() / tensor.shape.rows()),
        encoder_(type, tensor.type),
        values_(tensor.shape.cols()),
        blocks_(*RowBytes(type, tensor.shape.cols())) {}

  bool Passes(size_t row) {
    codec_.decode(tensor_.bytes.data() + row * row_bytes_, values_.size(), values_.data());
    return encoder_.Encode(values_, blocks_.data());
  }

 private:
  const TensorView& tensor_;
  const kernels::Codec& codec_;
  const size_t row_bytes_;
  GridEncoder encoder_;
  std::vector<float> values_;
  std::vector<std::byte> blocks_;
};

bool LiesOn(const TensorView& tensor, DType type, ThreadTeam& team) {
  const size_t rows = tensor.shape.rows();
  const size_t first = std::min(rows, kRowsTriedFirst);
  RowTest test(tensor, type);
  for (size_t i = 0; i < first; ++i) {
    if (!test.Passes(i * rows / first)) return false;
  }
  std::atomic<bool> lies_on = true;
  std::vector<RowTest> tests(static_cast<size_t>(team.size()), test);
  team.Run([&](int thread) {
    RowTest& each = tests[static_cast<size_t>(thread)];
    const Share share = ShareOf(rows, 1, thread, team.size());
    for (size_t row = share.begin; row < share.end && lies_on; ++row) {
      if (!each.Passes(row)) lies_on = false;
    }
  });
  return lies_on;
}

}  // namespace

bool IsOnGrid(const Grids& grids, std::string_view name, DType type) {
  const auto found = grids.find(name);
  return found != grids.end() && found->second == type;
}

Result<Grids> FindGrids(const model::Checkpoint& source, const TypeChoices& asked, ThreadTeam& team,
                        const ProgressSink& progress) {
  Grids grids;
  size_t done = 0;
  for (const auto& [name, view] : source.tensors()) {
    if (progress && !progress(done++, source.tensors().size())) {
      return Status(ErrorCode::kCancelled, "the search for grids was interrupted");
    }
    if (!IsPlainMatrix(name, view)) continue;
    ALT_ASSIGN_OR_RETURN(std::vector<DType> types, asked(name, view));
    std::stable_sort(types.begin(), types.end(), [](DType a, DType b) {
      return TraitsOf(a).bits_per_element() < TraitsOf(b).bits_per_element();
    });
    for (const DType type : types) {
      if (!HasGrid(type) || view.shape.cols() % TraitsOf(type).block_elements != 0) continue;
      if (!LiesOn(view, type, team)) continue;
      grids[name] = type;
      break;
    }
    source.ReleasePages(view.bytes);
  }
  return grids;
}

}  // namespace altteul::compress

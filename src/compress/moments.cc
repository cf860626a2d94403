#include "compress/moments.h"

#include "base/check.h"

namespace altteul::compress {
namespace {

/// rows [n_rows, n] -> turned [n, n_rows], this thread's columns.
void Turn(std::span<const float> rows, size_t n_rows, size_t n, float* turned, Share columns) {
  for (size_t row = 0; row < n_rows; ++row) {
    for (size_t c = columns.begin; c < columns.end; ++c)
      turned[c * n_rows + row] = rows[row * n + c];
  }
}

}  // namespace

Result<MomentSums> MomentSums::Create(size_t n, size_t most_rows, bool cross,
                                      const kernels::KernelTable& kernels, ThreadTeam& team) {
  MomentSums sums(kernels, team);
  sums.moments_.n = n;
  ALT_ASSIGN_OR_RETURN(sums.moments_.own, SquareMatrix::Create(n));
  if (cross) {
    ALT_ASSIGN_OR_RETURN(sums.moments_.cross, SquareMatrix::Create(n));
  }
  const size_t turned_bytes = n * most_rows * sizeof(float);
  sums.scratch_bytes_ = (kernels::LinearScratchBytes(most_rows) + 63) / 64 * 64;
  ALT_ASSIGN_OR_RETURN(
      sums.memory_,
      Buffer::Allocate(2 * turned_bytes + sums.scratch_bytes_ * static_cast<size_t>(team.size()),
                       "sums over " + std::to_string(n) + " columns"));
  std::byte* place = sums.memory_.mutable_bytes().data();
  sums.turned_ = reinterpret_cast<float*>(place);
  sums.turned_original_ = reinterpret_cast<float*>(place + turned_bytes);
  sums.scratch_ = place + 2 * turned_bytes;
  return sums;
}

void MomentSums::Add(size_t n_rows, std::span<const float> rows, std::span<const float> original) {
  const size_t n = moments_.n;
  ALT_CHECK(rows.size() == n_rows * n);
  const bool cross = !moments_.cross.empty();
  team_->Run([&](int thread) {
    const Share columns = ShareOf(n, 16, thread, team_->size());
    Turn(rows, n_rows, n, turned_, columns);
    if (cross) Turn(original, n_rows, n, turned_original_, columns);
  });
  Product(n_rows, turned_, turned_, moments_.own.data());
  if (cross) Product(n_rows, turned_original_, turned_, moments_.cross.data());
  moments_.tokens += static_cast<double>(n_rows);
}

/// sums[l][r] += sum over rows of left[l] * right[r].
void MomentSums::Product(size_t n_rows, const float* left, const float* right, float* sums) {
  const size_t n = moments_.n;
  const kernels::WeightMatrix weights = {.type = DType::kF32,
                                         .form = kernels::RestForm::kFileRows,
                                         .panel = kernels::PanelKind::kP32,
                                         .rows = n,
                                         .cols = n_rows,
                                         .data = reinterpret_cast<const std::byte*>(right)};
  kernels::PreparedRows x;
  x.n_rows = n;
  x.cols = n_rows;
  x.f32 = left;
  team_->Run([&](int thread) {
    const auto at = static_cast<size_t>(thread) * scratch_bytes_;
    kernels_->linear({.w = &weights, .x = &x, .out = sums, .out_stride = n, .add_to_out = true},
                     {scratch_ + at, scratch_bytes_}, thread, team_->size());
  });
}

}  // namespace altteul::compress

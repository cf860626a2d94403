#include "compress/scalar_row_encoder.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "compress/pack_blocks.h"

namespace altteul::compress {

ScalarRowEncoder::ScalarRowEncoder(const ScalarType& type, const Metric* metric,
                                   const EncodeSteps& steps, const kernels::KernelTable& kernels)
    : type_(type), levels_(type), metric_(metric), steps_(steps), kernels_(kernels) {
  if (metric == nullptr) return;
  importance_ = ColumnImportance(*metric, steps.feedback);
  error_.emplace(*metric, kernels);
}

ScalarRowEncoder::ScalarRowEncoder(const ScalarType& type, std::span<const float> importance)
    : ScalarRowEncoder(type, nullptr, EncodeSteps{}, kernels::kReferenceKernels) {
  importance_.assign(importance.begin(), importance.end());
}

void ScalarRowEncoder::Encode(std::span<const float> target, std::byte* out) {
  const size_t n = target.size();
  ALT_CHECK(n % type_.block_cols == 0);
  if (importance_.empty()) importance_.assign(n, 1.0f);
  ALT_CHECK(importance_.size() == n);
  blocks_.resize(n / type_.block_cols);
  value_.resize(n);
  Round(target);
  if (metric_ != nullptr && steps_.descents > 0) {
    error_->Start(target, value_);
    for (int i = 0; i < steps_.descents; ++i) {
      if (i > 0) DescendScales();
      DescendCodes();
    }
  }
  const size_t block_bytes = TraitsOf(type_.type).block_bytes;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    Pack(type_.type, blocks_[b], out + b * block_bytes);
  }
}

/// Block by block: scales for what is wanted by now, then codes; the columns behind make up for it.
void ScalarRowEncoder::Round(std::span<const float> target) {
  const size_t n = target.size();
  const size_t block_cols = type_.block_cols;
  wanted_.assign(target.begin(), target.end());
  for (size_t b = 0; b < blocks_.size(); ++b) {
    RoundBlock(b);
    const size_t next = (b + 1) * block_cols;
    if (metric_ == nullptr || !steps_.feedback || next == n) continue;
    AddRows(kernels_, factor_, metric_->factor.data() + b * block_cols * n + next, n,
            std::span(wanted_).subspan(next));
  }
}

/// Leaves in factor_ what the rows of U behind the block's columns are to be multiplied with.
void ScalarRowEncoder::RoundBlock(size_t number) {
  const size_t n = value_.size();
  const size_t block_cols = type_.block_cols;
  const size_t first = number * block_cols;
  const std::span<float> wanted = std::span(wanted_).subspan(first, block_cols);
  BlockFields& block = blocks_[number];
  block = FitBlock(type_, levels_, wanted, std::span(importance_).subspan(first, block_cols));
  factor_.resize(block_cols);
  for (size_t c = 0; c < block_cols; ++c) {
    block.code[c] = NearestCode(type_, levels_, block, c / type_.sub_cols, wanted[c]);
    value_[first + c] = Value(type_, block, c);
    if (metric_ == nullptr || !steps_.feedback) continue;
    const float* u = metric_->factor.data() + (first + c) * n + first;
    factor_[c] = -(wanted[c] - value_[first + c]) / u[c];
    AddRows(kernels_, {&factor_[c], 1}, u + c + 1, n, wanted.subspan(c + 1));
  }
}

/// Each code in turn to the level where the error, all others held, is smallest.
void ScalarRowEncoder::DescendCodes() {
  const size_t n = value_.size();
  for (size_t j = 0; j < n; ++j) {
    BlockFields& block = blocks_[j / type_.block_cols];
    const size_t c = j % type_.block_cols;
    const float h = metric_->h[j * n + j];
    const float value = error_->value()[j], gradient = error_->gradient()[j];
    const uint8_t code =
        NearestCode(type_, levels_, block, c / type_.sub_cols, value - gradient / h);
    if (code == block.code[c]) continue;
    const uint8_t old_code = block.code[c];
    block.code[c] = code;
    const float now = Value(type_, block, c);
    const float step = now - value;
    if (step * (2.0f * gradient + step * h) < 0.0f) {
      error_->Move(j, {&now, 1});
    } else {
      block.code[c] = old_code;
    }
  }
}

/// One number of a block, along which the columns [first, first + count) move.
/// @param direction  direction(column) = change of its value for a change of the number by 1
/// @param step       takes the best change; changes the number by what it can write down and
///                   returns that, or changes nothing and returns 0
template <typename Direction, typename Step>
void ScalarRowEncoder::TryStep(size_t first, size_t count, const Direction& direction,
                               const Step& step) {
  BlockFields& block = blocks_[first / type_.block_cols];
  const size_t c = first % type_.block_cols;
  factor_.resize(count);
  for (size_t i = 0; i < count; ++i) factor_[i] = direction(c + i);
  const RowError::Parabola along = error_->Along(first, factor_);
  if (!(along.curvature > 0)) return;
  const BlockFields before = block;
  const double taken = step(-along.slope / along.curvature);
  if (taken == 0) return;
  if (along.Change(taken) < 0) {
    for (size_t i = 0; i < count; ++i) factor_[i] = Value(type_, block, c + i);
    error_->Move(first, factor_);
  } else {
    block = before;
  }
}

/// The numbers of each block, one after the other, to where the error is smallest.
void ScalarRowEncoder::DescendScales() {
  const auto level = [this](const BlockFields& block, size_t c) {
    return static_cast<float>(type_.levels[block.code[c]]);
  };
  const bool has_sub_scales = type_.scale_lowest != type_.scale_highest;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    BlockFields& block = blocks_[b];
    const size_t first = b * type_.block_cols;
    for (size_t s = 0; s < type_.n_subs() && has_sub_scales && type_.has_d; ++s) {
      TryStep(
          first + s * type_.sub_cols, type_.sub_cols,
          [&](size_t c) { return block.d * level(block, c); },
          [&](double best) {
            const int old = block.scale[s];
            const double wanted = std::clamp(old + best, static_cast<double>(type_.scale_lowest),
                                             static_cast<double>(type_.scale_highest));
            block.scale[s] = static_cast<int16_t>(std::lrint(wanted));
            return static_cast<double>(block.scale[s] - old);
          });
    }
    if (type_.has_d) {
      TryStep(
          first, type_.block_cols,
          [&](size_t c) {
            return type_.scale_value(block.scale[c / type_.sub_cols]) * level(block, c);
          },
          [&](double best) {
            const float old = block.d;
            block.d = NearestHalf(static_cast<double>(old) + best);
            return static_cast<double>(block.d - old);
          });
    }
    if (type_.min_kind == MinKind::kNone) continue;
    const bool is_whole = type_.min_kind == MinKind::kWhole;
    for (size_t s = 0; s < type_.n_subs() && !is_whole; ++s) {
      TryStep(
          first + s * type_.sub_cols, type_.sub_cols, [&](size_t) { return -block.dmin; },
          [&](double best) {
            const int old = block.min[s];
            const double wanted =
                std::clamp(old + best, 0.0, static_cast<double>(type_.min_highest));
            block.min[s] = static_cast<uint8_t>(std::lrint(wanted));
            return static_cast<double>(block.min[s] - old);
          });
    }
    TryStep(
        first, type_.block_cols,
        [&](size_t c) {
          return is_whole ? 1.0f : -static_cast<float>(block.min[c / type_.sub_cols]);
        },
        [&](double best) {
          const float old = block.dmin;
          block.dmin = NearestHalf(static_cast<double>(old) + best);
          return static_cast<double>(block.dmin - old);
        });
  }
}

}  // namespace altteul::compress

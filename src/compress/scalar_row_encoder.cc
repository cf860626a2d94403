// SPDX-License-Identifier: Apache-2.0

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
  errors_.emplace(*metric, kernels);
}

ScalarRowEncoder::ScalarRowEncoder(const ScalarType& type, std::span<const float> importance)
    : ScalarRowEncoder(type, nullptr, EncodeSteps{}, kernels::kReferenceKernels) {
  importance_.assign(importance.begin(), importance.end());
}

void ScalarRowEncoder::EncodeRows(std::span<const float> targets, size_t n_rows, std::byte* out) {
  const size_t n = targets.size() / n_rows;
  ALT_CHECK(n % type_.block_cols == 0);
  if (n != n_) panels_ = PanelsOf(n, type_.block_cols);
  n_ = n;
  n_rows_ = n_rows;
  if (importance_.empty()) importance_.assign(n, 1.0f);
  ALT_CHECK(importance_.size() == n);
  blocks_.resize(n_rows * n / type_.block_cols);
  value_.resize(n_rows * n);
  Round(targets);
  if (metric_ != nullptr && steps_.descents > 0) Descend(targets);
  const size_t block_bytes = TraitsOf(type_.type).block_bytes;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    Pack(type_.type, blocks_[b], out + b * block_bytes);
  }
}

/// Panel by panel; the columns behind make up for it.
void ScalarRowEncoder::Round(std::span<const float> targets) {
  wanted_.assign(targets.begin(), targets.end());
  for (const Panel& panel : panels_) {
    factor_.resize(n_rows_ * panel.cols);
    for (row_ = 0; row_ < n_rows_; ++row_) RoundPanel(panel);
    if (!FeedsBack() || panel.end() == n_) continue;
    kernels_.add_product({.a = factor_.data(),
                          .a_stride = panel.cols,
                          .x = metric_->factor.data() + panel.first * n_ + panel.end(),
                          .x_stride = n_,
                          .n_rows = n_rows_,
                          .depth = panel.cols,
                          .width = n_ - panel.end(),
                          .y = wanted_.data() + panel.end(),
                          .y_stride = n_});
  }
}

/// Block by block: scales for what is wanted by now, then codes; the rest of the panel makes up for
/// it.
void ScalarRowEncoder::RoundPanel(const Panel& panel) {
  const size_t block_cols = type_.block_cols;
  for (size_t first = panel.first; first < panel.end(); first += block_cols) {
    RoundBlock(first / block_cols, panel);
    const size_t next = first + block_cols;
    if (!FeedsBack() || next == panel.end()) continue;
    AddRows(kernels_, {Factor(panel, first), block_cols},
            metric_->factor.data() + first * n_ + next, n_, {Wanted(next), panel.end() - next});
  }
}

void ScalarRowEncoder::RoundBlock(size_t number, const Panel& panel) {
  const size_t block_cols = type_.block_cols;
  const size_t first = number * block_cols;
  const std::span<float> wanted(Wanted(first), block_cols);
  BlockFields& block = Block(number);
  block = FitBlock(type_, levels_, wanted, std::span(importance_).subspan(first, block_cols));
  for (size_t c = 0; c < block_cols; ++c) {
    block.code[c] = NearestCode(type_, levels_, block, c / type_.sub_cols, wanted[c]);
    const float value = Value(type_, block, c);
    value_[row_ * n_ + first + c] = value;
    if (!FeedsBack()) continue;
    const float* u = metric_->factor.data() + (first + c) * n_ + first;
    float* factor = Factor(panel, first + c);
    *factor = -(wanted[c] - value) / u[c];
    AddRows(kernels_, {factor, 1}, u + c + 1, n_, wanted.subspan(c + 1));
  }
}

/// Sweeps over the panels, in each of which all rows move scales and codes.
void ScalarRowEncoder::Descend(std::span<const float> targets) {
  errors_->Start(n_rows_, targets, value_);
  for (int i = 0; i < steps_.descents; ++i) {
    for (const Panel& panel : panels_) {
      errors_->Open(panel);
      DescendRows(panel, i > 0);
      errors_->Close(i + 1 < steps_.descents);
    }
  }
}

void ScalarRowEncoder::DescendRows(const Panel& panel, bool moves_scales) {
  for (row_ = 0; row_ < n_rows_; ++row_) {
    errors_->Choose(row_);
    for (size_t c = panel.first; c < panel.end() && moves_scales; c += type_.block_cols) {
      DescendScales(c / type_.block_cols);
    }
    DescendCodes(panel);
  }
}

/// Each code in turn to the level where the error, all others held, is smallest.
void ScalarRowEncoder::DescendCodes(const Panel& panel) {
  for (size_t j = panel.first; j < panel.end(); ++j) {
    BlockFields& block = Block(j / type_.block_cols);
    const size_t c = j % type_.block_cols;
    const float h = metric_->h[j * n_ + j];
    const float value = errors_->value(j), gradient = errors_->gradient(j);
    const uint8_t code =
        NearestCode(type_, levels_, block, c / type_.sub_cols, value - gradient / h);
    if (code == block.code[c]) continue;
    const uint8_t old_code = block.code[c];
    block.code[c] = code;
    const float now = Value(type_, block, c);
    const float step = now - value;
    if (step * (2.0f * gradient + step * h) < 0.0f) {
      errors_->Move(j, {&now, 1});
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
  BlockFields& block = Block(first / type_.block_cols);
  const size_t c = first % type_.block_cols;
  change_.resize(count);
  for (size_t i = 0; i < count; ++i) change_[i] = direction(c + i);
  const RowErrors::Parabola along = errors_->Along(first, change_);
  if (!(along.curvature > 0)) return;
  const BlockFields before = block;
  const double taken = step(-along.slope / along.curvature);
  if (taken == 0) return;
  if (along.Change(taken) < 0) {
    for (size_t i = 0; i < count; ++i) change_[i] = Value(type_, block, c + i);
    errors_->Move(first, change_);
  } else {
    block = before;
  }
}

/// The numbers of a block, one after the other, to where the error is smallest.
void ScalarRowEncoder::DescendScales(size_t number) {
  const auto level = [this](const BlockFields& block, size_t c) {
    return static_cast<float>(type_.levels[block.code[c]]);
  };
  const bool has_sub_scales = type_.scale_lowest != type_.scale_highest;
  BlockFields& block = Block(number);
  const size_t first = number * type_.block_cols;
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
  if (type_.min_kind == MinKind::kNone) return;
  const bool is_whole = type_.min_kind == MinKind::kWhole;
  for (size_t s = 0; s < type_.n_subs() && !is_whole; ++s) {
    TryStep(
        first + s * type_.sub_cols, type_.sub_cols, [&](size_t) { return -block.dmin; },
        [&](double best) {
          const int old = block.min[s];
          const double wanted = std::clamp(old + best, 0.0, static_cast<double>(type_.min_highest));
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

}  // namespace altteul::compress

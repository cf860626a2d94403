// SPDX-License-Identifier: Apache-2.0

#include "compress/codebook_row_encoder.h"

#include <algorithm>

#include "base/check.h"
#include "compress/fit_block.h"
#include "compress/pack_codebook.h"

namespace altteul::compress {

CodebookRowEncoder::Group CodebookRowEncoder::MakeGroup(size_t first, size_t cols, const float* u,
                                                        size_t stride) {
  Group group{first, cols, u, stride, {}};
  for (size_t c = 0; c < cols; c += kWordCols) group.words.emplace_back(u + c * stride + c, stride);
  return group;
}

CodebookRowEncoder::HeldGroup::HeldGroup(const Metric& metric, size_t first, size_t cols)
    : factor(FactorOfColumns(metric, first, cols)),
      group(MakeGroup(first, cols, factor.data(), cols)) {}

CodebookRowEncoder::CodebookRowEncoder(const CodebookType& type, const Metric* metric,
                                       const EncodeSteps& steps,
                                       const kernels::KernelTable& kernels)
    : type_(type), metric_(metric), steps_(steps), kernels_(kernels), fitter_(type), search_(type) {
  if (metric == nullptr) return;
  const size_t n = metric->n;
  importance_ = ColumnImportance(*metric, steps.feedback);
  errors_.emplace(*metric, kernels);
  for (size_t first = 0; first < n; first += type.sub_cols) {
    rounded_.push_back(
        MakeGroup(first, type.sub_cols, metric->factor.data() + first * n + first, n));
    held_subs_.emplace_back(*metric, first, type.sub_cols);
  }
  for (size_t first = 0; first < n; first += kWordCols) {
    held_words_.emplace_back(*metric, first, kWordCols);
  }
}

CodebookRowEncoder::CodebookRowEncoder(const CodebookType& type, std::span<const float> importance)
    : CodebookRowEncoder(type, nullptr, EncodeSteps{}, kernels::kReferenceKernels) {
  importance_.assign(importance.begin(), importance.end());
}

void CodebookRowEncoder::EncodeRows(std::span<const float> targets, size_t n_rows, std::byte* out) {
  n_ = targets.size() / n_rows;
  n_rows_ = n_rows;
  ALT_CHECK(n_ % kCodebookBlockCols == 0);
  if (importance_.empty()) importance_.assign(n_, 1.0f);
  ALT_CHECK(importance_.size() == n_);
  blocks_.resize(targets.size() / kCodebookBlockCols);
  value_.resize(targets.size());
  if (metric_ != nullptr && steps_.feedback) {
    Round(targets);
  } else {
    FitBlocks(targets);
  }
  if (metric_ != nullptr && steps_.descents > 0) Descend(targets);
  const size_t block_bytes = TraitsOf(type_.type).block_bytes;
  for (size_t b = 0; b < blocks_.size(); ++b) Pack(type_.type, blocks_[b], out + b * block_bytes);
}

/// Each column for itself.
void CodebookRowEncoder::FitBlocks(std::span<const float> targets) {
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const size_t first = b * kCodebookBlockCols;
    blocks_[b] = fitter_.FitBlock(targets.subspan(first, kCodebookBlockCols),
                                  std::span(importance_).subspan(first % n_, kCodebookBlockCols));
    for (size_t c = 0; c < kCodebookBlockCols; ++c) value_[first + c] = Value(type_, blocks_[b], c);
  }
}

/// Block by block; the columns behind make up for it.
void CodebookRowEncoder::Round(std::span<const float> targets) {
  wanted_.assign(targets.begin(), targets.end());
  factor_.resize(n_rows_ * kCodebookBlockCols);
  for (size_t first = 0; first < n_; first += kCodebookBlockCols) {
    for (row_ = 0; row_ < n_rows_; ++row_) RoundBlock(first / kCodebookBlockCols);
    const size_t next = first + kCodebookBlockCols;
    if (next == n_) continue;
    kernels_.add_product({.a = factor_.data(),
                          .a_stride = kCodebookBlockCols,
                          .x = metric_->factor.data() + first * n_ + next,
                          .x_stride = n_,
                          .n_rows = n_rows_,
                          .depth = kCodebookBlockCols,
                          .width = n_ - next,
                          .y = wanted_.data() + next,
                          .y_stride = n_});
  }
}

/// d for what is wanted by now; then scales and words, sub-block by sub-block, for what is wanted
/// by then of those.
void CodebookRowEncoder::RoundBlock(size_t number) {
  const size_t first = number * kCodebookBlockCols;
  const std::span<float> all(&wanted_[row_ * n_ + first], kCodebookBlockCols);
  const auto importance = std::span<const float>(importance_).subspan(first, kCodebookBlockCols);
  Block(number) = fitter_.FitBlock(all, importance);
  for (size_t s = 0; s < type_.n_subs(); ++s) {
    const Group& group = rounded_[number * type_.n_subs() + s];
    const size_t at = group.first - first, next = at + group.cols;
    const std::span<const float> wanted = all.subspan(at, group.cols);
    const int near = fitter_.FitScale(wanted, importance.subspan(at, group.cols), Block(number).d);
    const Trial trial = TryScales(group, wanted, near - 1, near + 1, true);
    Take(group, trial);
    std::copy_n(trial.value.begin(), group.cols, &value_[row_ * n_ + group.first]);
    std::copy_n(trial.factor.begin(), group.cols, &factor_[row_ * kCodebookBlockCols + at]);
    if (next == all.size()) continue;
    AddRows(kernels_, std::span(trial.factor).first(group.cols), group.u + group.cols, group.stride,
            all.subspan(next));
  }
}

/// Word after word, each making up for those before it.
/// @param most  the cost from which on the trial is of no use; it may end unfinished then
CodebookRowEncoder::Trial CodebookRowEncoder::Try(const Group& group, std::span<const float> wanted,
                                                  int scale, uint8_t shift, float most) {
  std::array<float, kMostSubCols> left;
  std::copy(wanted.begin(), wanted.end(), left.begin());
  Trial trial;
  trial.cost = 0;
  trial.scale = scale;
  const float factor = CodebookScale(type_, BlockOf(group).d, scale);
  for (size_t w = 0; w < group.words.size() && trial.cost < most; ++w) {
    const size_t first = w * kWordCols, next = first + kWordCols;
    CodebookWord& word = trial.word[w];
    word.signs = shift;
    search_.Find(group.words[w], &left[first], factor, word);
    for (size_t k = 0; k < kWordCols; ++k) {
      trial.value[first + k] = WordValue(type_, word, factor, k);
    }
    const WordErrors errors = ErrorsOf(group.words[w], &left[first], &trial.value[first]);
    trial.cost += errors.cost;
    const float* u = group.u + first * group.stride + first;
    for (size_t k = 0; k < kWordCols; ++k) {
      trial.factor[first + k] = -errors.left[k] / u[k * group.stride + k];
    }
    if (next == group.cols) continue;
    AddRows(kernels_, std::span(trial.factor).subspan(first, kWordCols), u + kWordCols,
            group.stride, std::span(left).subspan(next, group.cols - next));
  }
  return trial;
}

/// The cheapest; costs that are not numbers are as good as any.
CodebookRowEncoder::Trial CodebookRowEncoder::TryScales(const Group& group,
                                                        std::span<const float> wanted, int lowest,
                                                        int highest, bool both_shifts) {
  Trial best;
  bool is_first = true;
  const int last = std::min<int>(highest, type_.scale_highest);
  for (int scale = std::max(lowest, 0); scale <= last; ++scale) {
    for (const uint8_t shift : {uint8_t{0}, uint8_t{1}}) {
      const bool is_shared = type_.signs == WordSigns::kBlockShift;
      const uint8_t now = BlockOf(group).word[group.first % kCodebookBlockCols / kWordCols].signs;
      if (is_shared ? !both_shifts && shift != now : shift != 0) continue;
      const Trial trial = Try(group, wanted, scale, shift, best.cost);
      if (trial.cost < best.cost || is_first) best = trial;
      is_first = false;
    }
  }
  return best;
}

void CodebookRowEncoder::Take(const Group& group, const Trial& trial) {
  ScaleOf(group) = static_cast<uint8_t>(trial.scale);
  const size_t first = group.first % kCodebookBlockCols / kWordCols;
  for (size_t w = 0; w < group.words.size(); ++w) BlockOf(group).word[first + w] = trial.word[w];
}

/// Sweeps over the blocks, in each of which all rows move.
void CodebookRowEncoder::Descend(std::span<const float> targets) {
  errors_->Start(n_rows_, targets, value_);
  for (int i = 0; i < steps_.descents; ++i) {
    for (size_t first = 0; first < n_; first += kCodebookBlockCols) {
      errors_->Open({first, kCodebookBlockCols});
      for (row_ = 0; row_ < n_rows_; ++row_) {
        errors_->Choose(row_);
        if (i > 0) DescendD(first / kCodebookBlockCols);
        DescendWords(first / kCodebookBlockCols);
      }
      errors_->Close(i + 1 < steps_.descents);
    }
  }
}

/// Each sub-block of a block anew, under its scale and those beside it; then its words.
void CodebookRowEncoder::DescendWords(size_t number) {
  const size_t n_subs = type_.n_subs(), n_words = type_.sub_words();
  for (size_t s = number * n_subs; s < (number + 1) * n_subs; ++s) {
    DescendGroup(held_subs_[s], 1, true);
    for (size_t w = 0; w < n_words; ++w) DescendGroup(held_words_[s * n_words + w], 0, false);
  }
}

void CodebookRowEncoder::DescendGroup(const HeldGroup& held, int reach, bool both_shifts) {
  const Group& group = held.group;
  const size_t n = group.cols;
  const auto gradient = [&](size_t j) { return errors_->gradient(group.first + j); };
  const auto value = [&](size_t j) { return errors_->value(group.first + j); };
  // Where the error is smallest if values could be anything: value - gradient H^-1.
  std::array<float, kMostSubCols> wanted, half{};
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i; j < n; ++j) half[i] += group.u[i * n + j] * gradient(j);
  }
  for (size_t j = 0; j < n; ++j) {
    wanted[j] = value(j);
    for (size_t i = 0; i <= j; ++i) wanted[j] -= half[i] * group.u[i * n + j];
  }
  const int scale = ScaleOf(group);
  const Trial trial =
      TryScales(group, std::span(wanted).first(n), scale - reach, scale + reach, both_shifts);
  std::array<float, kMostSubCols> step;
  for (size_t j = 0; j < n; ++j) step[j] = trial.value[j] - value(j);
  if (!(errors_->Along(group.first, std::span(step).first(n)).Change(1) < 0)) return;
  Take(group, trial);
  errors_->Move(group.first, std::span(trial.value).first(n));
}

/// d of a block to where the error is smallest.
void CodebookRowEncoder::DescendD(size_t number) {
  CodebookFields& block = Block(number);
  const size_t first = number * kCodebookBlockCols;
  std::array<float, kCodebookBlockCols> change;
  CodebookFields one = block;
  one.d = 1;
  for (size_t c = 0; c < kCodebookBlockCols; ++c) change[c] = Value(type_, one, c);
  const RowErrors::Parabola along = errors_->Along(first, change);
  if (!(along.curvature > 0)) return;
  const float old = block.d;
  const float d = NearestHalf(static_cast<double>(old) - along.slope / along.curvature);
  // Signs need no second one.
  if (type_.has_signs() && !(d > 0)) return;
  if (!(along.Change(static_cast<double>(d) - static_cast<double>(old)) < 0)) return;
  block.d = d;
  for (size_t c = 0; c < kCodebookBlockCols; ++c) change[c] = Value(type_, block, c);
  errors_->Move(first, change);
}

}  // namespace altteul::compress

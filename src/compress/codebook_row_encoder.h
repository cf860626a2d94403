// SPDX-License-Identifier: Apache-2.0

// Rows of a matrix -> blocks of a type with a codebook, under the metric of the layer's inputs.
//
// Eight columns are chosen at once, as the word whose errors cost least with all later columns free
// to make up for them; what it misses goes on to those (the block form of GPTQ, QuIP#, arXiv
// 2402.04396). A sub-block is encoded under several of its scales and the cheapest is kept. Then
// sub-blocks and words are chosen again, all others held, as long as the error falls.

#pragma once

#include <array>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "compress/fit_codebook.h"
#include "compress/row_encoder.h"
#include "compress/row_errors.h"
#include "compress/word_search.h"

namespace altteul::compress {

class CodebookRowEncoder final : public RowEncoder {
 public:
  /// As MakeRowEncoder().
  CodebookRowEncoder(const CodebookType& type, const Metric* metric, const EncodeSteps& steps,
                     const kernels::KernelTable& kernels);
  CodebookRowEncoder(const CodebookType& type, std::span<const float> importance);

  void EncodeRows(std::span<const float> targets, size_t n_rows, std::byte* out) override;

 private:
  static constexpr size_t kMostSubCols = 32;

  /// Neighbouring words and the triangular factor that their errors are weighed with.
  struct Group {
    size_t first, cols;  ///< of the row
    const float* u;      ///< its first number, in rows of `stride`
    size_t stride;
    std::vector<WordMetric> words;
  };
  /// A group that is encoded with all others held.
  struct HeldGroup {
    HeldGroup(const Metric& metric, size_t first, size_t cols);
    HeldGroup(HeldGroup&&) = default;  // a copy's u would be the original's factor
    std::vector<float> factor;         // [cols, cols]
    Group group;
  };
  /// A group's words under one scale.
  struct Trial {
    float cost = std::numeric_limits<float>::infinity();
    int scale = 0;
    std::array<CodebookWord, kMostSubCols / kWordCols> word{};
    std::array<float, kMostSubCols> value{};
    std::array<float, kMostSubCols> factor{};  // of the rows of U behind: -left / U_kk
  };

  static Group MakeGroup(size_t first, size_t cols, const float* u, size_t stride);
  // Of the row that is worked on.
  CodebookFields& Block(size_t number) {
    return blocks_[row_ * (n_ / kCodebookBlockCols) + number];
  }
  CodebookFields& BlockOf(const Group& group) { return Block(group.first / kCodebookBlockCols); }
  uint8_t& ScaleOf(const Group& group) {
    return BlockOf(group).scale[group.first % kCodebookBlockCols / type_.sub_cols];
  }
  Trial Try(const Group& group, std::span<const float> wanted, int scale, uint8_t shift,
            float most);
  Trial TryScales(const Group& group, std::span<const float> wanted, int lowest, int highest,
                  bool both_shifts);
  void Take(const Group& group, const Trial& trial);
  void FitBlocks(std::span<const float> targets);
  void Round(std::span<const float> targets);
  void RoundBlock(size_t number);
  void Descend(std::span<const float> targets);
  void DescendWords(size_t number);
  void DescendGroup(const HeldGroup& held, int reach, bool both_shifts);
  void DescendD(size_t number);

  const CodebookType& type_;
  const Metric* metric_;
  const EncodeSteps steps_;
  const kernels::KernelTable& kernels_;
  CodebookFitter fitter_;
  WordSearch search_;
  std::vector<Group> rounded_;  // sub-blocks, later columns free
  std::vector<HeldGroup> held_subs_, held_words_;
  size_t n_ = 0, n_rows_ = 0, row_ = 0;
  std::optional<RowErrors> errors_;     // with a metric
  std::vector<CodebookFields> blocks_;  // [n_rows, blocks]
  std::vector<float> importance_;       // [n]
  std::vector<float> wanted_;           // [n_rows, n]: the target, with what earlier columns missed
  std::vector<float> value_;            // [n_rows, n]
  std::vector<float> factor_;           // [n_rows, block]: of the rows of U, for later blocks
};

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// The word nearest to eight weights when errors of its columns make up for each other.
//
// What an error e costs is |e U^-1|^2 for an upper triangular U with H^-1 = U^T U, H being the
// metric of these columns with all later ones free or with all others held. Column after column
// that is a sum of squares: what one misses moves the next (second_order.h). So an entry's first
// four points give a lower bound for all entries that begin with them, and only few of those that
// a codebook has are looked at. Signs follow what is wanted at their column by then.

#pragma once

#include <array>
#include <span>
#include <vector>

#include "compress/codebook_block.h"

namespace altteul::compress {

/// The diagonal block of U that belongs to a word.
struct WordMetric {
  /// @param u  its first number, in rows of `stride`
  WordMetric(const float* u, size_t stride);

  std::array<float, kWordCols> weight;                       ///< 1 / U_kk^2
  std::array<std::array<float, kWordCols>, kWordCols> feed;  ///< U_kj / U_kk for j > k, else 0
};

/// The errors e of eight columns, each with what earlier ones left to it.
struct WordErrors {
  std::array<float, kWordCols> left;
  float cost = 0;  ///< sum of left^2 * weight
};
WordErrors ErrorsOf(const WordMetric& metric, const float* wanted, const float* value);

/// Buffers of one thread.
class WordSearch {
 public:
  explicit WordSearch(const CodebookType& type);

  /// Changes `word` to the nearest that was found; the shift of IQ1_S, which it shares with others,
  /// stays.
  /// @param wanted  [8]
  /// @return its cost
  float Find(const WordMetric& metric, const float* wanted, float scale, CodebookWord& word);

 private:
  /// Four neighbouring points of many entries, by their place; a multiple of 4 entries.
  struct Quads {
    std::array<std::vector<float>, 4> plane;
    size_t size() const { return plane[0].size(); }
    void Add(const std::array<float, 4>& points);
  };
  struct Run {
    size_t begin, count;
  };
  /// What four columns add to a cost, and what comes in from the four before them.
  struct Task {
    const WordMetric& metric;
    const float* wanted;  // [4]
    size_t first_col;     // 0 or 4
    float scale;
    float cost;   // so far
    bool is_odd;  // minus signs so far
    float unodd;  // what it costs at least to make them even there
  };
  void AddEntries();
  template <bool kSigned, bool kEven>
  void Scan(const Task& task, const Quads& quads, size_t begin, size_t end);
  void Scan(const Task& task, const Quads& quads, size_t begin, size_t end);
  uint8_t GreedySigns(const Task& task, const Quads& quads, size_t quad, float* behind,
                      float* unodd) const;
  float FindShifted(const WordMetric& metric, const float* wanted, float scale, float best,
                    CodebookWord& word);
  float CostOf(const WordMetric& metric, const float* wanted, float scale, size_t start, size_t end,
               uint8_t signs) const;
  float MakeEven(const WordMetric& metric, const float* wanted, float scale, size_t start,
                 size_t end, uint8_t& signs) const;

  const CodebookType& type_;
  const size_t most_starts_;
  Quads starts_, ends_;
  std::vector<Run> runs_;        // the ends of each start
  std::vector<uint16_t> entry_;  // of each end
  std::vector<float> cost_, end_cost_;
};

}  // namespace altteul::compress

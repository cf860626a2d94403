// SPDX-License-Identifier: Apache-2.0

#include "compress/word_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "base/check.h"
#include "compress/float4.h"

namespace altteul::compress {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Starts that are followed at most, best first. Where every end may follow every start, each costs
// a walk through the whole codebook.
constexpr size_t kMostStarts = 24;
constexpr size_t kMostFreeStarts = 4;

}  // namespace

WordMetric::WordMetric(const float* u, size_t stride) {
  for (size_t k = 0; k < kWordCols; ++k) {
    const float diagonal = u[k * stride + k];
    weight[k] = 1.0f / (diagonal * diagonal);
    for (size_t j = 0; j < kWordCols; ++j) {
      feed[k][j] = j > k ? u[k * stride + j] / diagonal : 0.0f;
    }
  }
}

WordErrors ErrorsOf(const WordMetric& metric, const float* wanted, const float* value) {
  WordErrors errors;
  std::copy_n(wanted, kWordCols, errors.left.begin());
  for (size_t k = 0; k < kWordCols; ++k) {
    const float left = errors.left[k] - value[k];
    errors.left[k] = left;
    errors.cost += left * left * metric.weight[k];
    for (size_t j = k + 1; j < kWordCols; ++j) errors.left[j] -= left * metric.feed[k][j];
  }
  return errors;
}

void WordSearch::Quads::Add(const std::array<float, 4>& points) {
  for (size_t at = 0; at < 4; ++at) plane[at].push_back(points[at]);
}

WordSearch::WordSearch(const CodebookType& type)
    : type_(type), most_starts_(type.entry_cols == kWordCols ? kMostStarts : kMostFreeStarts) {
  AddEntries();
  cost_.resize(starts_.size());
  end_cost_.resize(ends_.size());
}

/// Entries of 8 by their first four points; of entries of 4 each may follow each.
void WordSearch::AddEntries() {
  const auto quad = [this](size_t entry, size_t first) {
    std::array<float, 4> points;
    for (size_t at = 0; at < 4; ++at) points[at] = type_.Point(entry, first + at);
    return points;
  };
  const bool is_whole = type_.entry_cols == kWordCols;
  std::map<std::array<float, 4>, std::vector<uint16_t>> by_start;
  for (size_t entry = 0; entry < type_.codebook.size(); ++entry) {
    if (is_whole) {
      by_start[quad(entry, 0)].push_back(static_cast<uint16_t>(entry));
    } else {
      starts_.Add(quad(entry, 0));
      ends_.Add(quad(entry, 0));
      entry_.push_back(static_cast<uint16_t>(entry));
    }
  }
  runs_.assign(starts_.size(), {0, ends_.size()});
  for (auto& start : by_start) {
    while (start.second.size() % 4 != 0) start.second.push_back(start.second.back());
    starts_.Add(start.first);
    runs_.push_back({ends_.size(), start.second.size()});
    for (const uint16_t entry : start.second) {
      ends_.Add(quad(entry, 4));
      entry_.push_back(entry);
    }
  }
  while (starts_.size() % 4 != 0) {  // the last once more
    for (std::vector<float>& plane : starts_.plane) plane.push_back(plane.back());
    runs_.push_back(runs_.back());
  }
  ALT_CHECK(ends_.size() % 4 == 0);
}

/// Costs of the quads [begin, end), into cost_ or end_cost_ from 0 on.
template <bool kSigned, bool kEven>
void WordSearch::Scan(const Task& task, const Quads& quads, size_t begin, size_t end) {
  float* out = task.first_col == 0 ? cost_.data() : end_cost_.data();
  const auto* weight = &task.metric.weight[task.first_col];
  const auto feed = [&task](size_t k, size_t j) {
    return task.metric.feed[task.first_col + k][task.first_col + j];
  };
  const Bits4 odd_before = BitsOf(Same4(task.is_odd ? -0.0f : 0.0f));
  for (size_t i = begin; i < end; i += 4, out += 4) {
    Float4 cost = Same4(task.cost), unodd = Same4(task.unodd);
    Bits4 odd = odd_before;
    const auto column = [&](size_t k, Float4 wanted) {
      const Float4 value = task.scale * Load4(&quads.plane[k][i]);
      if constexpr (!kSigned) {
        const Float4 error = wanted - value;
        cost += weight[k] * (error * error);
        return error;
      }
      const Bits4 sign = BitsOf(wanted) & kSignBit4;
      const Float4 magnitude = Abs4(wanted);
      const Float4 error = magnitude - value;
      cost += weight[k] * (error * error);
      if constexpr (kEven) {
        odd ^= sign;
        // (m + v)^2 - (m - v)^2
        unodd = Min4((4.0f * weight[k]) * (magnitude * value), unodd);
      }
      return FloatsOf(BitsOf(error) ^ sign);
    };
    const Float4 e0 = column(0, Same4(task.wanted[0]));
    const Float4 e1 = column(1, task.wanted[1] - feed(0, 1) * e0);
    const Float4 e2 = column(2, task.wanted[2] - feed(0, 2) * e0 - feed(1, 2) * e1);
    const Float4 e3 =
        column(3, task.wanted[3] - feed(0, 3) * e0 - feed(1, 3) * e1 - feed(2, 3) * e2);
    static_cast<void>(e3);
    if constexpr (kEven) {
      const Float4 even = cost + unodd;
      cost = odd < 0 ? even : cost;
    }
    Store4(cost, out);
  }
}

void WordSearch::Scan(const Task& task, const Quads& quads, size_t begin, size_t end) {
  if (!type_.has_signs()) return Scan<false, false>(task, quads, begin, end);
  // The signs of the first four may be odd.
  const bool is_even = type_.signs == WordSigns::kEven && task.first_col != 0;
  if (is_even) return Scan<true, true>(task, quads, begin, end);
  Scan<true, false>(task, quads, begin, end);
}

/// @param behind  [4] what is wanted of the next four columns, moved by these; or null
uint8_t WordSearch::GreedySigns(const Task& task, const Quads& quads, size_t quad, float* behind,
                                float* unodd) const {
  std::array<float, kWordCols> wanted{};
  std::copy_n(task.wanted, 4, wanted.begin());
  if (behind != nullptr) std::copy_n(behind, 4, wanted.begin() + 4);
  unsigned signs = 0;
  for (size_t k = 0; k < 4; ++k) {
    const size_t col = task.first_col + k;
    const float value = task.scale * quads.plane[k][quad];
    const bool minus = type_.has_signs() && std::signbit(wanted[k]);
    if (minus) signs |= 1u << col;
    if (unodd != nullptr) {
      *unodd = std::min(*unodd, 4.0f * task.metric.weight[col] * std::fabs(wanted[k]) * value);
    }
    const float error = wanted[k] - (minus ? -value : value);
    for (size_t j = k + 1; j < (behind != nullptr ? 8u : 4u); ++j) {
      wanted[j] -= error * task.metric.feed[col][task.first_col + j];
    }
  }
  if (behind != nullptr) std::copy_n(wanted.begin() + 4, 4, behind);
  return static_cast<uint8_t>(signs);
}

float WordSearch::CostOf(const WordMetric& metric, const float* wanted, float scale, size_t start,
                         size_t end, uint8_t signs) const {
  std::array<float, kWordCols> value;
  for (size_t k = 0; k < kWordCols; ++k) {
    const float point = k < 4 ? starts_.plane[k][start] : ends_.plane[k - 4][end];
    value[k] = (signs >> k & 1) != 0 ? -(scale * point) : scale * point;
  }
  return ErrorsOf(metric, wanted, value.data()).cost;
}

/// Turns the sign that costs least.
float WordSearch::MakeEven(const WordMetric& metric, const float* wanted, float scale, size_t start,
                           size_t end, uint8_t& signs) const {
  float best = kInfinity;
  uint8_t best_signs = static_cast<uint8_t>(signs ^ 1u);
  for (size_t k = 0; k < kWordCols; ++k) {
    const auto turned = static_cast<uint8_t>(signs ^ 1u << k);
    const float cost = CostOf(metric, wanted, scale, start, end, turned);
    if (cost < best) {
      best = cost;
      best_signs = turned;
    }
  }
  signs = best_signs;
  return best;
}

/// @param wanted  without the shift
/// @param best    the cost from which on a word is of no use
/// @return the cost of `word`, or `best` when it was not changed
float WordSearch::FindShifted(const WordMetric& metric, const float* wanted, float scale,
                              float best, CodebookWord& word) {
  const Task first{metric, wanted, 0, scale, 0.0f, false, kInfinity};
  Scan(first, starts_, 0, starts_.size());
  for (size_t tried = 0; tried < most_starts_; ++tried) {
    const size_t start = ArgMin(cost_);
    if (!(cost_[start] < best) && tried > 0) break;
    cost_[start] = kInfinity;
    std::array<float, 4> behind;
    std::copy_n(wanted + 4, 4, behind.begin());
    Task second{metric, behind.data(), 4, scale, 0.0f, false, kInfinity};
    const uint8_t signs = GreedySigns(first, starts_, start, behind.data(), &second.unodd);
    second.is_odd = std::popcount(signs) % 2 != 0;
    const Run run = runs_[start];
    Scan(second, ends_, run.begin, run.begin + run.count);
    const size_t end = run.begin + ArgMin(std::span(end_cost_).first(run.count));
    auto all_signs =
        static_cast<uint8_t>(signs | GreedySigns(second, ends_, end, nullptr, nullptr));
    const bool must_turn = type_.signs == WordSigns::kEven && std::popcount(all_signs) % 2 != 0;
    const float cost = must_turn ? MakeEven(metric, wanted, scale, start, end, all_signs)
                                 : CostOf(metric, wanted, scale, start, end, all_signs);
    if (!(cost < best)) continue;
    best = cost;
    const bool is_whole = type_.entry_cols == kWordCols;
    word.entry = {is_whole ? entry_[end] : static_cast<uint16_t>(start),
                  is_whole ? uint16_t{0} : entry_[end]};
    if (type_.has_signs()) word.signs = all_signs;
  }
  return best;
}

float WordSearch::Find(const WordMetric& metric, const float* wanted, float scale,
                       CodebookWord& word) {
  if (type_.has_signs()) {
    word = {};
    return FindShifted(metric, wanted, scale, kInfinity, word);
  }
  const bool is_given = type_.signs == WordSigns::kBlockShift;
  float best = kInfinity;
  CodebookWord found;
  for (const uint8_t minus : {uint8_t{0}, uint8_t{1}}) {
    if (is_given && minus != word.signs) continue;
    std::array<float, kWordCols> unshifted;
    for (size_t k = 0; k < kWordCols; ++k) {
      unshifted[k] = wanted[k] - scale * (minus != 0 ? -kShift : kShift);
    }
    CodebookWord candidate;
    candidate.signs = minus;
    const float cost = FindShifted(metric, unshifted.data(), scale, best, candidate);
    if (cost < best || is_given) {
      best = cost;
      found = candidate;
    }
  }
  word = found;
  return best;
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "engine/stop_filter.h"

#include <algorithm>
#include <utility>

namespace altteul::engine {

std::string StopFilter::Take(std::string_view piece, bool hidden) {
  held_ += piece;
  hidden_.insert(hidden_.end(), piece.size(), hidden);
  n_hidden_ += hidden ? piece.size() : 0;

  size_t cut = FirstStop(held_);
  size_t tail = LongestTail(held_);
  if (n_hidden_ != 0) {
    const Visible visible = SeenByReaders();
    const size_t seen_cut = FirstStop(visible.text);
    if (seen_cut != std::string::npos) cut = std::min(cut, visible.at[seen_cut]);
    const size_t seen_tail = LongestTail(visible.text);
    if (seen_tail != 0) {
      tail = std::max(tail, held_.size() - visible.at[visible.text.size() - seen_tail]);
    }
  }
  if (cut == std::string::npos) return Release(held_.size() - tail);
  stopped_ = true;
  return Release(cut);
}

std::string StopFilter::Finish() { return stopped_ ? "" : Release(held_.size()); }

StopFilter::Visible StopFilter::SeenByReaders() const {
  Visible visible;
  for (size_t i = 0; i < held_.size(); ++i) {
    if (hidden_[i]) continue;
    visible.text += held_[i];
    visible.at.push_back(i);
  }
  return visible;
}

/// Where the first stop text begins in `text`, or npos.
size_t StopFilter::FirstStop(const std::string& text) const {
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    if (!stop.empty()) first = std::min(first, text.find(stop));
  }
  return first;
}

/// [bytes] of the longest end of `text` that begins a stop text.
size_t StopFilter::LongestTail(const std::string& text) const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(text.size(), stop.size()); n > longest; --n) {
      if (text.compare(text.size() - n, n, stop, 0, n) == 0) longest = n;
    }
  }
  return longest;
}

/// Lets go of the first bytes. @return those of them that are shown
std::string StopFilter::Release(size_t n_bytes) {
  std::string shown;
  if (n_hidden_ == 0) {
    shown = held_.substr(0, n_bytes);
  } else {
    for (size_t i = 0; i < n_bytes; ++i) {
      if (hidden_[i]) {
        --n_hidden_;
      } else {
        shown += held_[i];
      }
    }
  }
  held_.erase(0, n_bytes);
  hidden_.erase(hidden_.begin(), hidden_.begin() + static_cast<std::ptrdiff_t>(n_bytes));
  return shown;
}

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

// Text as it may be shown: holds back what could still grow into a text that ends the answer.
//
// What is shown and what can be stopped at differ. A control token is not shown, but its text can
// be asked for ("--stop <|turn|>"), alone or beside words. So two streams are looked through: what
// a reader sees, and the same with the texts of hidden tokens where they stood.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace altteul::engine {

class StopFilter {
 public:
  /// @param stops  must outlive the filter; empty ones do nothing
  explicit StopFilter(const std::vector<std::string>& stops) : stops_(stops) {}

  /// Takes new text. @return what is certain not to belong to a stop text
  std::string Push(std::string_view piece) { return Take(piece, false); }
  /// The same for a text that is not shown itself.
  std::string PushHidden(std::string_view piece) { return Take(piece, true); }
  /// @return what was held back and came to nothing; "" when a stop text came
  std::string Finish();
  bool stopped() const { return stopped_; }

 private:
  struct Visible {
    std::string text;
    std::vector<size_t> at;  // [text.size()]: where each byte stands in held_
  };

  std::string Take(std::string_view piece, bool hidden);
  Visible SeenByReaders() const;
  size_t FirstStop(const std::string& text) const;
  size_t LongestTail(const std::string& text) const;
  std::string Release(size_t n_bytes);

  const std::vector<std::string>& stops_;
  std::string held_;          // with hidden texts
  std::vector<bool> hidden_;  // [held_.size()]
  size_t n_hidden_ = 0;
  bool stopped_ = false;
};

}  // namespace altteul::engine

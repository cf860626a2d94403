// SPDX-License-Identifier: Apache-2.0

// Words that Python's json writes and reads though JSON knows none of them: NaN, Infinity,
// -Infinity, numbers that are too large, and halves of surrogate pairs. A parser of JSON is given a
// copy of the text with words of the same length in their place, so that places stay what they
// were, and asks here what the numbers meant.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace altteul::formats {

/// The words of one text, found outside of its strings; each number that ends where one of them
/// ended is it. Half a surrogate pair, inside of strings, has the escape of U+FFFD.
class PythonsWords {
 public:
  explicit PythonsWords(std::string_view text);

  bool any() const { return !found_.empty() || has_halves_; }
  /// What JSON's parsers can read, as long as the text.
  std::string_view copy() const { return copy_; }

  std::string WithNulls() const;

  /// What was meant by the number that the parser of the copy read last, or null where it is
  /// itself.
  /// @param reached  [bytes] how far it has read: up to the number's end, or the byte after it
  const double* Meant(size_t reached) const;

 private:
  struct Found {
    size_t begin, end;
    double value;
  };

  void Replace(size_t at, std::string_view number, double value);
  void ReplaceLiteral(std::string_view text, size_t at);
  void ReplaceNumber(std::string_view text, size_t at);
  /// @return how many bytes the escape has
  size_t PassEscape(std::string_view text, size_t at);

  std::string copy_;
  std::vector<Found> found_;  // in their order
  bool has_halves_ = false;
};

/// The text with null in place of Python's literals and numbers that are too large, and U+FFFD for
/// half a surrogate pair: for readers that want text and know JSON only.
std::string PythonLiteralsAsNull(const std::string& text);

}  // namespace altteul::formats

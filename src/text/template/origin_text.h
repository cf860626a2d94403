// SPDX-License-Identifier: Apache-2.0

// A string that remembers which of its bytes the template wrote and which came from values.
//
// Origins are runs with cumulative ends, so that a slice finds its place by binary search.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace altteul::text::jinja {

class OriginText {
 public:
  struct Run {
    size_t end = 0;  ///< [bytes] from the start of the text
    bool from_template = false;
  };

  OriginText() = default;
  OriginText(std::string bytes, bool from_template);

  const std::string& bytes() const { return bytes_; }
  const std::vector<Run>& runs() const { return runs_; }  ///< neighbours differ, none is empty
  size_t size() const { return bytes_.size(); }

  void Append(std::string_view bytes, bool from_template);
  void Append(const OriginText& other) { AppendSlice(other, 0, other.size()); }
  /// @pre begin <= end <= other.size()
  void AppendSlice(const OriginText& other, size_t begin, size_t end);
  OriginText Slice(size_t begin, size_t end) const;
  /// @pre offset < size()
  bool FromTemplateAt(size_t offset) const;
  /// Memory that this text holds [bytes].
  size_t Footprint() const { return bytes_.size() + runs_.size() * sizeof(Run); }

 private:
  size_t RunAt(size_t offset) const;
  void ExtendRuns(size_t end, bool from_template);

  std::string bytes_;
  std::vector<Run> runs_;
};

}  // namespace altteul::text::jinja

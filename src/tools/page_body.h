// SPDX-License-Identifier: Apache-2.0

// The body of a page in both languages as it grows: headings, paragraphs and tables.

#pragma once

#include <string>
#include <vector>

namespace altteul::tools {

class PageBody {
 public:
  using Cells = std::vector<std::string>;

  /// Plain words.
  void Heading(const std::string& en, const std::string& ko);
  /// Both are markup.
  void Paragraph(const std::string& en, const std::string& ko);
  /// All cells are markup. @param left  columns from the left that hold words
  void Table(const Cells& header, const std::vector<Cells>& rows, size_t left);
  void Add(const std::string& markup) { markup_ += markup; }

  const std::string& markup() const { return markup_; }

 private:
  std::string markup_;
};

}  // namespace altteul::tools

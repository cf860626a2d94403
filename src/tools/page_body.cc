// SPDX-License-Identifier: Apache-2.0

#include "tools/page_body.h"

#include "tools/gap_markup.h"

namespace altteul::tools {

using markup::Spans;
using markup::Text;

void PageBody::Heading(const std::string& en, const std::string& ko) {
  markup_ += "<h2>" + Text(en, ko) + "</h2>\n";
}

void PageBody::Paragraph(const std::string& en, const std::string& ko) {
  markup_ += "<p>" + Spans(en, ko) + "</p>\n";
}

void PageBody::Table(const Cells& header, const std::vector<Cells>& rows, size_t left) {
  markup_ += "<table>\n<tr>";
  for (size_t i = 0; i < header.size(); ++i) {
    markup_ +=
        (i < left ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"n\">") + header[i] + "</th>";
  }
  markup_ += "</tr>\n";
  for (const Cells& row : rows) {
    markup_ += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      markup_ += (i < left ? "<td>" : "<td class=\"n\">") + row[i] + "</td>";
    }
    markup_ += "</tr>\n";
  }
  markup_ += "</table>\n";
}

}  // namespace altteul::tools

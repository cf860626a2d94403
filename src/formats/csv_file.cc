// SPDX-License-Identifier: Apache-2.0

#include "formats/csv_file.h"

#include <algorithm>
#include <utility>

#include "formats/quote.h"
#include "tensor/buffer.h"

namespace altteul::formats {
namespace {

/// Walks over the text once. A record is complete or an error; nothing is guessed.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name, const CsvLimits& limits)
      : text_(text), name_(name), limits_(limits) {}

  Result<CsvTable> Read() {
    if (text_.size() > limits_.max_bytes) {
      return Status(ErrorCode::kUnsupported, name_ + ": " + std::to_string(text_.size()) +
                                                 " bytes; a table may have " +
                                                 std::to_string(limits_.max_bytes));
    }
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    CsvTable table;
    table.name = name_;
    while (at_ < text_.size()) {
      if (SkipLineEnd()) continue;
      CsvRow row;
      row.line = line_;
      ALT_ASSIGN_OR_RETURN(row.fields, ReadRecord());
      if (table.header.empty()) {
        ALT_RETURN_IF_ERROR(CheckHeader(row));
        table.header = std::move(row.fields);
        continue;
      }
      if (row.fields.size() != table.header.size()) {
        return Corrupt(row.line, std::to_string(row.fields.size()) + " fields; the header has " +
                                     std::to_string(table.header.size()));
      }
      if (table.rows.size() == limits_.max_rows) {
        return Status(ErrorCode::kUnsupported,
                      name_ + ": more than " + std::to_string(limits_.max_rows) + " rows");
      }
      table.rows.push_back(std::move(row));
    }
    if (table.header.empty()) return Corrupt(line_, "no header: the file is empty");
    return table;
  }

 private:
  Status Corrupt(size_t line, const std::string& what) const {
    return Status(ErrorCode::kCorruptFile, name_ + ": line " + std::to_string(line) + ": " + what);
  }

  bool AtLineEnd() const { return text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"; }

  bool SkipLineEnd() {
    if (!AtLineEnd()) return false;
    at_ += text_[at_] == '\n' ? 1 : 2;
    ++line_;
    return true;
  }

  Status CheckHeader(const CsvRow& row) const {
    std::vector<std::string> names = row.fields;
    std::sort(names.begin(), names.end());
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) return Corrupt(row.line, "a column without a name");
      if (i > 0 && names[i] == names[i - 1]) {
        return Corrupt(row.line, "column " + Quote(names[i]) + " stands there twice");
      }
    }
    return Status();
  }

  Result<std::vector<std::string>> ReadRecord() {
    std::vector<std::string> fields;
    while (true) {
      if (fields.size() == limits_.max_columns) {
        return Status(ErrorCode::kUnsupported, name_ + ": line " + std::to_string(line_) +
                                                   ": more than " +
                                                   std::to_string(limits_.max_columns) + " fields");
      }
      std::string field;
      ALT_RETURN_IF_ERROR(ReadField(&field));
      fields.push_back(std::move(field));
      if (at_ == text_.size() || SkipLineEnd()) return fields;
      ++at_;  // ReadField stopped at a comma
    }
  }

  /// Stops at a comma, at a line end or at the end of the text.
  Status ReadField(std::string* field) {
    if (at_ < text_.size() && text_[at_] == '"') return ReadQuoted(field);
    while (at_ < text_.size() && text_[at_] != ',' && !AtLineEnd()) {
      if (text_[at_] == '"') {
        return Corrupt(line_, "a quote inside a field that does not begin with one");
      }
      ALT_RETURN_IF_ERROR(TakeByte(field));
    }
    return Status();
  }

  Status ReadQuoted(std::string* field) {
    const size_t opened = line_;
    ++at_;
    while (at_ < text_.size()) {
      if (text_[at_] == '"') {
        if (text_.substr(at_, 2) != "\"\"") break;
        ++at_;  // the second of two is taken below: it stands for one
      } else if (AtLineEnd()) {
        if (text_[at_] == '\r') ++at_;
        ++line_;
        *field += ' ';  // a line end inside a field is shown as a blank
        ++at_;
        continue;
      }
      ALT_RETURN_IF_ERROR(TakeByte(field));
    }
    if (at_ == text_.size()) return Corrupt(opened, "a quoted field without an end");
    ++at_;
    if (at_ < text_.size() && text_[at_] != ',' && !AtLineEnd()) {
      return Corrupt(line_, "text behind the end of a quoted field");
    }
    return Status();
  }

  Status TakeByte(std::string* field) {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    // U+0080 to U+009F are control characters of two bytes; some terminals obey them.
    const bool c1 =
        byte == 0xc2 && at_ + 1 < text_.size() && static_cast<unsigned char>(text_[at_ + 1]) < 0xa0;
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f || c1) {
      return Corrupt(line_, "a control character at byte " + std::to_string(at_));
    }
    if (field->size() == limits_.max_field_bytes) {
      return Status(ErrorCode::kUnsupported,
                    name_ + ": line " + std::to_string(line_) + ": a field of more than " +
                        std::to_string(limits_.max_field_bytes) + " bytes");
    }
    *field += text_[at_++];
    return Status();
  }

  const std::string_view text_;
  const std::string& name_;
  const CsvLimits& limits_;
  size_t at_ = 0;
  size_t line_ = 1;
};

}  // namespace

std::optional<size_t> CsvTable::Column(std::string_view column) const {
  for (size_t i = 0; i < header.size(); ++i) {
    if (header[i] == column) return i;
  }
  return std::nullopt;
}

Result<CsvTable> ParseCsv(std::string_view text, const std::string& name, const CsvLimits& limits) {
  return CsvReader(text, name, limits).Read();
}

Result<CsvTable> ReadCsvFile(const std::string& path, const CsvLimits& limits) {
  ALT_ASSIGN_OR_RETURN(const Buffer mapping, Buffer::MapFile(path));
  const auto bytes = mapping.bytes();
  return ParseCsv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, limits);
}

}  // namespace altteul::formats

// SPDX-License-Identifier: Apache-2.0

#include "text/template/percent_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "text/template/code_points.h"
#include "text/template/operators.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {
namespace {

constexpr size_t kMaxWidth = 1000;  // of a field; more is a mistake or an attack

struct Field {
  bool left = false;
  bool zero = false;
  bool plus = false;
  bool space = false;
  bool alternate = false;
  size_t width = 0;
  int precision = -1;
  char conversion = 's';
};

class PercentWriter {
 public:
  PercentWriter(Heap& heap, const OriginText& format, const Value& values)
      : heap_(heap), format_(format), bytes_(format.bytes()), values_(values) {
    const SequenceObject* sequence = values.sequence();
    if (sequence != nullptr && sequence->kind == SequenceKind::kTuple) tuple_ = sequence;
  }

  Result<Value> Run() {
    size_t at = 0;
    while (at < bytes_.size()) {
      const size_t percent = std::min(bytes_.find('%', at), bytes_.size());
      out_.AppendSlice(format_, at, percent);
      if (percent == bytes_.size()) break;
      at = percent + 1;
      ALT_RETURN_IF_ERROR(heap_.Reserve(out_.Footprint()));
      ALT_RETURN_IF_ERROR(WriteField(at));
    }
    const size_t given = tuple_ != nullptr ? tuple_->items.size() : 1;
    if (n_used_ < given && values_.dict() == nullptr) {
      return TypeError("not all arguments converted during string formatting");
    }
    return MakeString(heap_, std::move(out_));
  }

 private:
  Result<Value> NextValue() {
    if (tuple_ != nullptr ? n_used_ >= tuple_->items.size() : n_used_ > 0) {
      return TypeError("not enough arguments for format string");
    }
    ++n_used_;
    return tuple_ != nullptr ? tuple_->items[n_used_ - 1] : values_;
  }

  size_t ReadDigits(size_t& at) const {
    size_t value = 0;
    while (at < bytes_.size() && bytes_[at] >= '0' && bytes_[at] <= '9') {
      value = std::min(value * 10 + static_cast<size_t>(bytes_[at++] - '0'), kMaxWidth + 1);
    }
    return value;
  }

  // After "%" and an optional "(name)".
  Result<Field> ReadField(size_t& at) const {
    Field field;
    for (; at < bytes_.size(); ++at) {
      if (bytes_[at] == '-')
        field.left = true;
      else if (bytes_[at] == '0')
        field.zero = true;
      else if (bytes_[at] == '+')
        field.plus = true;
      else if (bytes_[at] == ' ')
        field.space = true;
      else if (bytes_[at] == '#')
        field.alternate = true;
      else
        break;
    }
    field.width = ReadDigits(at);
    if (at < bytes_.size() && bytes_[at] == '.') {
      ++at;
      field.precision = static_cast<int>(ReadDigits(at));
    }
    if (field.width > kMaxWidth || field.precision > static_cast<int>(kMaxWidth)) {
      return TypeError("a format field is wider than " + std::to_string(kMaxWidth));
    }
    if (at >= bytes_.size()) return TypeError("incomplete format");
    field.conversion = bytes_[at++];
    return field;
  }

  Status WriteField(size_t& at) {
    Value value;
    bool named = false;
    if (at < bytes_.size() && bytes_[at] == '(') {
      const size_t close = bytes_.find(')', at);
      if (close == std::string_view::npos) return TypeError("incomplete format key");
      if (values_.dict() == nullptr) return TypeError("format requires a mapping");
      const std::string_view key = std::string_view(bytes_).substr(at + 1, close - at - 1);
      const Value* found = Find(*values_.dict(), key);
      if (found == nullptr) return TypeError("'" + std::string(key) + "'");
      value = *found;
      named = true;
      at = close + 1;
    }
    const size_t end_of_key = at;
    ALT_ASSIGN_OR_RETURN(const Field field, ReadField(at));
    if (field.conversion == '%') {
      out_.AppendSlice(format_, std::max(end_of_key, at - 1), at);
      return Status();
    }
    if (!named) {
      ALT_ASSIGN_OR_RETURN(value, NextValue());
    }
    ALT_ASSIGN_OR_RETURN(const OriginText text, Convert(field, value));
    const size_t length = CountCodePoints(text.bytes());
    const std::string padding(field.width > length ? field.width - length : 0, ' ');
    if (!field.left) out_.Append(padding, false);
    out_.Append(text);
    if (field.left) out_.Append(padding, false);
    return Status();
  }

  Result<OriginText> Convert(const Field& field, const Value& value) {
    switch (field.conversion) {
      case 's':
      case 'r':
        return ConvertText(field, value);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return ConvertInteger(field, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return ConvertReal(field, value);
      default:
        return TypeError("unsupported format character '" + std::string(1, field.conversion) + "'");
    }
  }

  Result<OriginText> ConvertText(const Field& field, const Value& value) {
    OriginText text;
    if (field.conversion == 's') {
      ALT_ASSIGN_OR_RETURN(text, ToText(heap_, value));
    } else {
      ALT_ASSIGN_OR_RETURN(std::string repr, Repr(heap_, value));
      text = OriginText(std::move(repr), false);
    }
    if (field.precision < 0) return text;
    return text.Slice(0, OffsetOfCodePoint(text.bytes(), static_cast<size_t>(field.precision)));
  }

  // "%" flags, zeros to the width, precision and length modifier, as snprintf wants them.
  static std::string NativeFormat(const Field& field, std::string_view modifier) {
    std::string native = "%";
    if (field.plus) native += "+";
    if (field.space) native += " ";
    if (field.alternate) native += "#";
    if (field.zero && !field.left && field.width > 0) native += "0" + std::to_string(field.width);
    if (field.precision >= 0) native += "." + std::to_string(field.precision);
    native += modifier;
    native += field.conversion == 'u' ? 'd' : field.conversion;
    return native;
  }

  Result<OriginText> ConvertInteger(const Field& field, const Value& value) {
    std::optional<int64_t> integer = value.integer();
    const bool decimal =
        field.conversion == 'd' || field.conversion == 'i' || field.conversion == 'u';
    if (value.is_float() && decimal && std::fabs(value.real()) < 9.2e18) {
      integer = static_cast<int64_t>(value.real());
    }
    if (!integer || (!decimal && *integer < 0)) {
      return TypeError("%" + std::string(1, field.conversion) +
                       " format: a real number is required, not " + std::string(value.TypeName()));
    }
    std::string text(2 * kMaxWidth, '\0');
    const int length = std::snprintf(text.data(), text.size(), NativeFormat(field, "ll").c_str(),
                                     static_cast<long long>(*integer));
    text.resize(static_cast<size_t>(length));
    return OriginText(std::move(text), false);
  }

  Result<OriginText> ConvertReal(const Field& field, const Value& value) {
    if (!value.is_number()) {
      return TypeError("must be real number, not " + std::string(value.TypeName()));
    }
    std::string text(3 * kMaxWidth, '\0');  // %f of the largest double has 309 digits
    const int length =
        std::snprintf(text.data(), text.size(), NativeFormat(field, "").c_str(), value.real());
    text.resize(static_cast<size_t>(length));
    return OriginText(std::move(text), false);
  }

  Heap& heap_;
  const OriginText& format_;
  const std::string& bytes_;
  const Value& values_;
  const SequenceObject* tuple_ = nullptr;
  size_t n_used_ = 0;
  OriginText out_;
};

}  // namespace

Result<Value> PercentFormat(Heap& heap, const StringObject& format, const Value& values) {
  return PercentWriter(heap, format.text, values).Run();
}

}  // namespace altteul::text::jinja

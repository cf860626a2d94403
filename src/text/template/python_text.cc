// SPDX-License-Identifier: Apache-2.0

#include "text/template/python_text.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/template/code_points.h"

namespace altteul::text::jinja {
namespace {

void AppendHex(std::string& out, char letter, int n_digits, uint32_t code) {
  char digits[16];
  std::snprintf(digits, sizeof(digits), "\\%c%0*x", letter, n_digits, static_cast<unsigned>(code));
  out += digits;
}

class ReprWriter {
 public:
  explicit ReprWriter(Heap& heap) : heap_(heap) {}

  Status Write(const Value& value) {
    ALT_RETURN_IF_ERROR(heap_.Work(1));
    ALT_RETURN_IF_ERROR(heap_.Work((out_.size() - counted_) / Heap::kBytesPerStep));
    counted_ = out_.size();
    if (out_.size() > heap_.limits().max_value_bytes) return heap_.Reserve(out_.size());
    if (value.is_none()) out_ += "None";
    if (value.is_undefined()) out_ += "Undefined";
    if (value.is_bool()) out_ += *value.integer() != 0 ? "True" : "False";
    if (value.is_integer()) out_ += std::to_string(*value.integer());
    if (value.is_float()) out_ += FloatText(value.real());
    if (value.is_string()) {
      ALT_RETURN_IF_ERROR(heap_.Reserve(value.bytes().size()));
      AppendQuoted(out_, value.bytes());
    }
    if (value.sequence() != nullptr) return WriteSequence(*value.sequence());
    if (value.dict() != nullptr) return WriteDict(*value.dict());
    if (value.object() != nullptr) out_ += "<" + std::string(value.TypeName()) + " object>";
    return Status();
  }

  std::string Take() { return std::move(out_); }

 private:
  Status WriteSequence(const SequenceObject& sequence) {
    if (!sequence.HasLength()) {
      out_ += "<generator object>";
      return Status();
    }
    const bool tuple = sequence.kind == SequenceKind::kTuple;
    if (sequence.kind == SequenceKind::kView) out_ += "dict_items(";
    out_ += tuple ? "(" : "[";
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      ALT_RETURN_IF_ERROR(Write(sequence.items[i]));
    }
    if (tuple && sequence.items.size() == 1) out_ += ",";
    out_ += tuple ? ")" : "]";
    if (sequence.kind == SequenceKind::kView) out_ += ")";
    return Status();
  }

  Status WriteDict(const DictObject& dict) {
    out_ += "{";
    for (size_t i = 0; i < dict.entries.size(); ++i) {
      if (i > 0) out_ += ", ";
      ALT_RETURN_IF_ERROR(Write(dict.entries[i].first));
      out_ += ": ";
      ALT_RETURN_IF_ERROR(Write(dict.entries[i].second));
    }
    out_ += "}";
    return Status();
  }

  Heap& heap_;
  std::string out_;
  size_t counted_ = 0;
};

}  // namespace

void AppendQuoted(std::string& out, std::string_view bytes) {
  const bool double_quotes =
      bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  out.push_back(quote);
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = CodePointAt(bytes, at);
    if (c.value == quote || c.value == '\\') {
      out.push_back('\\');
      out.push_back(bytes[at]);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value < 0) {
      AppendHex(out, 'x', 2, static_cast<uint8_t>(bytes[at]));
    } else if (IsPrintable(c.value)) {
      out += bytes.substr(at, c.length);
    } else if (c.value < 0x100) {
      AppendHex(out, 'x', 2, static_cast<uint32_t>(c.value));
    } else if (c.value < 0x10000) {
      AppendHex(out, 'u', 4, static_cast<uint32_t>(c.value));
    } else {
      AppendHex(out, 'U', 8, static_cast<uint32_t>(c.value));
    }
    at += c.length;
  }
  out.push_back(quote);
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[64];
  const auto written =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  std::string scientific(buffer, written.ptr);
  const size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  // Python's rule: plain digits for 1e-4 <= |value| < 1e16.
  if (exponent < -4 || exponent >= 16) return scientific;
  const auto fixed =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
  std::string text(buffer, fixed.ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

Result<OriginText> ToText(Heap& heap, const Value& value) {
  if (const StringObject* string = value.string()) {
    ALT_RETURN_IF_ERROR(heap.Reserve(string->text.size()));
    return string->text;
  }
  if (value.is_undefined()) return OriginText();
  ALT_ASSIGN_OR_RETURN(std::string text, Repr(heap, value));
  return OriginText(std::move(text), false);
}

Result<std::string> Repr(Heap& heap, const Value& value) {
  ReprWriter writer(heap);
  ALT_RETURN_IF_ERROR(writer.Write(value));
  return writer.Take();
}

}  // namespace altteul::text::jinja

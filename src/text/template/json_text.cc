// SPDX-License-Identifier: Apache-2.0

// JSON as Python's json.dumps() writes it.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "text/template/code_points.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonOptions& options) : heap_(heap), options_(options) {}

  Status Write(const Value& value) {
    ALT_RETURN_IF_ERROR(heap_.Work(1));
    // Asked about everything written so far: the work is charged for what was added only.
    ALT_RETURN_IF_ERROR(heap_.Work((out_.size() - counted_) / Heap::kBytesPerStep));
    counted_ = out_.size();
    if (out_.size() > heap_.limits().max_value_bytes) return heap_.Reserve(out_.size());
    if (value.is_string()) {
      ALT_RETURN_IF_ERROR(heap_.Reserve(value.bytes().size()));
      WriteString(value.bytes());
      return Status();
    }
    if (value.is_none()) out_ += "null";
    if (value.is_bool()) out_ += *value.integer() != 0 ? "true" : "false";
    if (value.is_integer()) out_ += std::to_string(*value.integer());
    if (value.is_float()) out_ += JsonFloat(value.real());
    const SequenceObject* sequence = value.sequence();
    if (sequence != nullptr &&
        (sequence->kind == SequenceKind::kList || sequence->kind == SequenceKind::kTuple)) {
      return WriteSequence(*sequence);
    }
    if (value.dict() != nullptr) return WriteDict(*value.dict());
    if (value.is_undefined() || sequence != nullptr || value.object() != nullptr) {
      return TypeError("Object of type " + std::string(value.TypeName()) +
                       " is not JSON serializable");
    }
    return Status();
  }

  std::string Take() { return std::move(out_); }

 private:
  static std::string JsonFloat(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return FloatText(value);
  }

  void WriteEscape(uint32_t code_unit) {
    char digits[16];
    std::snprintf(digits, sizeof(digits), "\\u%04x", static_cast<unsigned>(code_unit));
    out_ += digits;
  }

  void WriteString(std::string_view bytes) {
    constexpr std::string_view kPlain = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    out_.push_back('"');
    for (size_t at = 0; at < bytes.size();) {
      const CodePoint c = CodePointAt(bytes, at);
      const size_t plain = c.length == 1 ? kPlain.find(bytes[at]) : std::string_view::npos;
      if (plain != std::string_view::npos) {
        out_.push_back('\\');
        out_.push_back(kLetters[plain]);
      } else if (c.value >= 0 && (c.value < 0x20 || (options_.ensure_ascii && c.value > 0x7E))) {
        WriteCodePoint(static_cast<uint32_t>(c.value));
      } else {
        out_ += bytes.substr(at, c.length);
      }
      at += c.length;
    }
    out_.push_back('"');
  }

  void WriteCodePoint(uint32_t code_point) {
    if (code_point < 0x10000) return WriteEscape(code_point);
    WriteEscape(0xD800 + ((code_point - 0x10000) >> 10));
    WriteEscape(0xDC00 + ((code_point - 0x10000) & 0x3FF));
  }

  void NewLine() {
    if (!options_.indent) return;
    out_.push_back('\n');
    for (size_t i = 0; i < level_; ++i) out_ += *options_.indent;
  }

  Status WriteSequence(const SequenceObject& sequence) {
    out_.push_back('[');
    ++level_;
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out_ += options_.item_separator;
      NewLine();
      ALT_RETURN_IF_ERROR(Write(sequence.items[i]));
    }
    --level_;
    if (!sequence.items.empty()) NewLine();
    out_.push_back(']');
    return Status();
  }

  Status WriteDict(const DictObject& dict) {
    ALT_ASSIGN_OR_RETURN(const auto entries, OrderedEntries(dict));
    out_.push_back('{');
    ++level_;
    bool first = true;
    for (const auto* entry : entries) {
      if (!std::exchange(first, false)) out_ += options_.item_separator;
      NewLine();
      ALT_RETURN_IF_ERROR(WriteKey(entry->first));
      out_ += options_.key_separator;
      ALT_RETURN_IF_ERROR(Write(entry->second));
    }
    --level_;
    if (!first) NewLine();
    out_.push_back('}');
    return Status();
  }

  using EntryList = std::vector<const std::pair<Value, Value>*>;
  Result<EntryList> OrderedEntries(const DictObject& dict) {
    EntryList entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (!options_.sort_keys) return entries;
    Status failed;
    std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
      if (!failed.ok()) return false;
      auto order = Order(heap_, a->first, b->first);
      if (!order.ok()) failed = order.status();
      return order.ok() && order.value() < 0;
    });
    ALT_RETURN_IF_ERROR(failed);
    return entries;
  }

  Status WriteKey(const Value& key) {
    if (key.is_string()) return Write(key);
    if (!key.is_number() && !key.is_none()) {
      return TypeError("keys must be str, int, float, bool or None, not " +
                       std::string(key.TypeName()));
    }
    out_.push_back('"');
    ALT_RETURN_IF_ERROR(Write(key));
    out_.push_back('"');
    return Status();
  }

  Heap& heap_;
  const JsonOptions& options_;
  std::string out_;
  size_t counted_ = 0;
  size_t level_ = 0;
};

}  // namespace

Result<std::string> ToJson(Heap& heap, const Value& value, const JsonOptions& options) {
  JsonWriter writer(heap, options);
  ALT_RETURN_IF_ERROR(writer.Write(value));
  return writer.Take();
}

}  // namespace altteul::text::jinja

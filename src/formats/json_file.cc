// SPDX-License-Identifier: Apache-2.0

#include "formats/json_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/quote.h"
#include "tensor/buffer.h"

namespace altteul::formats {
namespace {

using nlohmann::json;

/// Walks the bytes and tells outside how far it came, which the library's handlers are not told.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  TrackedIterator operator++(int) {
    TrackedIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Whether this is a number as JSON writes it, and beyond what 64-bit floats hold.
bool IsTooLarge(std::string_view token) {
  size_t at = token.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < token.size() && token[at] >= '0' && token[at] <= '9') ++at;
    return at - begin;
  };
  const size_t whole = at;
  if (digits() == 0 || (token[whole] == '0' && at > whole + 1)) return false;
  if (at < token.size() && token[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == token.size() && std::isinf(std::strtod(std::string(token).c_str(), nullptr));
}

/// What Python's json reads and the library does not, as a copy of the bytes that the library
/// reads: the literals and numbers that are too large have numbers of the same length in their
/// place, and each number that ends where one of them ended is it; half a surrogate pair has the
/// escape of U+FFFD.
class PythonsWords {
 public:
  explicit PythonsWords(std::string_view text) : copy_(text) {
    bool in_text = false;
    for (size_t at = 0; at < text.size(); ++at) {
      if (in_text && text[at] == '\\') {
        at += PassEscape(text, at) - 1;
      } else if (text[at] == '"') {
        in_text = !in_text;
      } else if (!in_text && (at == 0 || IsBorder(text[at - 1]))) {
        ReplaceLiteral(text, at);
        ReplaceNumber(text, at);
      }
    }
  }

  bool any() const { return !found_.empty() || has_halves_; }
  std::string_view copy() const { return copy_; }

  std::string WithNulls() const {
    std::string with_nulls;
    size_t done = 0;
    for (const Found& each : found_) {
      with_nulls.append(copy_, done, each.begin - done);
      with_nulls += "null";
      done = each.end;
    }
    return with_nulls.append(copy_, done, copy_.npos);
  }

  /// What was meant by the number that the library read last, or null where it is itself.
  /// @param reached  [bytes] how far it has read: up to the number's end, or the byte after it
  const double* Meant(size_t reached) const {
    const auto found =
        std::lower_bound(found_.begin(), found_.end(), reached,
                         [](const Found& each, size_t at) { return each.end + 1 < at; });
    if (found != found_.end() && found->end <= reached) return &found->value;
    return nullptr;
  }

 private:
  struct Literal {
    std::string_view word, number;
    double value;
  };
  struct Found {
    size_t begin, end;
    double value;
  };

  static bool IsBorder(char c) {
    return std::string_view("[]{},: \t\r\n").find(c) != std::string_view::npos;
  }

  void Replace(size_t at, std::string_view number, double value) {
    copy_.replace(at, number.size(), number);
    found_.push_back({at, at + number.size(), value});
  }

  void ReplaceLiteral(std::string_view text, size_t at) {
    constexpr std::array kLiterals = {
        Literal{"NaN", "1e0", std::numeric_limits<double>::quiet_NaN()},
        Literal{"Infinity", "1.0000e0", kInfinity}, Literal{"-Infinity", "-1.0000e0", -kInfinity}};
    for (const Literal& literal : kLiterals) {
      const size_t end = at + literal.word.size();
      if (text.substr(at, literal.word.size()) != literal.word) continue;
      if (end < text.size() && !IsBorder(text[end])) continue;
      Replace(at, literal.number, literal.value);
    }
  }

  void ReplaceNumber(std::string_view text, size_t at) {
    const size_t end = std::min(text.find_first_not_of("+-.eE0123456789", at), text.size());
    const std::string_view token = text.substr(at, end - at);
    constexpr size_t kShortest = 5;  // 1e309, 9e308
    if (token.size() < kShortest || !IsTooLarge(token)) return;
    const bool negative = token[0] == '-';
    std::string number(negative ? "-1." : "1.");
    number.append(token.size() - number.size() - 2, '0');
    Replace(at, number + "e0", negative ? -kInfinity : kInfinity);
  }

  /// The 16 bits of \uXXXX at this place, or nothing.
  static std::optional<unsigned> Unit(std::string_view text, size_t at) {
    if (text.substr(at, 2) != "\\u" || text.size() < at + kUnitBytes) return std::nullopt;
    unsigned unit = 0;
    const char* end = text.data() + at + kUnitBytes;
    const auto read = std::from_chars(end - 4, end, unit, 16);
    return read.ec == std::errc() && read.ptr == end ? std::optional(unit) : std::nullopt;
  }

  /// @return how many bytes the escape has
  size_t PassEscape(std::string_view text, size_t at) {
    const std::optional<unsigned> unit = Unit(text, at);
    if (!unit) return 2;
    if (*unit < 0xD800 || *unit > 0xDFFF) return kUnitBytes;
    const std::optional<unsigned> next = Unit(text, at + kUnitBytes);
    if (*unit < 0xDC00 && next && *next >= 0xDC00 && *next <= 0xDFFF) return 2 * kUnitBytes;
    copy_.replace(at, kUnitBytes, "\\ufffd");
    has_halves_ = true;
    return kUnitBytes;
  }

  static constexpr size_t kUnitBytes = 6;

  std::string copy_;
  std::vector<Found> found_;  // in their order
  bool has_halves_ = false;
};

/// The library's words, without its prefix and without the text it read last, which may be long.
std::string Reason(std::string_view what) {
  const size_t prefix = what.find(": ");
  if (prefix != std::string_view::npos) what.remove_prefix(prefix + 2);
  what = what.substr(0, what.find("; last read"));
  std::string printable;
  for (const char c : what.substr(0, 200)) printable += c >= 0x20 && c < 0x7f ? c : '?';
  return printable;
}

/// Builds the tree from the parser's events. Each handler returns false to stop.
class TreeBuilder final : public nlohmann::json_sax<json> {
 public:
  /// @param words  null, or what stands for numbers; `reached` is asked how far reading came
  TreeBuilder(const JsonLimits& limits, const PythonsWords* words, const char* begin,
              const char* const* reached)
      : max_depth_(limits.max_depth),
        words_(words),
        begin_(begin),
        reached_(reached),
        last_of_twice_(limits.as_python_does) {}

  json& root() { return root_; }
  const Status& error() const { return error_; }

  bool null() override { return Add(nullptr) != nullptr; }
  bool boolean(bool value) override { return Add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return Add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return Add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    const double* meant =
        words_ == nullptr ? nullptr : words_->Meant(static_cast<size_t>(*reached_ - begin_));
    return Add(meant == nullptr ? value : *meant) != nullptr;
  }
  bool string(string_t& value) override { return Add(std::move(value)) != nullptr; }
  bool binary(binary_t& value) override { return Add(json(std::move(value))) != nullptr; }

  bool start_object(size_t) override { return Open(json::object()); }
  bool start_array(size_t) override { return Open(json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    auto& object = open_.back()->get_ref<json::object_t&>();
    const auto [member, is_new] = object.emplace(std::move(name), nullptr);
    if (!is_new && !last_of_twice_) {
      return Refuse(ErrorCode::kCorruptFile, "key " + Quote(member->first) + " stands there twice");
    }
    if (!is_new && n_twice_++ == 0) first_twice_ = member->first;
    member_ = &member->second;
    return true;
  }

  /// One sentence on the keys that stand there twice, or nothing.
  std::string Twice() const {
    if (n_twice_ == 0) return "";
    const std::string more =
        n_twice_ == 1 ? "" : " (and " + std::to_string(n_twice_ - 1) + " more)";
    return "key " + Quote(first_twice_) + more +
           " stands there twice; the last value counts, as in Python";
  }

  bool parse_error(size_t, const std::string&, const json::exception& error) override {
    return Refuse(ErrorCode::kCorruptFile, Reason(error.what()));
  }

 private:
  bool Refuse(ErrorCode code, std::string what) {
    error_ = Status(code, std::move(what));
    return false;
  }

  json* Add(json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_object()) {
      *member_ = std::move(value);
      return member_;
    }
    auto& array = open_.back()->get_ref<json::array_t&>();
    array.push_back(std::move(value));
    return &array.back();
  }

  bool Open(json container) {
    if (open_.size() >= static_cast<size_t>(max_depth_)) {
      return Refuse(ErrorCode::kUnsupported,
                    "nested deeper than " + std::to_string(max_depth_) + " levels");
    }
    open_.push_back(Add(std::move(container)));
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  int max_depth_;
  const PythonsWords* words_;
  const char* begin_;
  const char* const* reached_;
  bool last_of_twice_;  // else a key that stands there twice is an error
  json root_;
  std::vector<json*> open_;  // outermost first; a parent does not grow while its child is open
  json* member_ = nullptr;   // where the value of the last key goes
  size_t n_twice_ = 0;
  std::string first_twice_;
  Status error_;
};

Result<json> Parse(std::string_view text, const std::string& name, const JsonLimits& limits,
                   const PythonsWords* words, const LogSink& log) {
  const char* begin = text.data();
  const char* reached = begin;
  TreeBuilder builder(limits, words, begin, &reached);
  try {
    const bool parsed = json::sax_parse(TrackedIterator(begin, &reached),
                                        TrackedIterator(begin + text.size(), &reached), &builder);
    if (parsed) {
      const std::string twice = builder.Twice();
      if (log && !twice.empty()) log(LogLevel::kWarning, name + ": " + twice);
      return std::move(builder.root());
    }
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::kOutOfMemory, name + ": no memory left at byte " +
                                               std::to_string(reached - begin) + " of " +
                                               std::to_string(text.size()) + " of JSON");
  } catch (const std::exception& error) {
    return Status(ErrorCode::kCorruptFile, name + ": JSON: " + Reason(error.what()));
  }
  return Status(builder.error().code(),
                name + ": JSON, at byte " + std::to_string(reached - begin) + " of " +
                    std::to_string(text.size()) + ": " + builder.error().message());
}

}  // namespace

Result<json> ParseJson(std::span<const std::byte> bytes, const std::string& name,
                       const JsonLimits& limits, const LogSink& log) {
  if (bytes.size() > limits.max_bytes) {
    return Status(ErrorCode::kUnsupported, name + ": " + std::to_string(bytes.size()) +
                                               " bytes of JSON, more than the " +
                                               std::to_string(limits.max_bytes) + " we read");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto parsed = Parse(text, name, limits, nullptr, log);
  if (parsed.ok() || !limits.as_python_does) return parsed;
  // Few files hold such a word, so all others are spared the copy.
  const PythonsWords words(text);
  return words.any() ? Parse(words.copy(), name, limits, &words, log) : parsed;
}

Result<json> ReadJsonFile(const std::string& path, const JsonLimits& limits, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const Buffer mapping, Buffer::MapFile(path));
  return ParseJson(mapping.bytes(), path, limits, log);
}

std::string PythonLiteralsAsNull(const std::string& text) {
  const PythonsWords words(text);
  return words.any() ? words.WithNulls() : text;
}

}  // namespace altteul::formats

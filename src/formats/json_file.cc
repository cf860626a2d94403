// SPDX-License-Identifier: Apache-2.0

#include "formats/json_file.h"

#include <iterator>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/python_words.h"
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

}  // namespace altteul::formats

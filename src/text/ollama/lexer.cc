// SPDX-License-Identifier: Apache-2.0

#include "text/ollama/lexer.h"

#include <algorithm>
#include <utility>

#include "text/template/code_points.h"

namespace altteul::text::ollama {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";

bool IsSpace(char c) { return kSpaces.find(c) != std::string_view::npos; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view TrimmedRight(std::string_view text) {
  const size_t last = text.find_last_not_of(kSpaces);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Item>> Run() {
    while (at_ < source_.size()) {
      const size_t open = std::min(source_.find(kOpen, at_), source_.size());
      std::string_view text = source_.substr(at_, open - at_);
      // "{{- 3" trims, "{{-3" is a number.
      const bool trims_left =
          open + 3 < source_.size() && source_[open + 2] == '-' && IsSpace(source_[open + 3]);
      AddText(trims_left ? TrimmedRight(text) : text);
      line_ += static_cast<uint32_t>(std::ranges::count(text, '\n'));
      if (open == source_.size()) break;
      at_ = open + kOpen.size() + (trims_left ? 1 : 0);
      ALT_RETURN_IF_ERROR(ReadAction());
    }
    return std::move(items_);
  }

 private:
  Status Error(const std::string& what) const {
    return Status(ErrorCode::kCorruptFile, "line " + std::to_string(line_) + ": " + what);
  }

  void AddText(std::string_view text) {
    if (text.empty()) return;
    Item item;
    item.line = line_;
    item.text = text;
    items_.push_back(std::move(item));
  }

  // " -}}" or "}}" at the cursor.
  size_t ClosingLength() const {
    const std::string_view rest = source_.substr(at_);
    if (rest.starts_with(kClose)) return kClose.size();
    const bool after_space = at_ > 0 && IsSpace(source_[at_ - 1]);
    return after_space && rest.starts_with("-}}") ? kClose.size() + 1 : 0;
  }

  void Close(size_t length) {
    at_ += length;
    if (length == kClose.size()) return;
    while (at_ < source_.size() && IsSpace(source_[at_])) Step();
  }

  void Step() {
    if (source_[at_++] == '\n') ++line_;
  }

  Status ReadAction() {
    Item item;
    item.is_action = true;
    item.line = line_;
    while (true) {
      const size_t before = at_;
      while (at_ < source_.size() && IsSpace(source_[at_])) Step();
      if (at_ == source_.size()) return Error("an action is not closed by }}");
      if (source_.substr(at_).starts_with("/*")) {
        ALT_RETURN_IF_ERROR(SkipComment());
        continue;
      }
      if (const size_t closing = ClosingLength(); closing > 0) {
        Close(closing);
        break;
      }
      ALT_ASSIGN_OR_RETURN(Token token, ReadToken());
      token.after_space = before != at_before_token_;
      item.tokens.push_back(std::move(token));
    }
    if (item.tokens.empty()) return Status();  // a comment
    item.tokens.push_back({});
    items_.push_back(std::move(item));
    return Status();
  }

  Status SkipComment() {
    const size_t end = source_.find("*/", at_ + 2);
    if (end == std::string_view::npos) return Error("a comment is not closed by */");
    while (at_ < end + 2) Step();
    return Status();
  }

  Result<Token> ReadToken() {
    at_before_token_ = at_;
    const char c = source_[at_];
    const char next = at_ + 1 < source_.size() ? source_[at_ + 1] : '\0';
    if (c == '"' || c == '`') return ReadText(c);
    if (IsDigit(c) || ((c == '-' || c == '+' || c == '.') && IsDigit(next))) {
      return Token{TokenType::kNumber, TakeWord(1, ".")};
    }
    if (c == '.') {
      if (!IsWord(next)) return Token{TokenType::kDot, TakeBytes(1)};
      return Token{TokenType::kField, TakeWord(1).substr(1)};
    }
    if (c == '$') return Token{TokenType::kVariable, TakeWord(1)};
    if (IsWord(c)) return Token{TokenType::kIdentifier, TakeWord(0)};
    if (c == ':' && next == '=') return Token{TokenType::kOperator, TakeBytes(2)};
    if (std::string_view("()|,=").find(c) != std::string_view::npos) {
      return Token{TokenType::kOperator, TakeBytes(1)};
    }
    return Error("the character '" + std::string(1, c) + "' is not expected in an action");
  }

  std::string TakeBytes(size_t length) {
    at_ += length;
    return std::string(source_.substr(at_ - length, length));
  }

  // `first` bytes and all letters, digits and `also` behind them.
  std::string TakeWord(size_t first, std::string_view also = "") {
    size_t end = at_ + first;
    const auto continues = [&](char c) {
      return IsWord(c) || also.find(c) != std::string_view::npos;
    };
    while (end < source_.size() && continues(source_[end])) ++end;
    return TakeBytes(end - at_);
  }

  Result<Token> ReadText(char quote) {
    Token token{TokenType::kText, {}};
    Step();
    while (at_ < source_.size() && source_[at_] != quote) {
      if (quote == '"' && source_[at_] == '\n') break;
      if (quote == '"' && source_[at_] == '\\') {
        ALT_RETURN_IF_ERROR(ReadEscape(token.text));
        continue;
      }
      if (source_[at_] != '\r' || quote == '"') token.text.push_back(source_[at_]);  // as Go does
      Step();
    }
    if (at_ == source_.size() || source_[at_] != quote) return Error("a string is not closed");
    Step();
    return token;
  }

  Status ReadEscape(std::string& out) {
    constexpr std::string_view kLetters = "nrtabfv\\\"'";
    constexpr std::string_view kValues = "\n\r\t\a\b\f\v\\\"'";
    const char letter = at_ + 1 < source_.size() ? source_[at_ + 1] : '\0';
    if (const size_t found = kLetters.find(letter);
        letter != '\0' && found != std::string_view::npos) {
      out.push_back(kValues[found]);
      at_ += 2;
      return Status();
    }
    const size_t n_digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    uint32_t code = 0;
    for (size_t i = 0; i < n_digits; ++i) {
      const char digit = at_ + 2 + i < source_.size() ? source_[at_ + 2 + i] : '\0';
      const size_t value =
          std::string_view("0123456789abcdef").find(static_cast<char>(digit | 0x20));
      if (value == std::string_view::npos) return Error("a bad escape in a string");
      code = code * 16 + static_cast<uint32_t>(value);
    }
    const bool is_character = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    if (n_digits == 0 || !is_character) return Error("a bad escape in a string");
    if (letter == 'x') {
      out.push_back(static_cast<char>(code));
    } else {
      jinja::AppendUtf8(out, code);
    }
    at_ += 2 + n_digits;
    return Status();
  }

  const std::string_view source_;
  size_t at_ = 0;
  size_t at_before_token_ = 0;
  uint32_t line_ = 1;
  std::vector<Item> items_;
};

}  // namespace

Result<std::vector<Item>> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace altteul::text::ollama

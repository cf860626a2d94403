// SPDX-License-Identifier: Apache-2.0

#include "text/template/lexer.h"

#include <charconv>
#include <optional>
#include <utility>

#include "text/template/code_points.h"

namespace altteul::text::jinja {
namespace {

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsAsciiDigit(c) || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}

// -1: not a digit of any base up to 16.
int DigitValue(char c) {
  if (IsAsciiDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// \r\n and \r become \n; one newline at the very end is dropped (keep_trailing_newline is off).
std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(NormalizeNewlines(source)), text_(source_) {}

  Result<std::vector<Token>> Run() {
    while (at_ < text_.size()) ALT_RETURN_IF_ERROR(ReadDataAndTag());
    Push(TokenType::kEnd, "");
    return std::move(tokens_);
  }

 private:
  // A tag's opening: "{%", "{{" or "{#" with an optional sign.
  struct Opening {
    size_t at = 0;
    char kind = '%';
    char sign = 0;     // '-', '+' or 0
    size_t after = 0;  // past the sign
  };

  Status Error(std::string what) const {
    return Status(ErrorCode::kCorruptFile, "template line " + std::to_string(line_) + ", column " +
                                               std::to_string(Column()) + ": " + std::move(what));
  }
  uint32_t Column() const { return static_cast<uint32_t>(at_ - line_start_ + 1); }

  void Push(TokenType type, std::string text) {
    tokens_.push_back({type, std::move(text), 0, 0, line_, Column()});
  }

  void AdvanceTo(size_t to) {
    for (; at_ < to; ++at_) {
      if (text_[at_] != '\n') continue;
      ++line_;
      line_start_ = at_ + 1;
    }
    at_line_start_ = to > 0 && text_[to - 1] == '\n';
  }

  size_t SkipSpaces(size_t from) const {
    while (from < text_.size()) {
      const CodePoint c = CodePointAt(text_, from);
      if (!IsSpace(c.value)) break;
      from += c.length;
    }
    return from;
  }

  bool StartsWith(size_t at, std::string_view what) const {
    return text_.substr(std::min(at, text_.size()), what.size()) == what;
  }

  std::optional<Opening> FindOpening(size_t from) const {
    for (size_t at = text_.find('{', from); at != std::string_view::npos;
         at = text_.find('{', at + 1)) {
      if (at + 1 >= text_.size()) return std::nullopt;
      const char kind = text_[at + 1];
      if (kind != '%' && kind != '{' && kind != '#') continue;
      Opening opening{at, kind, 0, at + 2};
      if (opening.after < text_.size() &&
          (text_[opening.after] == '-' || text_[opening.after] == '+')) {
        opening.sign = text_[opening.after++];
      }
      return opening;
    }
    return std::nullopt;
  }

  // How much of text_[at_, opening.at) stays in front of a tag.
  std::string_view KeptData(const Opening& opening) const {
    const std::string_view data = text_.substr(at_, opening.at - at_);
    if (opening.sign == '-') return data.substr(0, StripSpaces(data, {false, true}).end);
    if (opening.sign == '+' || opening.kind == '{') return data;
    const size_t newline = data.rfind('\n');
    const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if (line == 0 && !at_line_start_) return data;
    const ByteRange rest = StripSpaces(data.substr(line), {true, false});
    return rest.begin == rest.end ? data.substr(0, line) : data;
  }

  // Past "-%}" with the spaces after it, "+%}", or "%}" with one newline; nothing: not here.
  std::optional<size_t> MatchTrimmedEnd(size_t at, std::string_view end, bool trims) const {
    if (StartsWith(at, "-") && StartsWith(at + 1, end)) return SkipSpaces(at + 1 + end.size());
    if (trims && StartsWith(at, "+") && StartsWith(at + 1, end)) return at + 1 + end.size();
    if (!StartsWith(at, end)) return std::nullopt;
    const size_t after = at + end.size();
    return trims && StartsWith(after, "\n") ? after + 1 : after;
  }

  Status ReadDataAndTag() {
    const auto opening = FindOpening(at_);
    if (!opening) {
      Push(TokenType::kData, std::string(text_.substr(at_)));
      AdvanceTo(text_.size());
      return Status();
    }
    const std::string_view data = KeptData(*opening);
    if (!data.empty()) Push(TokenType::kData, std::string(data));
    AdvanceTo(opening->at);
    if (opening->kind == '#') return ReadComment(*opening);
    if (opening->kind == '%') {
      const size_t name = SkipSpaces(opening->after);
      if (StartsWith(name, "raw")) {
        const auto after = MatchTrimmedEnd(SkipSpaces(name + 3), "%}", false);
        if (after) return ReadRaw(*after);
      }
      Push(TokenType::kBlockBegin, "{%");
      AdvanceTo(opening->after);
      return ReadTag(TokenType::kBlockEnd, "%}");
    }
    Push(TokenType::kVariableBegin, "{{");
    AdvanceTo(opening->after);
    return ReadTag(TokenType::kVariableEnd, "}}");
  }

  Status ReadComment(const Opening& opening) {
    // From right after "{#": in "{#-#}" the sign belongs to the opening.
    const size_t end = text_.find("#}", opening.after);
    if (end == std::string_view::npos) return Error("Missing end of comment tag");
    const bool signed_end = end > opening.after && (text_[end - 1] == '-' || text_[end - 1] == '+');
    AdvanceTo(*MatchTrimmedEnd(signed_end ? end - 1 : end, "#}", true));
    return Status();
  }

  Status ReadRaw(size_t begin) {
    AdvanceTo(begin);
    for (auto opening = FindOpening(at_); opening; opening = FindOpening(opening->at + 1)) {
      if (opening->kind != '%') continue;
      const size_t name = SkipSpaces(opening->after);
      if (!StartsWith(name, "endraw")) continue;
      const auto after = MatchTrimmedEnd(SkipSpaces(name + 6), "%}", true);
      if (!after) continue;
      const std::string_view data = KeptData(*opening);
      if (!data.empty()) Push(TokenType::kData, std::string(data));
      AdvanceTo(*after);
      return Status();
    }
    return Error("Missing end of raw directive");
  }

  Status ReadTag(TokenType end_type, std::string_view end) {
    std::string open_brackets;
    while (true) {
      AdvanceTo(SkipSpaces(at_));
      if (at_ >= text_.size()) {
        return Error("unexpected end of template, expected '" + std::string(end) + "'");
      }
      // Inside of brackets "}}" closes two of them.
      if (open_brackets.empty()) {
        const auto after = MatchTrimmedEnd(at_, end, end_type == TokenType::kBlockEnd);
        if (after) {
          Push(end_type, std::string(end));
          AdvanceTo(*after);
          return Status();
        }
      }
      ALT_RETURN_IF_ERROR(ReadToken(open_brackets));
    }
  }

  Status ReadToken(std::string& open_brackets) {
    const char c = text_[at_];
    if (c == '\'' || c == '"') return ReadString(c);
    if (IsAsciiDigit(c)) return ReadNumber();
    if (IsNameByte(c)) return ReadName();
    return ReadOperator(open_brackets);
  }

  Status ReadName() {
    size_t end = at_;
    while (end < text_.size() && IsNameByte(text_[end])) ++end;
    Push(TokenType::kName, std::string(text_.substr(at_, end - at_)));
    AdvanceTo(end);
    return Status();
  }

  // Digits of `base` with single underscores between them.
  size_t SkipDigits(size_t from, int base) const {
    size_t at = from;
    while (at < text_.size()) {
      size_t digit = at;
      if (at > from && text_[at] == '_') ++digit;
      if (digit >= text_.size() || DigitValue(text_[digit]) < 0 ||
          DigitValue(text_[digit]) >= base) {
        break;
      }
      at = digit + 1;
    }
    return at;
  }

  // End of a number with a fraction or an exponent; at_ when there is none.
  size_t MatchFloat() const {
    if (at_ > 0 && text_[at_ - 1] == '.') return at_;
    const size_t whole = SkipDigits(at_, 10);
    size_t end = whole;
    if (StartsWith(end, ".") && SkipDigits(end + 1, 10) > end + 1) end = SkipDigits(end + 1, 10);
    if (StartsWith(end, "e") || StartsWith(end, "E")) {
      const size_t sign = StartsWith(end + 1, "+") || StartsWith(end + 1, "-") ? end + 2 : end + 1;
      if (SkipDigits(sign, 10) > sign) end = SkipDigits(sign, 10);
    }
    return end == whole ? at_ : end;
  }

  static std::string WithoutUnderscores(std::string_view digits) {
    std::string out;
    for (const char c : digits) {
      if (c != '_') out.push_back(c);
    }
    return out;
  }

  Status ReadNumber() {
    const size_t float_end = MatchFloat();
    if (float_end > at_) {
      const std::string digits = WithoutUnderscores(text_.substr(at_, float_end - at_));
      double real = 0;
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), real);
      if (read.ec != std::errc()) return Error("number " + digits + " is out of range");
      Push(TokenType::kFloat, digits);
      tokens_.back().real = real;
      AdvanceTo(float_end);
      return Status();
    }
    int base = 10;
    size_t begin = at_;
    const char mark = at_ + 1 < text_.size() ? static_cast<char>(text_[at_ + 1] | 0x20) : 0;
    if (text_[at_] == '0' && (mark == 'x' || mark == 'o' || mark == 'b')) {
      const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : 2;
      if (SkipDigits(at_ + 2, marked) > at_ + 2) {
        base = marked;
        begin = at_ + 2;
      }
    }
    const size_t end = SkipDigits(begin, base);
    const std::string digits = WithoutUnderscores(text_.substr(begin, end - begin));
    int64_t integer = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), integer, base);
    if (read.ec != std::errc()) return Error("integer " + digits + " does not fit in 64 bits");
    Push(TokenType::kInteger, digits);
    tokens_.back().integer = integer;
    AdvanceTo(end);
    return Status();
  }

  Status ReadString(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return Error("a string is not closed");
    std::string value;
    size_t at = at_ + 1;
    while (at < end) {
      if (text_[at] != '\\') {
        value.push_back(text_[at++]);
        continue;
      }
      ALT_ASSIGN_OR_RETURN(const size_t used, ReadEscape(text_.substr(at, end - at), value));
      at += used;
    }
    Push(TokenType::kString, std::move(value));
    AdvanceTo(end + 1);
    return Status();
  }

  // Python's escapes. `escape` starts with the backslash. @return bytes used
  Result<size_t> ReadEscape(std::string_view escape, std::string& out) const {
    constexpr std::string_view kLetters = "abfnrtv\\'\"";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    const char letter = escape[1];
    const size_t plain = kLetters.find(letter);
    if (plain != std::string_view::npos) {
      out.push_back(kMeanings[plain]);
      return size_t{2};
    }
    if (letter == '\n') return size_t{2};
    if (letter == 'x' || letter == 'u' || letter == 'U') {
      const size_t n_digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
      return ReadCodeEscape(escape, n_digits, out);
    }
    if (letter >= '0' && letter <= '7') {
      uint32_t code = 0;
      size_t used = 1;
      while (used < escape.size() && used < 4 && escape[used] >= '0' && escape[used] <= '7') {
        code = code * 8 + static_cast<uint32_t>(escape[used++] - '0');
      }
      AppendUtf8(out, code);
      return used;
    }
    if (letter == 'N') return Error("the escape \\N{...} is not supported");
    out.push_back('\\');  // an unknown escape stays as it is
    return size_t{1};
  }

  Result<size_t> ReadCodeEscape(std::string_view escape, size_t n_digits, std::string& out) const {
    uint32_t code = 0;
    for (size_t i = 2; i < 2 + n_digits; ++i) {
      const int digit = i < escape.size() ? DigitValue(escape[i]) : -1;
      if (digit < 0) return Error("truncated \\" + std::string(1, escape[1]) + " escape");
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      return Error("the escape " + std::string(escape.substr(0, 2 + n_digits)) +
                   " is not a character");
    }
    AppendUtf8(out, code);
    return 2 + n_digits;
  }

  Status ReadOperator(std::string& open_brackets) {
    const char c = text_[at_];
    constexpr std::string_view kDouble[] = {"//", "**", "==", "!=", ">=", "<="};
    for (const std::string_view two : kDouble) {
      if (!StartsWith(at_, two)) continue;
      Push(TokenType::kOperator, std::string(two));
      AdvanceTo(at_ + 2);
      return Status();
    }
    constexpr std::string_view kSingle = "+-/*%~[](){}><=.:|,;";
    if (kSingle.find(c) == std::string_view::npos) {
      return Error("unexpected char '" + std::string(1, c) + "'");
    }
    if (c == '(' || c == '[' || c == '{') {
      open_brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_brackets.empty()) return Error("unexpected '" + std::string(1, c) + "'");
      if (open_brackets.back() != c) {
        return Error("unexpected '" + std::string(1, c) + "', expected '" +
                     std::string(1, open_brackets.back()) + "'");
      }
      open_brackets.pop_back();
    }
    Push(TokenType::kOperator, std::string(1, c));
    AdvanceTo(at_ + 1);
    return Status();
  }

  const std::string source_;
  const std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  size_t line_start_ = 0;
  bool at_line_start_ = true;  // what was read last ended with a newline
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace altteul::text::jinja

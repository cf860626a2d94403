// SPDX-License-Identifier: Apache-2.0

#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "text/utf8.h"

namespace altteul::text {
namespace {

constexpr size_t kMaxPatternBytes = 64 << 10;  // the longest published one has 1.5 KB
constexpr uint32_t kMatchLimit = 10'000'000;   // backtracking steps of one match
constexpr uint32_t kDepthLimit = 100'000;      // nested backtracking points, each some 100 bytes
constexpr uint32_t kHeapLimitKiB = 256 << 10;

// A stranger's pattern first sees this much text from where it starts, and may take this many steps
// per byte of it. When it looks at the end or runs out of steps, it gets twice as much. So what an
// attempt can have cost is known within a factor, and is charged for.
constexpr size_t kFirstWindowBytes = 64;
constexpr uint32_t kStepsPerWindowByte = 4;
// What all attempts in one text may cost: four first windows per byte (one is what an attempt at
// every place costs that fails at once), and something to start with.
constexpr uint64_t kBudgetBytesPerByte = 4 * kFirstWindowBytes;
constexpr uint64_t kBudgetBytesAlways = 1 << 20;

/// `\s` and `\S` as Unicode's property; inside and outside of classes alike.
std::string RewriteWhitespace(std::string_view source) {
  std::string result;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\\' || i + 1 == source.size()) {
      result.push_back(source[i]);
      continue;
    }
    const char next = source[++i];
    if (next == 's') {
      result += "\\p{White_Space}";
    } else if (next == 'S') {
      result += "\\P{White_Space}";
    } else {
      result.push_back('\\');
      result.push_back(next);
    }
  }
  return result;
}

std::string ErrorText(int code) {
  std::array<PCRE2_UCHAR, 200> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

struct CompileContextDeleter {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct Pattern::Code {
  std::unique_ptr<pcre2_code, CodeDeleter> compiled;
  Origin origin = Origin::kFile;
  std::string source;
};

struct Pattern::Scratch::State {
  std::unique_ptr<pcre2_match_data, MatchDataDeleter> data;
  std::unique_ptr<pcre2_match_context, MatchContextDeleter> context;
  uint64_t budget_bytes = 0;  ///< left to the guarded search in this text
};

Pattern::Scratch::Scratch() : state_(std::make_unique<State>()) {
  state_->data.reset(pcre2_match_data_create(1, nullptr));
  state_->context.reset(pcre2_match_context_create(nullptr));
}
Pattern::Scratch::~Scratch() = default;

Pattern::Pattern(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

Result<Pattern> Pattern::Compile(std::string_view source, Origin origin) {
  if (source.size() > kMaxPatternBytes) {
    return Status(ErrorCode::kUnsupported, "a pattern of " + std::to_string(source.size()) +
                                               " bytes, at most " +
                                               std::to_string(kMaxPatternBytes) + " are read");
  }
  const std::string rewritten = RewriteWhitespace(source);
  const std::unique_ptr<pcre2_compile_context, CompileContextDeleter> context(
      pcre2_compile_context_create(nullptr));
  if (context == nullptr) return Status(ErrorCode::kOutOfMemory, "no memory for a pattern");
  // Without verbs like (*LIMIT...) or callouts nothing in a pattern can reach outside of it.
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, CodeDeleter> compiled(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rewritten.data()), rewritten.size(), options,
                    &error, &offset, context.get()));
  if (compiled == nullptr) {
    return Status(ErrorCode::kUnsupported, "pattern \"" + std::string(source.substr(0, 200)) +
                                               "\": " + ErrorText(error) + " at byte " +
                                               std::to_string(offset));
  }
  // Without a JIT for this processor the interpreter gives the same matches.
  if (origin == Origin::kOurs) (void)pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);
  auto code = std::make_unique<Code>();
  code->compiled = std::move(compiled);
  code->origin = origin;
  code->source = std::string(source);
  return Pattern(std::move(code));
}

std::string Pattern::Quote(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const bool plain = byte >= 0x80 || byte == ' ' || (byte >= '0' && byte <= '9') ||
                       (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    if (byte < 0x20 || byte == 0x7F) {  // a control character: \x{..}
      constexpr std::string_view kHex = "0123456789ABCDEF";
      quoted += "\\x{";
      quoted.push_back(kHex[byte >> 4]);
      quoted.push_back(kHex[byte & 15]);
      quoted.push_back('}');
      continue;
    }
    if (!plain) quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted;
}

Status Pattern::LimitError(int code, size_t offset) const {
  return Status(ErrorCode::kInvalidArgument, "pattern \"" + code_->source.substr(0, 200) +
                                                 "\" gave up at byte " + std::to_string(offset) +
                                                 " of the text: " + ErrorText(code));
}

Status Pattern::FindNext(std::string_view text, size_t from, Scratch& scratch, TextRange* match,
                         bool* found) const {
  Scratch::State& state = *scratch.state_;
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int rc = pcre2_match(code_->compiled.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                       state.data.get(), state.context.get());
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter has no stack to run out of
    rc = pcre2_match(code_->compiled.get(), subject, text.size(), from,
                     PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, state.data.get(), state.context.get());
  }
  *found = rc >= 0;
  if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) return LimitError(rc, from);
  if (rc >= 0) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data.get());
    *match = TextRange{ends[0], ends[1]};
  }
  return Status();
}

Status Pattern::FindNextGuarded(std::string_view text, size_t from, Scratch& scratch,
                                TextRange* match, bool* found) const {
  Scratch::State& state = *scratch.state_;
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  *found = false;
  for (size_t start = from; start <= text.size();
       start += std::max<size_t>(1, CharacterLength(text.substr(start)))) {
    int rc = PCRE2_ERROR_PARTIAL;
    for (size_t window = kFirstWindowBytes;
         rc == PCRE2_ERROR_PARTIAL || rc == PCRE2_ERROR_MATCHLIMIT; window *= 2) {
      if (state.budget_bytes < window) return LimitError(PCRE2_ERROR_MATCHLIMIT, start);
      state.budget_bytes -= window;
      size_t end = text.size() - start > window ? start + window : text.size();
      while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
      pcre2_set_match_limit(state.context.get(),
                            static_cast<uint32_t>(std::min<uint64_t>(
                                kMatchLimit, uint64_t{kStepsPerWindowByte} * window)));
      const uint32_t partial = end < text.size() ? PCRE2_PARTIAL_HARD : 0;
      rc = pcre2_match(code_->compiled.get(), subject, end, start,
                       PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED | partial, state.data.get(),
                       state.context.get());
    }
    if (rc == PCRE2_ERROR_NOMATCH) continue;
    if (rc < 0) return LimitError(rc, start);
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data.get());
    *match = TextRange{ends[0], ends[1]};
    *found = true;
    return Status();
  }
  return Status();
}

Status Pattern::FindAll(std::string_view text, Scratch& scratch,
                        std::vector<TextRange>& matches) const {
  Scratch::State& state = *scratch.state_;
  if (state.data == nullptr || state.context == nullptr) {
    return Status(ErrorCode::kOutOfMemory, "no memory to match a pattern");
  }
  const bool guarded = code_->origin == Origin::kFile;
  pcre2_set_match_limit(state.context.get(), kMatchLimit);
  pcre2_set_depth_limit(state.context.get(), kDepthLimit);
  pcre2_set_heap_limit(state.context.get(), kHeapLimitKiB);
  state.budget_bytes = kBudgetBytesAlways + kBudgetBytesPerByte * text.size();

  size_t from = 0;
  size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    TextRange match;
    bool found = false;
    ALT_RETURN_IF_ERROR(guarded ? FindNextGuarded(text, from, scratch, &match, &found)
                                : FindNext(text, from, scratch, &match, &found));
    if (!found) break;
    // \K may move a match's begin behind `from`; a range that runs backwards is nobody's word.
    if (match.begin < from || match.end < match.begin) {
      return Status(ErrorCode::kUnsupported,
                    "pattern \"" + code_->source.substr(0, 200) + "\" matches backwards");
    }
    // An empty match right after the last match is not taken, as in the original engines.
    if (match.size() == 0 && match.end == last_end) {
      if (from >= text.size()) break;
      from += std::max<size_t>(1, CharacterLength(text.substr(from)));
      continue;
    }
    matches.push_back(match);
    from = last_end = match.end;
  }
  return Status();
}

}  // namespace altteul::text

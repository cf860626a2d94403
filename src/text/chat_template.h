// SPDX-License-Identifier: Apache-2.0

// A model's own chat template: a Jinja program that came with a stranger's file.
//
// It is run by a small interpreter that sees only the values it is given, and is stopped at limits
// of steps, depth and output. The result remembers which bytes the template itself wrote and which
// came from values: special tokens are parsed only in the former, so that a user cannot write
// "<|im_end|>" into a message and end a turn.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "text/template/limits.h"

namespace altteul::text {

// Keys of a context that mean something here.
inline constexpr const char* kNowKey = "__now";               ///< unix seconds
inline constexpr const char* kUtcOffsetKey = "__utc_offset";  ///< seconds that local time is ahead
inline constexpr const char* kMoreTokensKey = "additional_special_tokens";  ///< a list

/// Whether a key holds the texts of tokens ("bos_token"), which count as the template's own words.
bool IsTokenKey(std::string_view name);

struct RenderedChat {
  struct Span {
    size_t length = 0;          ///< [bytes]
    bool from_template = true;  ///< false: came from a value (message, tool, name)
  };
  std::string text;
  std::vector<Span> spans;  ///< neighbours differ; lengths sum to text.size()
};

class ChatTemplate {
 public:
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// @return kCorruptFile with line and column and what was expected, kUnsupported for a tag,
  ///         filter or test that this interpreter does not have
  static Result<ChatTemplate> Parse(std::string_view source, const TemplateLimits& limits = {});

  /// Runs the template with `context` (an object: messages, tools, add_generation_prompt,
  /// bos_token, eos_token, ...), trim_blocks and lstrip_blocks on, as transformers does. There is
  /// no clock: strftime_now() writes the time of kNowKey and kUtcOffsetKey (0 where it is absent),
  /// and fails without the first.
  /// @return kRefused when a limit is hit (which, and its value), kInvalidArgument with the
  ///         template's own words when it calls raise_exception() or meets a type error
  Result<RenderedChat> Render(const nlohmann::ordered_json& context) const;

  /// Names the template reads from its context, ascending: what it does not set itself, on one path
  /// at least, without functions that every template has.
  std::vector<std::string> Variables() const;

 private:
  struct Program;
  explicit ChatTemplate(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace altteul::text

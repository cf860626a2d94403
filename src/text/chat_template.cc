// SPDX-License-Identifier: Apache-2.0

#include "text/chat_template.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "text/template/free_names.h"
#include "text/template/interpreter.h"
#include "text/template/json_values.h"
#include "text/template/parser.h"
#include "text/wall_time.h"

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

/// The time a context gives, nothing where it gives none.
Result<std::optional<WallTime>> ReadNow(const ordered_json& context) {
  WallTime now;
  const auto seconds = context.find(kNowKey);
  if (seconds == context.end()) return std::optional<WallTime>();
  if (!seconds->is_number_integer()) {
    return Status(ErrorCode::kInvalidArgument, "__now must be an integer of unix seconds");
  }
  now.unix_seconds = seconds->get<int64_t>();
  const auto offset = context.find(kUtcOffsetKey);
  if (offset == context.end()) return std::optional(now);
  constexpr int64_t kDay = 86400;
  if (offset->is_number_integer()) now.utc_offset_seconds = offset->get<int64_t>();
  if (!offset->is_number_integer() || now.utc_offset_seconds < -kDay ||
      now.utc_offset_seconds > kDay) {
    return Status(ErrorCode::kInvalidArgument, "__utc_offset must be seconds of at most a day");
  }
  return std::optional(now);
}

Status AtLine(const Status& status, uint32_t line) {
  return Status(status.code(),
                "chat template, line " + std::to_string(line) + ": " + status.message());
}

RenderedChat ToRenderedChat(const jinja::OriginText& text) {
  RenderedChat chat;
  chat.text = text.bytes();
  size_t begin = 0;
  for (const auto& run : text.runs()) {
    chat.spans.push_back({run.end - begin, run.from_template});
    begin = run.end;
  }
  return chat;
}

}  // namespace

bool IsTokenKey(std::string_view name) {
  return name.ends_with("_token") || name == kMoreTokensKey;
}

struct ChatTemplate::Program {
  TemplateLimits limits;
  jinja::StatementList statements;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

Result<ChatTemplate> ChatTemplate::Parse(std::string_view source, const TemplateLimits& limits) {
  ALT_ASSIGN_OR_RETURN(jinja::StatementList statements, jinja::ParseTemplate(source, limits));
  return ChatTemplate(std::make_unique<const Program>(Program{limits, std::move(statements)}));
}

std::vector<std::string> ChatTemplate::Variables() const {
  return jinja::FreeNames(program_->statements);
}

Result<RenderedChat> ChatTemplate::Render(const ordered_json& context) const {
  if (!context.is_object()) {
    return Status(ErrorCode::kInvalidArgument, "a template's context must be a JSON object");
  }
  jinja::RenderState state(program_->limits);
  jinja::Interpreter interpreter(state);
  ALT_ASSIGN_OR_RETURN(state.now, ReadNow(context));
  for (const auto& [name, item] : context.items()) {
    if (name == kNowKey || name == kUtcOffsetKey) continue;
    const auto source = IsTokenKey(name) ? jinja::JsonSource::kToken : jinja::JsonSource::kContext;
    ALT_ASSIGN_OR_RETURN(jinja::Value value, jinja::ValueOfJson(state.heap, item, source));
    interpreter.SetVariable(name, std::move(value));
  }
  auto text = interpreter.Run(program_->statements);
  if (!text.ok()) return AtLine(text.status(), interpreter.current_line());
  return ToRenderedChat(text.value());
}

}  // namespace altteul::text

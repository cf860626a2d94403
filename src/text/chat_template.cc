#include "text/chat_template.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "text/template/interpreter.h"
#include "text/template/parser.h"

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

bool EndsWith(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

// A role is chosen from these by the program that calls us, and no special token can be built from
// them alone. Templates paste it into tokens ("<|" + role + "|>"), so it counts as
// template-written.
bool IsKnownRole(std::string_view role) {
  static constexpr std::string_view kRoles[] = {"system", "user",      "assistant", "tool",
                                                "model",  "developer", "function",  "ipython"};
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

// Values of a JSON document, each string with its origin.
class ContextReader {
 public:
  explicit ContextReader(jinja::Heap& heap) : heap_(heap) {}

  Result<jinja::Value> Read(const ordered_json& json, bool from_template, uint32_t depth) {
    ALT_RETURN_IF_ERROR(heap_.CheckDepth(depth));
    switch (json.type()) {
      case ordered_json::value_t::null:
        return jinja::Value();
      case ordered_json::value_t::boolean:
        return jinja::Value(json.get<bool>());
      case ordered_json::value_t::number_integer:
        return jinja::Value(json.get<int64_t>());
      case ordered_json::value_t::number_unsigned:
        if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
          return Status(ErrorCode::kInvalidArgument,
                        "the integer " + json.dump() + " does not fit in 64 bits with a sign");
        }
        return jinja::Value(json.get<int64_t>());
      case ordered_json::value_t::number_float:
        return jinja::Value(json.get<double>());
      case ordered_json::value_t::string:
        return jinja::MakeString(heap_, json.get_ref<const std::string&>(), from_template);
      case ordered_json::value_t::array:
        return ReadArray(json, depth);
      case ordered_json::value_t::object:
        return ReadObject(json, depth);
      default:
        return Status(ErrorCode::kInvalidArgument, "binary values cannot be used in a template");
    }
  }

 private:
  Result<jinja::Value> ReadArray(const ordered_json& json, uint32_t depth) {
    std::vector<jinja::Value> items;
    for (const ordered_json& item : json) {
      ALT_ASSIGN_OR_RETURN(jinja::Value value, Read(item, false, depth + 1));
      items.push_back(std::move(value));
    }
    return jinja::MakeSequence(heap_, std::move(items));
  }

  Result<jinja::Value> ReadObject(const ordered_json& json, uint32_t depth) {
    jinja::DictEntries entries;
    for (const auto& [name, item] : json.items()) {
      // The list of messages is read at depth 1, so a message at depth 2.
      const bool is_role = depth == 2 && name == "role" && item.is_string() &&
                           IsKnownRole(item.get_ref<const std::string&>());
      ALT_ASSIGN_OR_RETURN(jinja::Value key, jinja::MakeString(heap_, name));
      ALT_ASSIGN_OR_RETURN(jinja::Value value, Read(item, is_role, depth + 1));
      entries.emplace_back(std::move(key), std::move(value));
    }
    return jinja::MakeDictOfUnique(heap_, std::move(entries));
  }

  jinja::Heap& heap_;
};

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

Result<RenderedChat> ChatTemplate::Render(const ordered_json& context) const {
  if (!context.is_object()) {
    return Status(ErrorCode::kInvalidArgument, "a template's context must be a JSON object");
  }
  jinja::RenderState state(program_->limits);
  jinja::Interpreter interpreter(state);
  ContextReader reader(state.heap);
  for (const auto& [name, item] : context.items()) {
    if (name == "__now") {
      if (!item.is_number_integer()) {
        return Status(ErrorCode::kInvalidArgument, "__now must be an integer of unix seconds");
      }
      state.now_unix_seconds = item.get<int64_t>();
      continue;
    }
    ALT_ASSIGN_OR_RETURN(jinja::Value value, reader.Read(item, EndsWith(name, "_token"), 1));
    interpreter.SetVariable(name, std::move(value));
  }
  auto text = interpreter.Run(program_->statements);
  if (!text.ok()) return AtLine(text.status(), interpreter.current_line());
  return ToRenderedChat(text.value());
}

}  // namespace altteul::text

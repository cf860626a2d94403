// SPDX-License-Identifier: Apache-2.0

#include "text/ollama_template.h"

#include <utility>

#include "text/ollama/parser.h"
#include "text/ollama/translator.h"
#include "text/ollama/turns.h"

namespace altteul::text {
namespace {

using ollama::NodeList;
using ollama::Translator;

// Ollama joins neighbouring messages of one role, but for answers of tools, and all system texts.
constexpr std::string_view kCollate = R"({%- set chat = namespace(messages=[], systems=[]) -%}
{%- for m in messages -%}
{%- if m['content'] and m['content'] is not string -%}
{{- raise_exception('a template of Ollama takes messages of text, not of parts') -}}
{%- endif -%}
{%- if m['role'] == 'system' -%}
{%- set chat.systems = chat.systems + [m['content'] or ''] -%}
{%- endif -%}
{%- if chat.messages and chat.messages[-1]['role'] == m['role'] and m['role'] != 'tool' -%}
{%- set chat.messages = chat.messages[:-1] + [dict(chat.messages[-1],
    content=(chat.messages[-1]['content'] or '') ~ '\n\n' ~ (m['content'] or ''))] -%}
{%- else -%}
{%- set chat.messages = chat.messages + [m] -%}
{%- endif -%}
{%- endfor -%}
{%- set chat.system = chat.systems | join('\n\n') -%}
)";

// A turn ends where a message comes whose place is taken.
constexpr std::string_view kTurns = R"({%- set chat.system = '' -%}
{%- set chat.prompt = '' -%}
{%- set chat.response = '' -%}
{%- set chat.first = true -%}
{%- for m in chat.messages -%}
{%- if (m['role'] == 'system' and (chat.prompt or chat.response)) or (m['role'] == 'user' and chat.response) -%}
{{- turn(chat.system, chat.prompt, chat.response, chat.first) -}}
{%- set chat.system = '' -%}
{%- set chat.prompt = '' -%}
{%- set chat.response = '' -%}
{%- set chat.first = false -%}
{%- endif -%}
{%- if m['role'] == 'system' -%}
{%- set chat.system = m['content'] or '' -%}
{%- elif m['role'] == 'user' -%}
{%- set chat.prompt = m['content'] or '' -%}
{%- elif m['role'] == 'assistant' -%}
{%- set chat.response = m['content'] or '' -%}
{%- endif -%}
{%- endfor -%}
{{- last_turn(chat.system, chat.prompt, chat.response, chat.first) -}}
)";

std::string Macro(const std::string& name, const std::string& body) {
  return "{%- macro " + name + "(system, prompt, response, first) -%}\n" + body +
         "{%- endmacro -%}\n";
}

Result<std::string> Translate(NodeList nodes) {
  const bool thinks = ollama::Reads(nodes, "Thinking");
  if (ollama::Reads(nodes, "Messages")) {
    ALT_ASSIGN_OR_RETURN(const std::string body,
                         Translator(Translator::Mode::kMessages, thinks).Translate(nodes));
    return std::string(kCollate) + body;
  }
  if (!ollama::Reads(nodes, "Response")) ollama::AppendResponse(nodes);
  ALT_ASSIGN_OR_RETURN(const std::string turn,
                       Translator(Translator::Mode::kTurn, thinks).Translate(nodes));
  ollama::CutBehindResponse(nodes);
  ALT_ASSIGN_OR_RETURN(const std::string last,
                       Translator(Translator::Mode::kTurn, thinks).Translate(nodes));
  return Macro("turn", turn) + Macro("last_turn", last) + std::string(kCollate) +
         std::string(kTurns);
}

}  // namespace

Result<std::string> TranslateOllamaTemplate(std::string_view source) {
  ALT_ASSIGN_OR_RETURN(NodeList nodes, ollama::ParseTemplate(source));
  ALT_ASSIGN_OR_RETURN(std::string body, Translate(std::move(nodes)));
  const bool prints = body.find("go_") != std::string::npos;
  return (prints ? std::string(ollama::PrintingMacros()) : "") + body;
}

}  // namespace altteul::text

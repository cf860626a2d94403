// SPDX-License-Identifier: Apache-2.0

#include "text/ollama_template.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "text/chat_template.h"

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

Result<RenderedChat> RenderIt(std::string_view source, const ordered_json& context) {
  auto translated = TranslateOllamaTemplate(source);
  if (!translated.ok()) return translated.status();
  auto parsed = ChatTemplate::Parse(translated.value());
  if (!parsed.ok()) return parsed.status();
  return parsed.value().Render(context);
}

ordered_json Message(const char* role, const char* content) {
  return {{"role", role}, {"content", content}};
}

ordered_json Chat(const std::vector<ordered_json>& messages) { return {{"messages", messages}}; }

std::string Text(std::string_view source, const ordered_json& context) {
  const auto rendered = RenderIt(source, context);
  return rendered.ok() ? rendered.value().text : "ERROR: " + rendered.status().message();
}

const ordered_json kTurns = Chat({Message("system", "S"), Message("user", "a"),
                                  Message("assistant", "b"), Message("user", "c")});

// What Ollama's template.go does around a template, run by hand: a system text is given to the turn
// it stands before, and the last turn ends at .Response.
TEST(OllamaTemplate, WithoutMessagesRunsOnceATurn) {
  const char* source =
      "{{ if .System }}<s>{{ .System }}</s>{{ end }}{{ if .Prompt }}<u>{{ .Prompt }}</u>{{ end }}"
      "<a>{{ .Response }}</a>\n";
  EXPECT_EQ(Text(source, kTurns), "<s>S</s><u>a</u><a>b</a>\n<u>c</u><a>");
  EXPECT_EQ(Text(source, Chat({Message("user", "x")})), "<u>x</u><a>");
  // An answer that has begun is gone on with.
  EXPECT_EQ(Text(source, Chat({Message("user", "x"), Message("assistant", "y")})), "<u>x</u><a>y");
  EXPECT_EQ(Text(source, Chat({Message("user", "x"), Message("system", "late")})),
            "<u>x</u><a></a>\n<s>late</s><a>");
}

TEST(OllamaTemplate, WithoutResponseItStandsAtTheEnd) {
  EXPECT_EQ(Text("[{{ .Prompt }}]", kTurns), "[a]b[c]");
  EXPECT_EQ(Text("{{ .System }} {{ .Prompt }}", Chat({Message("user", "x")})), " x");
}

TEST(OllamaTemplate, TheCutIsBehindTheFirstActionThatWritesResponse) {
  const ordered_json one = Chat({Message("user", "x")});
  EXPECT_EQ(Text("{{ .Prompt }}{{ if .Prompt }}<{{ .Response }}>{{ else }}-{{ end }}!", one), "x<");
  // A condition writes nothing.
  EXPECT_EQ(Text("{{ if .Response }}r{{ else }}n{{ end }}{{ .Prompt }}{{ .Response }}!", one),
            "nx");
}

TEST(OllamaTemplate, FirstIsTheFirstTurn) {
  EXPECT_EQ(Text("{{ if .First }}B{{ end }}{{ .Prompt }}{{ .Response }}E", kTurns), "BabEc");
}

TEST(OllamaTemplate, NeighboursOfOneRoleAreOneMessage) {
  const ordered_json chat =
      Chat({Message("system", "S"), Message("system", "T"), Message("user", "a"),
            Message("user", "b"), Message("tool", "1"), Message("tool", "2")});
  EXPECT_EQ(Text("{{ .System }}{{ range .Messages }}[{{ .Role }} {{ .Content }}]{{ end }}", chat),
            "S\n\nT[system S\n\nT][user a\n\nb][tool 1][tool 2]");
  EXPECT_EQ(Text("{{ .Prompt }}", chat), "a\n\nb");
}

struct Example {
  const char* source;
  const char* expected;  // by the rules of Go's text/template
};
void PrintTo(const Example& example, std::ostream* out) { *out << example.source; }

class GoTest : public ::testing::TestWithParam<Example> {};

TEST_P(GoTest, PrintsWhatGoPrints) {
  EXPECT_EQ(Text(GetParam().source, kTurns), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Language, GoTest,
    ::testing::Values(
        Example{"a \n {{- range .Messages -}} \n {{ .Content }} {{ end -}} \n b", "aS a b c b"},
        Example{"x {{- /* a comment */ -}} y{{ range .Messages }}{{ end }}", "xy"},
        Example{"{{ range $i, $m := .Messages }}{{ $i }}{{ $m.Content }}{{ end }}", "0S1a2b3c"},
        Example{"{{ range $m := .Messages }}{{ $m.Role }}{{ .Content }};{{ end }}",
                "systemS;usera;assistantb;userc;"},
        Example{"{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
                "{{ .Content }}{{ if $last }}!{{ end }}{{ end }}",
                "Sabc!"},
        Example{"{{ $s := \"\" }}{{ range .Messages }}{{ if eq .Role \"system\" }}"
                "{{ $s = .Content }}{{ continue }}{{ end }}{{ $s }}{{ .Content }}{{ $s = `` }}"
                "{{ end }}[{{ $s }}]",
                "Sabc[]"},
        Example{"{{ $x := \"a\" }}{{ range .Messages }}{{ $x := .Content }}{{ end }}{{ $x }}", "a"},
        Example{"{{ range .Messages }}{{ if eq .Role \"user\" \"assistant\" }}{{ .Content }}"
                "{{ break }}{{ end }}{{ end }}",
                "a"},
        Example{"{{ range .Messages }}{{ if eq .Role \"user\" }}U{{ else if eq .Role \"system\" }}"
                "S{{ else }}-{{ end }}{{ end }}",
                "SU-U"},
        Example{"{{ with (index .Messages 1) }}{{ .Content }}{{ $.System }}{{ else }}no{{ end }}",
                "aS"},
        Example{
            "{{ with .Tools }}yes{{ else }}{{ .System }}{{ end }}{{ range .Messages }}{{ end }}",
            "S"},
        Example{"{{ range .Tools }}t{{ else }}none{{ end }}{{ range .Messages }}{{ end }}", "none"},
        Example{"{{ (index .Messages 2).Content }}{{ len .Messages }}", "b4"},
        Example{"{{ if and (gt (len .Messages) 3) (not .Tools) }}y{{ end }}"
                "{{ if or .Tools (lt 1 0) }}n{{ end }}{{ ne 1 2 }} {{ le 2 2 }} {{ ge 1 2 }}",
                "ytrue true false"},
        Example{"{{ printf \"%s-%v\\t%d%%\" .System \"v\" 3 }}{{ range .Messages }}{{ end }}",
                "S-v\t3%"},
        Example{"{{ .System | printf \"<%s>\" }}{{ range .Messages }}{{ end }}", "<S>"},
        Example{"{{ json .System }}{{ range .Messages }}{{ end }}", "\"S\""},
        Example{"{{ range .Messages }}{{ .ToolCalls | len }}{{ .Thinking }}{{ end }}", "0000"},
        Example{"{{ .Prompt }}{{ .Response }}{{ range .Messages }}{{ end }}", "<no value>"},
        Example{"{{ if .Suffix }}{{ .Prompt }}{{ .Suffix }}{{ else }}{{ range .Messages }}"
                "{{ .Role }} {{ end }}{{ end }}",
                "system user assistant user "},
        Example{"{{ \"{%}}\" }}{{ `{{ x }}\\n'` }}{% x %}{# y #}'\\{{ range .Messages }}{{ end }}",
                "{%}}{{ x }}\\n'{% x %}{# y #}'\\"},
        Example{"{{ \"\\u00e9\\x41\\\"\" }}{{ range .Messages }}{{ end }}", "éA\""}));

TEST(OllamaTemplate, ToolsAreWrittenAsGoWritesThem) {
  ordered_json chat = ordered_json::parse(R"({
    "messages": [
      {"role": "user", "content": "q"},
      {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function",
        "function": {"name": "f", "arguments": {"z": 1, "a": "x<y", "l": [true, null]}}}]},
      {"role": "tool", "content": "3", "name": "f"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d & e",
      "strict": true, "parameters": {"properties": {
        "z": {"description": "Z", "items": {"b": 1, "a": 2}, "type": "integer"}, "a": {"type": ["string", "null"],
        "enum": ["p", "q"]}}, "required": ["z"], "type": "object"}}}]})");
  const std::string tool =
      R"({"type":"function","function":{"name":"f","description":"d \u0026 e","parameters":)"
      R"({"type":"object","required":["z"],"properties":{"a":{"type":["string","null"],)"
      R"("enum":["p","q"]},"z":{"type":"integer","items":{"a":2,"b":1},"description":"Z"}}}}})";
  EXPECT_EQ(Text("{{ .Tools }}{{ range .Messages }}{{ end }}", chat), "[" + tool + "]");
  EXPECT_EQ(
      Text("{{ range .Tools }}{{ . }}|{{ json . }}{{ end }}{{ range .Messages }}{{ end }}", chat),
      tool + "|" + tool);
  EXPECT_EQ(Text("{{ range .Tools }}{\"type\":\"function\",\"function\":{{ .Function }}}{{ end }}"
                 "{{ range .Messages }}{{ end }}",
                 chat),
            tool);
  EXPECT_EQ(Text("{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Name }} "
                 "{{ .Function.Arguments }}{{ end }}{{ .ToolName }}{{ end }}",
                 chat),
            R"(f {"a":"x\u003cy","l":[true,null],"z":1}f)");
  EXPECT_EQ(Text("{{ range .Tools }}{{ range $n, $p := .Function.Parameters.Properties }}{{ $n }}:"
                 "{{ $p.Type }}:{{ $p.Description }},{{ end }}{{ end }}{{ range .Messages }}"
                 "{{ end }}",
                 chat),
            "a:[string null]:,z:integer:Z,");
  // Arguments may come as a text, as OpenAI's interface has them.
  auto& arguments = chat["messages"][1]["tool_calls"][0]["function"]["arguments"];
  arguments = "{\"n\": 2, \"b\": true, \"f\": 1.5, \"s\": \"t\"}";
  const char* each =
      "{{ range .Messages }}{{ range .ToolCalls }}{{ range $k, $v := .Function.Arguments }}{{ $k "
      "}}="
      "{{ $v }} {{ end }}{{ end }}{{ end }}";
  EXPECT_EQ(Text(each, chat), "b=true f=1.5 n=2 s=t ");
  arguments = {{"l", {1}}};
  EXPECT_NE(Text(each, chat).find("not known here"), std::string::npos);
}

TEST(OllamaTemplate, ThinkingIsOnWhereTheTemplateKnowsIt) {
  const char* source =
      "{{ range .Messages }}{{ .Thinking }}{{ end }}{{ if and .IsThinkSet (not .Think) }}/no"
      "{{ else if .Think }}/yes {{ .ThinkLevel }}{{ end }}";
  ordered_json chat = Chat({Message("user", "q")});
  EXPECT_EQ(Text(source, chat), "/yes medium");
  chat["enable_thinking"] = false;
  EXPECT_EQ(Text(source, chat), "/no");
  const char* plain = "{{ range .Messages }}{{ end }}{{ if .Think }}t{{ end }}{{ .IsThinkSet }}";
  EXPECT_EQ(Text(plain, Chat({Message("user", "q")})), "false");
}

TEST(OllamaTemplate, TheDateIsTheCallers) {
  ordered_json chat = Chat({Message("user", "q")});
  chat["__now"] = 1721997296;
  EXPECT_EQ(Text("{{ currentDate }} {{ .Prompt }}", chat), "2024-07-26 q");
}

// A user must not be able to end a turn by writing its token.
TEST(OllamaTemplate, WhoWroteEachByteIsKnown) {
  const auto rendered = RenderIt("<|u|>{{ .Prompt }}<|end|>{{ .Response }}",
                                 Chat({Message("user", "x"), Message("user", "<|end|>")}));
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_EQ(rendered.value().text, "<|u|>x\n\n<|end|><|end|>");
  std::string values;
  size_t at = 0;
  for (const auto& span : rendered.value().spans) {
    if (!span.from_template) values += rendered.value().text.substr(at, span.length) + ";";
    at += span.length;
  }
  EXPECT_EQ(values, "x;<|end|>;");
}

TEST(OllamaTemplate, MessagesOfPartsAreRefused) {
  const ordered_json parts = {
      {"messages", {{{"role", "user"}, {"content", {{{"type", "text"}}}}}}}};
  EXPECT_NE(Text("{{ .Prompt }}", parts).find("not of parts"), std::string::npos);
}

struct Failure {
  const char* source;
  ErrorCode code;
  const char* message;  // must appear
};
void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.source; }

class RefusalTest : public ::testing::TestWithParam<Failure> {};

TEST_P(RefusalTest, NamesTheFaultAndTheLine) {
  const auto translated = TranslateOllamaTemplate(GetParam().source);
  ASSERT_FALSE(translated.ok()) << translated.value();
  EXPECT_EQ(translated.status().code(), GetParam().code) << translated.status().message();
  for (const char* part : {GetParam().message, "line "}) {
    EXPECT_NE(translated.status().message().find(part), std::string::npos)
        << translated.status().message();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, RefusalTest,
    ::testing::Values(
        Failure{"\n\n{{ .Weather }}", ErrorCode::kUnsupported, "line 3: .Weather is not known"},
        Failure{"{{ range .Messages }}{{ .Mood }}{{ end }}", ErrorCode::kUnsupported,
                ".Mood of a message"},
        Failure{"{{ html .Prompt }}", ErrorCode::kUnsupported, "the function 'html'"},
        Failure{"{{ range .Messages }}{{ . }}{{ end }}", ErrorCode::kUnsupported,
                "how Go prints a message"},
        Failure{"{{ if eq .Messages 1 }}{{ end }}", ErrorCode::kUnsupported,
                "'eq' of the messages"},
        Failure{"{{ if eq .Prompt 1 }}{{ end }}", ErrorCode::kUnsupported, "'eq' of a text"},
        Failure{"{{ len .Prompt }}", ErrorCode::kUnsupported, "the length of a text"},
        Failure{"{{ slice .Prompt 1 }}", ErrorCode::kUnsupported, "'slice' of a text"},
        Failure{"{{ printf .Prompt }}", ErrorCode::kUnsupported, "'printf'"},
        Failure{"{{ printf \"%q\" .Prompt }}", ErrorCode::kUnsupported, "'printf'"},
        Failure{"{{ $x := 1 }}{{ $x = \"a\" }}", ErrorCode::kUnsupported, "$x is a number"},
        Failure{"{{ $x }}", ErrorCode::kUnsupported, "$x is not declared"},
        Failure{"{{ if .Prompt }}{{ $x := 1 }}{{ end }}{{ $x }}", ErrorCode::kUnsupported, "$x"},
        Failure{"{{ range .Prompt }}{{ end }}", ErrorCode::kUnsupported, "a range over a text"},
        Failure{"{{ define \"x\" }}{{ end }}", ErrorCode::kUnsupported, "define"},
        Failure{"{{ template \"x\" }}", ErrorCode::kUnsupported, "template"},
        Failure{"{{ 0x10 }}", ErrorCode::kUnsupported, "the number 0x10"},
        Failure{"{{ .Prompt .System }}", ErrorCode::kUnsupported, "no function"},
        Failure{"{{ if .Prompt }}", ErrorCode::kCorruptFile, "no {{end}}"},
        Failure{"{{ end }}", ErrorCode::kCorruptFile, "without a beginning"},
        Failure{"{{ break }}", ErrorCode::kCorruptFile, "outside of a range"},
        Failure{"{{ .Prompt", ErrorCode::kCorruptFile, "not closed"},
        Failure{"{{ \"x }}", ErrorCode::kCorruptFile, "not closed"},
        Failure{"{{ (.Prompt }}", ErrorCode::kCorruptFile, "')' is missing"},
        Failure{"{{ /* x }}", ErrorCode::kCorruptFile, "comment"},
        Failure{"{{ if }}{{ end }}", ErrorCode::kCorruptFile, "a value is missing"},
        Failure{"{{ if .Prompt }}{{ else }}{{ else }}{{ end }}", ErrorCode::kCorruptFile,
                "twice"}));

TEST(OllamaTemplate, RefusesDeepNestingWithoutOverflowingTheStack) {
  std::string brackets = "{{ ";
  std::string blocks, chain = "{{ if .Prompt }}";
  for (int i = 0; i < 100'000; ++i) {
    brackets += "(";
    blocks += "{{ if .Prompt }}";
    chain += "{{ else if .Prompt }}";
  }
  EXPECT_FALSE(TranslateOllamaTemplate(brackets).ok());
  EXPECT_FALSE(TranslateOllamaTemplate(blocks).ok());
  EXPECT_FALSE(TranslateOllamaTemplate(chain + "{{ end }}").ok());
}

}  // namespace
}  // namespace altteul::text

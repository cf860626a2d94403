// SPDX-License-Identifier: Apache-2.0

#include "text/chat_template.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

Result<RenderedChat> RenderIt(std::string_view source,
                              const ordered_json& context = ordered_json::object(),
                              const TemplateLimits& limits = {}) {
  auto parsed = ChatTemplate::Parse(source, limits);
  if (!parsed.ok()) return parsed.status();
  return parsed.value().Render(context);
}

std::string Text(std::string_view source, const ordered_json& context = ordered_json::object()) {
  auto rendered = RenderIt(source, context);
  return rendered.ok() ? rendered.value().text : "ERROR: " + rendered.status().message();
}

struct Example {
  const char* source;
  const char* expected;  // as jinja2 3.1.6 prints it
};

void PrintTo(const Example& example, std::ostream* out) { *out << example.source; }

class ExpressionTest : public ::testing::TestWithParam<Example> {};

TEST_P(ExpressionTest, PrintsWhatJinjaPrints) {
  const ordered_json context = {
      {"d", {{"b", 1}, {"a", ordered_json::array({1, 2.5, nullptr, true})}}},
      {"s", "héllo wörld"},
      {"n", nullptr}};
  EXPECT_EQ(Text(GetParam().source, context), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Values, ExpressionTest,
    ::testing::Values(
        Example{"{{ d }}", "{'b': 1, 'a': [1, 2.5, None, True]}"},
        Example{"{{ (1,) }}{{ () }}", "(1,)()"},
        Example{"{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }}",
                "3 -4 2 1024 3.5"},
        Example{"{{ 1e16 }} {{ 0.1 + 0.2 }} {{ 1.0 }} {{ 1e-5 }}",
                "1e+16 0.30000000000000004 1.0 1e-05"},
        Example{"{{ 1 < 2 < 3 }}{{ 1 in [1] }}{{ 'x' not in 'abc' }}", "TrueTrueTrue"},
        Example{"{{ s[::-1] }}|{{ s[1:4] }}|{{ s[-1] }}|{{ s|length }}", "dlröw olléh|éll|d|11"},
        Example{"{{ [1,2,3,4][::-2] }}{{ [1,2,3][5:] }}", "[4, 2][]"},
        Example{"{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}{{ '+'.zfill(3) }}{{ 'abc'.zfill(2) }}{{ "
                "'é'.zfill(3) }}",
                "007-007+00abc00é"},
        Example{
            "{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, 'é') }}|{{ 'ab'.center(5, '*') }}{{ 'ab'.center(7, "
            "'*') }}{{ 'a'.center(4, '*') }}{{ 'abc'.center(6,'-') }}{{ 'abc'.ljust(2) }}",
            "a  |ééa|**ab****ab***a**-abc--abc"},
        Example{"{{ "
                "'{:>5}|{:<5}|{:^5}|{:é^6}|{:.2}|{:5.1s}|{:05}'.format('a','b','c','d','efg','hi','"
                "j') }}",
                "    a|b    |  c  |éédééé|ef|h    |j0000"},
        Example{"{{ '{:5}|{:<5}|{:^5}|{:05}|{:+}|{: }|{:=+6}|{:*=6}'.format(1,2,3,-4,5,6,7,-8) }}",
                "    1|2    |  3  |-0004|+5| 6|+    7|-****8"},
        Example{"{{ "
                "'{:x}|{:X}|{:#x}|{:#b}|{:o}|{:#06x}|{:c}|{:d}|{:n}'.format(255,255,255,5,8,255,"
                "44032,9,10) }}",
                "ff|FF|0xff|0b101|10|0x00ff|가|9|10"},
        Example{"{{ "
                "'{:,}|{:_}|{:_x}|{:012,}|{:011,}|{:,.2f}|{:,}'.format(1234567,1234567,16777215,"
                "1234,1234567,1234567.891,999) }}",
                "1,234,567|1_234_567|ff_ffff|0,000,001,234|001,234,567|1,234,567.89|999"},
        Example{"{{ "
                "'{:.2f}|{:8.3f}|{:<8.1f}|{:08.2f}|{:e}|{:.0e}|{:g}|{:G}|{:%}|{:.1%}'.format(3."
                "14159,2.5,1.25,-1.5,12345.678,12345.678,1e20,1e-10,0.25,0.125) }}",
                "3.14|   2.500|1.2     |-0001.50|1.234568e+04|1e+04|1e+20|1E-10|25.000000%|12.5%"},
        Example{"{{ "
                "'{:5}|{:.3}|{:.3}|{:.3}|{:.1}|{:+}|{:.3}|{:.5}|{:.0}'.format(1.5,123.0,120.0,12.0,"
                "5.0,2.0,1234567.0,0.00001234,3.0) }}",
                "  1.5|1.23e+02|1.2e+02|12.0|5e+00|+2.0|1.23e+06|1.234e-05|3e+00"},
        Example{"{{ '{:f}|{:6}|{:.1f}|{:5}|{:d}'.format(3,true,2,false,true) }}",
                "3.000000|     1|2.0|    0|1"},
        Example{"{{ '{:>10}'.format('<|x|>') }}", "     <|x|>"},
        Example{"{{ '٣'|int }}{{ '१२'|int }}{{ '٣.٥'|float }}{{ '1２'|int }}{{ '𝟙𝟚'|int }}{{ ' ٠x' "
                "|int(7) }}{{ '๑'|int(base=16) }}{{ '²'|int(8) }}",
                "3123.51212718"},
        Example{"{{ '{:-}|{:-.1f}|{:10,.1f}|{:<#8x}'.format(1, 2.0, 12345.67, 10) }}",
                "1|2.0|  12,345.7|0xa     "},
        Example{"{{ '{:.3g}|{:#.3g}|{:.10g}|{:F}'.format(2.0, 2.0, 0.1, 1.0) }}",
                "2|2.00|0.1|1.000000"},
        Example{
            "{{ '{:>018}|{:^05d}|{:<08.1f}|{:>+08}|{:8c}|{:02c}'.format(9.5,1,-1.5,25,65,66) }}",
            "0000000000000009.5|00100|-1.50000|00000+25|       A|0B"},
        Example{
            "{{ '{:#}|{:#.1}|{:#.3}|{:#.5}|{:#.0f}|{:.3}'.format(1e16,1.5,120.0,12.0,2.0,0.00001) "
            "}}",
            "1.e+16|2.e+00|1.20e+02|12.000|2.|1e-05"},
        Example{"{{ '{!r:>5}|{!s:>4}'.format('a', 1) }}{{ '{a:>3}{0:<3}|'.format(1, a=2) }}",
                "  'a'|   1  21  |"},
        Example{"{{ n }}|{{ missing }}|{{ n is none }}|{{ d.x is defined }}", "None||True|False"},
        Example{"{{ 'a' ~ 1 ~ none }}", "a1None"},
        Example{"{{ 'yes' if d else 'no' }}{{ 'z' if false }}", "yes"},
        Example{"{{ '%s-%05.2f-%d' % ('a', 3.14159, 7) }}", "a-03.14-7"},
        Example{"{{ '{} {x}'.format(1, x=2) }}", "1 2"},
        Example{"{{ 'it\\'s' }} {{ ['it\\'s', 'a\\n'] }}", "it's [\"it's\", 'a\\n']"}));

INSTANTIATE_TEST_SUITE_P(
    Filters, ExpressionTest,
    ::testing::Values(
        Example{"{{ '  x ' | trim }}|{{ 'xxaxx' | trim('x') }}", "x|a"},
        Example{"{{ 'hello wORLD' | title }} {{ 'hELLO' | capitalize }} {{ s | upper }}",
                "Hello World Hello HÉLLO WÖRLD"},
        Example{"{{ [3,1,2] | sort | join(',') }} {{ ['b','A'] | sort }}", "1,2,3 ['A', 'b']"},
        Example{"{{ [1,2,3] | select('odd') | list }} {{ [1,2] | map('string') | list }}",
                "[1, 3] ['1', '2']"},
        Example{"{{ [{'a':1},{'a':2}] | selectattr('a','gt',1) | list }}", "[{'a': 2}]"},
        Example{"{{ [{'a':1},{}] | map(attribute='a', default=0) | list }}", "[1, 0]"},
        Example{"{{ d | dictsort }}", "[('a', [1, 2.5, None, True]), ('b', 1)]"},
        Example{"{{ '42' | int + 1 }} {{ 'x' | int(7) }} {{ '1.5' | float }} {{ 2.5 | round }}",
                "43 7 1.5 2.0"},
        Example{"{{ d | tojson }}", "{\"b\": 1, \"a\": [1, 2.5, null, true]}"},
        Example{"{{ {'b':1,'a':[]} | tojson(indent=2, sort_keys=true) }}",
                "{\n  \"a\": [],\n  \"b\": 1\n}"},
        Example{"{{ s | tojson(ensure_ascii=true) }}", "\"h\\u00e9llo w\\u00f6rld\""},
        Example{"{{ 'a\nb' | indent(2) }}", "a\n  b"},
        Example{"{{ x | default('d') }} {{ '' | d('e', true) }}", "d e"},
        Example{"{{ [1,1,2] | unique | list }} {{ [1,2] | sum }} {{ [1,5] | max }}", "[1, 2] 3 5"},
        Example{"{{ 'a<b' | e }} {{ 'abc' | first }}{{ [1,2] | last }}", "a&lt;b a2"}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, ExpressionTest,
    ::testing::Values(
        Example{"{{ '0x1f' | int(base=16) }} {{ '0X1F' | int(0, 16) }} {{ '1f' | int(base=16) }}",
                "31 31 31"},
        Example{"{{ '0b11' | int(base=2) }} {{ '-0o17' | int(base=8) }} {{ 'z' | int(base=36) }}",
                "3 -15 35"},
        Example{"{{ '0x1f' | int(base=0) }} {{ '0_0' | int(base=0) }} {{ '010' | int(base=0) }}",
                "31 0 10"},
        Example{"{{ '0x1f' | int }} {{ '0x1f' | int(7) }} {{ '0x1f' | int(default='none') }}",
                "0 7 none"},
        Example{"{{ '1_000' | int }} {{ '1__0' | int(-1) }} {{ '_1' | int(-1) }} {{ '1_' | int(-1) "
                "}} {{ ' +7 ' | int }} {{ '+-7' | int(-1) }}",
                "1000 -1 -1 -1 7 -1"},
        Example{"{{ '42.9' | int }} {{ '1e3' | int }} {{ 'inf' | int(5) }} {{ '42.9' | "
                "int(base=16) }} {{ '12' | int(base=1) }} {{ '12' | int(base='x') }}",
                "42 1000 5 42 12 12"},
        Example{"{{ none | int(9) }} {{ [] | int(9) }} {{ true | int }} {{ -2.7 | int }} {{ '' | "
                "int(8) }}",
                "9 9 1 -2 8"},
        Example{"{{ '-9223372036854775808' | int }}", "-9223372036854775808"},
        Example{"{{ '1_0.5' | float }} {{ '1._5' | float(-1) }} {{ '--1' | float(-1) }} {{ '1e999' "
                "| float }} {{ 'nan(1)' | float(2) }}",
                "10.5 -1 -1 inf 2"}));

INSTANTIATE_TEST_SUITE_P(
    Json, ExpressionTest,
    ::testing::Values(Example{"{{ ('{\"b\": [1, 2.5, null], \"a\": \"x\"}' | from_json) }}",
                              "{'b': [1, 2.5, None], 'a': 'x'}"},
                      Example{
                          "{{ ('{\"a\": 1, \"a\": 2}' | from_json).a }}{{ ' true ' | from_json }}",
                          "2True"}));

INSTANTIATE_TEST_SUITE_P(
    Markup, ExpressionTest,
    ::testing::Values(
        Example{"{{ 'a<'|safe + 'b<' }} {{ 'b<' + 'a<'|safe }} {{ 'a<'|safe ~ 'b<' }}",
                "a<b&lt; b&lt;a< a<b<"},
        Example{"{{ 'a<'|e + 'b&' }} {{ 'a<'|e|e }} {{ 'a<'|safe|string + '<' }}",
                "a&lt;b&amp; a&lt; a<&lt;"},
        Example{"{{ ('<a'|safe)[:1] + '<' }} {{ ' <'|safe|trim + '<' }} {{ ('x'|safe * 2) + '<' }}",
                "<&lt; <&lt; xx&lt;"},
        Example{"{{ '<'.upper()|safe is escaped }}{{ 'a' is escaped }}{{ ('%s<'|safe) % '<' }}",
                "TrueFalse&lt;<"},
        Example{
            "{{ '<{}>'.format('<') }} {{ ('<{}>'|safe).format('<') }} {{ ('-'|safe).join(['<', "
            "'>'|safe]) }} {{ ('ab'|safe).replace('b', '<') }} {{ 'a<'|safe|replace('a', '<') }}",
            "<<> <&lt;> &lt;-> a&lt; <<"}));

INSTANTIATE_TEST_SUITE_P(
    OfNothing, ExpressionTest,
    ::testing::Values(Example{
        "{{ none | selectattr('x') | list }}{{ 0 | map('upper') | list }}{{ none | reject | "
        "list }}",
        "[][][]"}));

INSTANTIATE_TEST_SUITE_P(
    Statements, ExpressionTest,
    ::testing::Values(
        Example{"{% for i in [1,2,3] %}{{ loop.index }}{{ loop.last }} {% endfor %}",
                "1False 2False 3True "},
        Example{"{% for k, v in d.items() %}{{ k }}{% endfor %}", "ba"},
        Example{"{% for i in [] %}x{% else %}none{% endfor %}", "none"},
        Example{"{% for i in range(9) if i is odd %}{% if i > 5 %}{% break %}{% endif %}{{ i }}{% "
                "endfor %}",
                "135"},
        Example{"{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 5 %}{% endfor %}{{ x }}",
                "111"},
        Example{"{% set ns = namespace(n=0) %}{% for i in [1,2] %}{% set ns.n = ns.n + i %}{% "
                "endfor %}{{ ns.n }}",
                "3"},
        Example{"{% macro m(a, b='B') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, b=2) }}",
                "1B12"},
        Example{"{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}", "<x>"},
        Example{"{% set b %}  x {{ 1 }}{% endset %}[{{ b }}]", "[  x 1]"},
        Example{"{% generation %}g{% endgeneration %}{% filter upper %}a{% endfilter %}", "gA"},
        Example{"{% raw %}{{ x }}{% endraw %}{# gone #}!", "{{ x }}!"},
        Example{"a\n  {% if true %}\n  b\n  {% endif %}\nc", "a\n  b\nc"},
        Example{"a {%- if true -%} b {%- endif +%}\nc", "ab\nc"},
        Example{"{% for i in [1,2,1] %}{{ loop.cycle('a','b') }}{{ loop.previtem is defined }}{% "
                "endfor %}",
                "aFalsebTrueaTrue"}));

struct Failure {
  const char* source;
  ErrorCode code;
  const char* message;  // must appear
};

void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.source; }

class FailureTest : public ::testing::TestWithParam<Failure> {};

TEST_P(FailureTest, NamesTheFaultAndTheLine) {
  const auto rendered = RenderIt(GetParam().source, {{"d", {{"a", 1}}}, {"l", {1}}});
  ASSERT_FALSE(rendered.ok());
  EXPECT_EQ(rendered.status().code(), GetParam().code) << rendered.status().message();
  EXPECT_NE(rendered.status().message().find(GetParam().message), std::string::npos)
      << rendered.status().message();
  EXPECT_NE(rendered.status().message().find("line "), std::string::npos)
      << rendered.status().message();
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, FailureTest,
    ::testing::Values(
        Failure{"\n{{ x | frobnicate }}", ErrorCode::kUnsupported, "No filter named 'frobnicate'"},
        Failure{"{{ x is frob }}", ErrorCode::kUnsupported, "No test named 'frob'"},
        Failure{"{% include 'x.jinja' %}", ErrorCode::kUnsupported, "{% include 'x.jinja' %}"},
        Failure{"{% import 'x' as x %}", ErrorCode::kUnsupported, "unknown tag 'import'"},
        Failure{"{% if x %}", ErrorCode::kCorruptFile, "endif"},
        Failure{"{{ 'x }}", ErrorCode::kCorruptFile, "a string is not closed"},
        Failure{"{{ (1 }}", ErrorCode::kCorruptFile, "unexpected '}'"},
        Failure{"{{ raise_exception('own words') }}", ErrorCode::kInvalidArgument, "own words"},
        Failure{"{{ d.x.y }}", ErrorCode::kInvalidArgument, "'dict object' has no attribute 'x'"},
        Failure{"{{ nothing.x }}", ErrorCode::kInvalidArgument, "'nothing' is undefined"},
        Failure{"{{ l.append(2) }}", ErrorCode::kInvalidArgument, "is unsafe"},
        Failure{"{{ d.pop('a') }}", ErrorCode::kInvalidArgument, "is unsafe"},
        Failure{"{{ 'a' + 1 }}", ErrorCode::kInvalidArgument, "can only concatenate str"},
        Failure{"{{ '9223372036854775808' | int }}", ErrorCode::kInvalidArgument, "overflow"},
        Failure{"{{ '{]' | from_json }}", ErrorCode::kInvalidArgument, "no JSON"},
        Failure{"{{ 1 | from_json }}", ErrorCode::kInvalidArgument, "must be str"},
        Failure{"{{ 9223372036854775807 + 1 }}", ErrorCode::kInvalidArgument, "overflow"},
        Failure{"{{ 1 // 0 }}", ErrorCode::kInvalidArgument, "by zero"},
        Failure{"{{ range(10**9) }}", ErrorCode::kInvalidArgument, "Range too big"},
        Failure{"{{ 'a' * 10**9 }}", ErrorCode::kRefused, "steps"},
        Failure{"{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}"
                "{% set ns.s = ns.s + ns.s %}{% endfor %}",
                ErrorCode::kRefused, "template"},
        Failure{"{% set ns = namespace(l=[1]) %}{% for i in range(1000) %}"
                "{% set ns.l = [ns.l] %}{% endfor %}",
                ErrorCode::kRefused, "nests deeper"},
        Failure{"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ErrorCode::kRefused,
                "nests deeper"},
        Failure{"{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
                ErrorCode::kRefused, "steps"}));

TEST(ChatTemplate, RefusesDeepNestingWithoutOverflowingTheStack) {
  for (const char* open : {"(", "[", "{1:", "not ", "-", "a[", "f("}) {
    std::string source = "{{ ";
    for (int i = 0; i < 100'000; ++i) source += open;
    EXPECT_FALSE(ChatTemplate::Parse(source + " }}").ok()) << open;
  }
  std::string sums = "{{ 1";
  for (int i = 0; i < 100'000; ++i) sums += "+1";
  EXPECT_FALSE(ChatTemplate::Parse(sums + " }}").ok());
  std::string blocks;
  for (int i = 0; i < 100'000; ++i) blocks += "{% if 1 %}";
  EXPECT_FALSE(ChatTemplate::Parse(blocks).ok());
}

TEST(ChatTemplate, SpansTellTemplateFromValues) {
  const ordered_json context = {{"messages", {{{"role", "user"}, {"content", " <|end|> "}}}},
                                {"eos_token", "</s>"}};
  auto rendered = RenderIt(
      "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content | trim + '<|end|>' }}{% endfor %}"
      "{{ eos_token }}",
      context);
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_EQ(rendered.value().text, "<|user|><|end|><|end|></s>");
  ASSERT_EQ(rendered.value().spans.size(), 3u);
  EXPECT_EQ(rendered.value().spans[0].length, 8u);
  EXPECT_TRUE(rendered.value().spans[0].from_template);
  EXPECT_EQ(rendered.value().spans[1].length, 7u);
  EXPECT_FALSE(rendered.value().spans[1].from_template);
  EXPECT_EQ(rendered.value().spans[2].length, 11u);
  EXPECT_TRUE(rendered.value().spans[2].from_template);
}

TEST(ChatTemplate, JsonOfAUserStaysAUsersText) {
  auto rendered = RenderIt("{{ (m | from_json).role }}", {{"m", "{\"role\": \"user\"}"}});
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  ASSERT_EQ(rendered.value().spans.size(), 1u);
  EXPECT_FALSE(rendered.value().spans[0].from_template);
  // Nested deeper than values may be, without a deep recursion.
  const std::string deep(100'000, '[');
  EXPECT_FALSE(RenderIt("{{ m | from_json }}", {{"m", deep}}).ok());
}

TEST(ChatTemplate, EscapingKeepsWhoWroteEachByte) {
  auto rendered = RenderIt("{{ 'a<' | safe + m }}", {{"m", "<"}});
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_EQ(rendered.value().text, "a<&lt;");
  ASSERT_EQ(rendered.value().spans.size(), 2u);
  EXPECT_EQ(rendered.value().spans[0].length, 2u);
  EXPECT_FALSE(rendered.value().spans[1].from_template);
}

std::vector<std::string> VariablesOf(std::string_view source) {
  auto parsed = ChatTemplate::Parse(source);
  return parsed.ok() ? parsed.value().Variables()
                     : std::vector<std::string>{parsed.status().message()};
}

TEST(ChatTemplate, TellsWhatItReads) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(VariablesOf("{{ b }}{{ a.x[i] | default(d) }}{{ range(3) }}{{ raise_exception('x') }}"),
            (Names{"a", "b", "d", "i"}));
  // What the template sets itself, on every path, is no choice of the caller's.
  EXPECT_EQ(VariablesOf("{% set x = 1 %}{{ x }}{% for m in messages %}{{ m }}{{ loop.index }}"
                        "{% endfor %}"),
            Names{"messages"});
  EXPECT_EQ(VariablesOf("{% if not x is defined %}{% set x = 1 %}{% endif %}{{ x }}"), Names{"x"});
  EXPECT_EQ(VariablesOf("{% if c %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}"),
            Names{"c"});
  EXPECT_EQ(VariablesOf("{% if c %}{% set x = 1 %}{% endif %}{{ x }}"), (Names{"c", "x"}));
  EXPECT_EQ(VariablesOf("{% for m in l %}{% set x = m %}{% endfor %}{{ x }}"), (Names{"l", "x"}));
  // A macro sees its parameters, and what is set by the time it is called.
  EXPECT_EQ(VariablesOf("{% macro m(a, b=c) %}{{ a }}{{ b }}{{ later }}{{ free }}{% endmacro %}"
                        "{% set later = 1 %}{{ m(1) }}"),
            (Names{"c", "free"}));
  EXPECT_EQ(VariablesOf("{% set ns = namespace(x=y) %}{% set ns.x = z %}{% with q = w %}{{ q }}"
                        "{% endwith %}{{ q }}"),
            (Names{"q", "w", "y", "z"}));
  EXPECT_EQ(VariablesOf("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x }}"
                        "{% endcall %}{% filter upper %}{{ y }}{% endfilter %}"),
            (Names{"x", "y"}));
}

TEST(ChatTemplate, TheTimeIsLocalByTheGivenOffset) {
  const char* source = "{{ strftime_now('%d %b %Y %H:%M|%s') }}";
  const ordered_json seoul = {{"__now", 1721997296}, {"__utc_offset", 9 * 3600}};
  EXPECT_EQ(Text(source, seoul), "26 Jul 2024 21:34|1721997296");
  const ordered_json tomorrow = {{"__now", 1722009600}, {"__utc_offset", 9 * 3600}};
  EXPECT_EQ(Text(source, tomorrow), "27 Jul 2024 01:00|1722009600");
  const ordered_json new_york = {{"__now", 1722038400}, {"__utc_offset", -4 * 3600 - 1800}};
  EXPECT_EQ(Text(source, new_york), "26 Jul 2024 19:30|1722038400");
  EXPECT_FALSE(RenderIt(source, {{"__now", 1}, {"__utc_offset", 90'000}}).ok());
}

// As datetime.strftime of CPython 3.11 with glibc writes it in the locale C.
TEST(ChatTemplate, TheTimeIsWrittenAsPythonOnLinuxDoes) {
  const auto at = [](int64_t now, const std::string& format) {
    return Text("{{ strftime_now(format) }}", {{"__now", now}, {"format", format}});
  };
  EXPECT_EQ(
      at(1735571045, "%U %W %V %G %g %C %k %l %P %j %-j %_d %05d %^a %#b %#p %10A|%-5H|%Ey %Od"),
      "52 53 01 2025 25 20 15  3 pm 365 365 30 00030 MON DEC pm     Monday|   15|24 30");
  EXPECT_EQ(
      at(1735571045, "%Q %u %w %e %-e %n%t%% %c %x %X %D %r %R %T %F %h %y %3Y %E %- %_5m"),
      "%Q 1 1 30 30 \n\t% Mon Dec 30 15:04:05 2024 12/30/24 15:04:05 12/30/24 03:04:05 PM 15:04 "
      "15:04:05 2024-12-30 Dec 24 2024 %E %-    12");
  EXPECT_EQ(at(1735571045, "%010F %^B %f %5% %"), "2024-12-30 DECEMBER 000000     % %");
  const char* weeks = "%U %W %V %G %g %C %k|%l %u %j %I %Y";
  EXPECT_EQ(at(1609632000, weeks), "01 00 53 2020 20 20  0|12 7 003 12 2021");
  EXPECT_EQ(at(1609416000, weeks), "52 52 53 2020 20 20 12|12 4 366 12 2020");
  EXPECT_EQ(at(1451639287, weeks), "00 00 53 2015 15 20  9| 9 5 001 09 2016");
  EXPECT_EQ(at(1770597000, weeks), "06 06 07 2026 26 20  0|12 1 040 12 2026");
  EXPECT_FALSE(RenderIt("{{ strftime_now('%99999d') }}", {{"__now", 1}}).ok());
}

TEST(ChatTemplate, TheTimeComesFromTheContextOnly) {
  const char* source = "{{ strftime_now('%d %b %Y %H:%M:%S %A %j') }}";
  EXPECT_EQ(Text(source, {{"__now", 1721997296}}), "26 Jul 2024 12:34:56 Friday 208");
  EXPECT_EQ(Text(source, {{"__now", 951782400}}), "29 Feb 2000 00:00:00 Tuesday 060");
  EXPECT_FALSE(RenderIt(source).ok());
}

ordered_json ReadGolden(const std::string& name) {
  std::ifstream file(std::string(ALT_SOURCE_DIR) + "/tests/golden/chat_template/" + name + ".json");
  return ordered_json::parse(file, nullptr, false);
}

class GoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, AgreesWithTransformersByteForByte) {
  const ordered_json golden = ReadGolden(GetParam());
  ASSERT_TRUE(golden.is_object()) << "no golden file for " << GetParam();
  auto parsed = ChatTemplate::Parse(golden["template"].get<std::string>());
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  for (const ordered_json& example : golden["cases"]) {
    const std::string name = example["name"].get<std::string>();
    SCOPED_TRACE(name);
    const ordered_json context = {
        {"messages", golden["conversations"][name]},
        {"tools", example["tools"].get<bool>() ? golden["tools"] : ordered_json()},
        {"documents", nullptr},
        {"add_generation_prompt", example["add_generation_prompt"]},
        {"bos_token", "<s>"},
        {"eos_token", "</s>"},
        {"__now", golden["now"]}};
    auto rendered = parsed.value().Render(context);
    if (example.contains("error")) {
      ASSERT_FALSE(rendered.ok());
      EXPECT_NE(rendered.status().message().find(example["error"].get<std::string>()),
                std::string::npos)
          << rendered.status().message();
      continue;
    }
    ASSERT_TRUE(rendered.ok()) << rendered.status().message();
    const RenderedChat& chat = rendered.value();
    EXPECT_EQ(chat.text, example["text"].get<std::string>());
    size_t length = 0;
    for (const auto& span : chat.spans) length += span.length;
    EXPECT_EQ(length, chat.text.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenTest,
                         ::testing::Values("smollm2", "llama3_tools", "mistral_tools", "qwen2",
                                           "qwen3_thinking", "gemma", "phi4_mini", "exaone4"));

}  // namespace
}  // namespace altteul::text

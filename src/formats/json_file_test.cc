// SPDX-License-Identifier: Apache-2.0

#include "formats/json_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "formats/python_words.h"
#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

Result<nlohmann::json> Parse(std::string_view text, const JsonLimits& limits = {}) {
  return ParseJson(AsBytes(text), "config.json", limits);
}

void ExpectRefused(std::string_view text, ErrorCode code, const std::string& message,
                   const JsonLimits& limits = {}) {
  const Status status = Parse(text, limits).status();
  EXPECT_EQ(status.code(), code) << text;
  EXPECT_EQ(status.message(), message);
}

TEST(JsonFileTest, BuildsTheSameTreeAsTheLibrary) {
  for (const char* text :
       {R"({"a":[1,-2,3.5,true,null,"x",[],{}],"b":{"c":{"d":[[1],[2,[3]]]}},"e":1e3})", "[]", "3",
        R"("text")", "null", R"({"big":18446744073709551615,"low":-9223372036854775808})"}) {
    EXPECT_EQ(Parse(text).value(), nlohmann::json::parse(text)) << text;
  }
  EXPECT_TRUE(Parse("18446744073709551615").value().is_number_unsigned());
}

TEST(JsonFileTest, SaysAtWhichByteItStopped) {
  ExpectRefused("{\"a\": tru}", ErrorCode::kCorruptFile,
                "config.json: JSON, at byte 10 of 10: syntax error while parsing value - invalid "
                "literal");
  ExpectRefused("{\"a\": 1", ErrorCode::kCorruptFile,
                "config.json: JSON, at byte 7 of 7: syntax error while parsing object - unexpected "
                "end of input; expected '}'");
}

TEST(JsonFileTest, RefusesWhatOtherReadersWouldReadDifferently) {
  ExpectRefused(R"({"a":1,"a":2})", ErrorCode::kCorruptFile,
                "config.json: JSON, at byte 10 of 13: key \"a\" stands there twice");
  EXPECT_EQ(Parse("[1e999]").status().code(), ErrorCode::kCorruptFile);
  EXPECT_EQ(Parse("[NaN]").status().code(), ErrorCode::kCorruptFile);
  EXPECT_EQ(Parse("[1] 2").status().code(), ErrorCode::kCorruptFile);
  EXPECT_EQ(Parse("\"\xff\"").status().code(), ErrorCode::kCorruptFile);  // no UTF-8
  EXPECT_EQ(Parse("").status().code(), ErrorCode::kCorruptFile);
}

TEST(JsonFileTest, IntegersBeyond64BitsAreFloats) {
  // transformers writes int(1e30) where a tokenizer has no limit.
  const auto parsed = Parse("[1000000000000000019884624838656, 18446744073709551616]").value();
  EXPECT_TRUE(parsed[0].is_number_float() && parsed[1].is_number_float()) << "not a size";
  EXPECT_EQ(parsed[0], 1e30);
}

TEST(JsonFileTest, ReadsPythonsLiteralsWherePythonWrites) {
  const auto parsed = Parse(R"({"a":[0.0,Infinity],"NaN":"Infinity \" -Infinity","b":-Infinity,)"
                            "\n \"c\" : NaN , \"d\":1e0,\"e\":1.0000e0}",
                            kWrittenByPython);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const nlohmann::json& root = parsed.value();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(root["a"][1].get<double>(), kInfinity);
  EXPECT_EQ(root["b"].get<double>(), -kInfinity);
  EXPECT_TRUE(std::isnan(root["c"].get<double>()));
  EXPECT_EQ(root["NaN"], "Infinity \" -Infinity") << "texts stay";
  EXPECT_EQ(root["d"], 1.0) << "numbers stay that look like what stands for a literal";
  EXPECT_EQ(root["e"], 1.0);
  EXPECT_TRUE(std::isnan(Parse("NaN", kWrittenByPython).value().get<double>()));
  for (const char* text :
       {"[-NaN]", "[Infinity5]", "[NaN", "[nan]", "{NaN:1}", "[1 NaN]", "[+Infinity]"}) {
    EXPECT_EQ(Parse(text, kWrittenByPython).status().code(), ErrorCode::kCorruptFile) << text;
  }
}

TEST(JsonFileTest, ReadsNumbersThatAreTooLargeAsPythonDoes) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto parsed = Parse("{\"a\":[1e999,-1e309 ,1.5E+400],\"b\":1e308,\"c\":\"1e999\",\"d\":1" +
                                std::string(400, '0') + "}",
                            kWrittenByPython);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed.value()["a"], nlohmann::json({kInfinity, -kInfinity, kInfinity}));
  EXPECT_EQ(parsed.value()["b"], 1e308);
  EXPECT_EQ(parsed.value()["c"], "1e999");
  EXPECT_EQ(parsed.value()["d"], kInfinity);
  for (const char* text :
       {"[01e999]", "[1.e999]", "[1e999x]", "[-e999]", "[+1e999]", "[1e9999e]"}) {
    EXPECT_EQ(Parse(text, kWrittenByPython).status().code(), ErrorCode::kCorruptFile) << text;
  }
  EXPECT_EQ(PythonLiteralsAsNull("[1e999, 2]"), "[null, 2]");
}

TEST(JsonFileTest, HalfASurrogatePairBecomesTheReplacementCharacter) {
  const auto parsed =
      Parse(R"(["a\ud83db","\udE00","\ud83d\ude00","\\ud83d","\ud83d\u0041"])", kWrittenByPython);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed.value(), nlohmann::json({"a\xEF\xBF\xBD"
                                            "b",
                                            "\xEF\xBF\xBD", "\xF0\x9F\x98\x80", "\\ud83d",
                                            "\xEF\xBF\xBD"
                                            "A"}));
  EXPECT_EQ(Parse(R"(["\ud83d"])").status().code(), ErrorCode::kCorruptFile);
  EXPECT_EQ(Parse(R"(["\ud8"])", kWrittenByPython).status().code(), ErrorCode::kCorruptFile);
  EXPECT_EQ(Parse("[\"\\ud", kWrittenByPython).status().code(), ErrorCode::kCorruptFile);
}

TEST(JsonFileTest, TheLastOfTwoCountsWherePythonWrites) {
  std::vector<std::string> said;
  const LogSink log = [&](LogLevel, std::string_view sentence) { said.emplace_back(sentence); };
  constexpr std::string_view kText = R"({"a":{"x":1},"b":[1,2],"a":{"y":2},"b":3,"c":4})";
  const auto parsed = ParseJson(AsBytes(kText), "config.json", kWrittenByPython, log);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed.value(), nlohmann::json::parse(R"({"a":{"y":2},"b":3,"c":4})"));
  EXPECT_EQ(said,
            std::vector<std::string>{"config.json: key \"a\" (and 1 more) stands there twice; "
                                     "the last value counts, as in Python"});
}

TEST(JsonFileTest, LiteralsBecomeNullForThoseWhoWantText) {
  EXPECT_EQ(PythonLiteralsAsNull(R"({"NaN":NaN, "b":[-Infinity,Infinity] , "c":"Infinity"})"),
            R"({"NaN":null, "b":[null,null] , "c":"Infinity"})");
  EXPECT_EQ(PythonLiteralsAsNull("NaN"), "null");
  for (const char* text : {"", "{}", R"({"a":"\" NaN "})", "NaNs", "\"Infinity"}) {
    EXPECT_EQ(PythonLiteralsAsNull(text), text);
  }
}

TEST(JsonFileTest, LimitsNestingAndSize) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(Parse(nested(64)).ok());
  ExpectRefused(nested(65), ErrorCode::kUnsupported,
                "config.json: JSON, at byte 65 of 130: nested deeper than 64 levels");
  EXPECT_FALSE(Parse(std::string(1 << 20, '[')).ok());
  ExpectRefused("[1, 2]", ErrorCode::kUnsupported,
                "config.json: 6 bytes of JSON, more than the 5 we read", {.max_bytes = 5});
}

TEST(JsonFileTest, RefusesAnObjectCutAfterAnyByte) {
  const std::string good = R"({"dtype":"F32","n":[1,-2.5e1,"\u00e9"],"o":{"t":true,"z":null}})";
  ASSERT_TRUE(Parse(good).ok());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_EQ(Parse(std::string_view(good).substr(0, length)).status().code(),
              ErrorCode::kCorruptFile)
        << "cut after " << length;
  }
}

TEST(JsonFileTest, ReadsFilesAndNamesMissingOnes) {
  const TempFolder folder;
  EXPECT_EQ(ReadJsonFile(folder.Write("config.json", "{\"n\": 1}")).value()["n"], 1);
  EXPECT_EQ(ReadJsonFile(folder.Write("empty.json", "")).status().code(), ErrorCode::kCorruptFile);
  const Status status = ReadJsonFile(folder.Path("missing.json")).status();
  EXPECT_EQ(status.code(), ErrorCode::kNotFound);
  EXPECT_NE(status.message().find("missing.json"), std::string::npos);
}

}  // namespace
}  // namespace altteul::formats

// SPDX-License-Identifier: Apache-2.0

#include "tools/peer_report.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace altteul::tools {
namespace {

using Runs = std::map<std::string, std::vector<double>>;

Runs RunsOf(std::string_view output) {
  const auto report = ParsePeerReport(output);
  EXPECT_TRUE(report.ok()) << report.status().message() << "\n" << output;
  Runs runs;
  if (!report.ok()) return runs;
  for (const SeriesRuns& series : report.value().series) runs[series.spec.Name()] = series.runs;
  return runs;
}

void ExpectRefused(std::string_view output, const std::string& part) {
  const Status status = ParsePeerReport(output).status();
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument) << output;
  EXPECT_NE(status.message().find(part), std::string::npos)
      << "'" << status.message() << "' lacks '" << part << "'";
}

TEST(PeerReportTest, ReadsWhatOurOwnBenchPrints) {
  const std::string line =
      R"({"model":"m.gguf","isa":"avx2","bytes_per_token":5,"pp8":{"median":2.0,"all":[1.0,2.0,3]},)"
      R"("tg4x2@d16":{"median":7.5,"all":[7.5]},"runs":[{"threads":2,"pp8":{"median":2.0,"all":[2]},)"
      R"("read_bandwidth_gb_s":30.0,"peaks":{"int8_gops":900.0}}]})";
  EXPECT_EQ(RunsOf(line + "\n"), (Runs{{"pp8", {1, 2, 3}}, {"tg4x2@d16", {7.5}}}));
  EXPECT_EQ(ParsePeerReport(line).value().threads, 2);
}

TEST(PeerReportTest, OneNumberIsOneRun) {
  EXPECT_EQ(RunsOf(R"({"threads": 3, "tg128": 99.5, "note": "pp512"})"), (Runs{{"tg128", {99.5}}}));
  EXPECT_EQ(ParsePeerReport(R"({"threads": 3, "tg128": 99.5})").value().threads, 3);
}

TEST(PeerReportTest, TakesTheLastLineWithASeriesAndPassesOverTheRest) {
  EXPECT_EQ(RunsOf("loading {model}\n{\"pp8\": 1}\r\n  {\"pp8\": 2}  \r\n{\"level\":\"info\"}\n"
                   "{broken\n\n"),
            (Runs{{"pp8", {2}}}));
}

// Field names and layout as llama.cpp's and ik_llama.cpp's llama-bench print them.
TEST(PeerReportTest, ReadsTheArrayOfLlamaBench) {
  EXPECT_EQ(
      RunsOf("some log\n[\n  {\n    \"n_threads\": 2,\n    \"n_prompt\": 512,\n"
             "    \"n_gen\": 0,\n    \"n_depth\": 1024,\n    \"avg_ts\": 15.0,\n"
             "    \"samples_ts\": [ 10.0, 20.0 ]\n  },\n  {\n    \"n_prompt\": 0,\n"
             "    \"n_gen\": 128,\n    \"avg_ts\": 7.5,\n    \"samples_ns\": [ 1 ]\n  }\n]\n"),
      (Runs{{"pp512@d1024", {10, 20}}, {"tg128", {7.5}}}));
}

TEST(PeerReportTest, ReadsTheLinesOfLlamaBench) {
  const std::string lines =
      R"({"n_threads": 4, "n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ts": 5, "samples_ts": [4, 6]})"
      "\n"
      R"({"n_threads": 4, "n_prompt": 0, "n_gen": 64, "n_depth": 0, "avg_ts": 3, "samples_ts": []})"
      "\n";
  EXPECT_EQ(RunsOf(lines), (Runs{{"pp512", {4, 6}}, {"tg64", {3}}}));
  EXPECT_EQ(ParsePeerReport(lines).value().threads, 4);
}

TEST(PeerReportTest, AnAnswerBehindAPromptIsADepthAndATimedPairIsNoSeries) {
  EXPECT_EQ(RunsOf(R"([{"n_prompt": 1024, "n_gen": 32, "test": "tg32@pp1024", "avg_ts": 8},)"
                   R"({"n_prompt": 1024, "n_gen": 32, "test": "pp1024+tg32", "avg_ts": 9}])"),
            (Runs{{"tg32@d1024", {8}}}));
}

TEST(PeerReportTest, SaysWhatIsMissing) {
  ExpectRefused("", "no JSON object or array in 0 bytes");
  ExpectRefused("tg128: 99 tokens/s\n", "no JSON object or array");
  ExpectRefused("{\"speed\": 3}\n", "no series in it");
  ExpectRefused("{}", "no series in it");
  ExpectRefused("[]", "no series in it");
  ExpectRefused("[{\"pp512\": 3}]\n", "not of llama-bench's rows");
  ExpectRefused("[1,\n2", "no JSON object or array");
  ExpectRefused("[\n1,,2]", "as an array");
  ExpectRefused("[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "deeper");
}

TEST(PeerReportTest, RefusesFiguresThatAreNoSpeeds) {
  for (const char* value :
       {"0", "-1", "\"fast\"", "null", "true", "{}", "[]", "{\"all\":[]}", "{\"all\":[1,0]}",
        "{\"all\":[1,\"2\"]}", "{\"all\":5,\"median\":[]}", "{\"median\":5}", "[1,[2]]"}) {
    const std::string line = "{\"tg128\":" + std::string(value) + "}";
    if (std::string_view(value) == "{\"all\":5,\"median\":[]}") {
      EXPECT_EQ(RunsOf(line), (Runs{{"tg128", {5}}}));
    } else {
      ExpectRefused(line, "tg128 is not a list of tokens/s above 0");
    }
  }
  // Infinity cannot be written; what overflows to it is refused by the parser.
  EXPECT_FALSE(ParsePeerReport("{\"tg128\": 1e999}").ok());
  EXPECT_FALSE(ParsePeerReport("{\"tg128\": NaN}").ok());
}

TEST(PeerReportTest, RefusesASeriesThatIsThereTwice) {
  ExpectRefused("{\"tg128\": 1, \"tg128x1\": 2}", "tg128 is there twice");
  ExpectRefused(R"([{"n_prompt": 0, "n_gen": 8, "avg_ts": 1, "n_threads": 1},)"
                R"({"n_prompt": 0, "n_gen": 8, "avg_ts": 2, "n_threads": 2}])",
                "tg8 is there twice");
}

TEST(PeerReportTest, RefusesCountsThatAreNoCounts) {
  for (const char* count : {"-1", "1.5", "\"512\"", "null", "99999999999999999999"}) {
    EXPECT_FALSE(
        ParsePeerReport("[{\"n_gen\": 0, \"avg_ts\": 1, \"n_prompt\": " + std::string(count) + "}]")
            .ok())
        << count;
  }
  // A number of tokens with too many digits names no series.
  ExpectRefused(R"([{"n_gen": 0, "avg_ts": 1, "n_prompt": 18446744073709551615}])", "no series");
}

TEST(PeerReportTest, BoundsHowMuchItKeeps) {
  std::string line = "{\"tg128\":[1";
  for (int i = 0; i < 10000; ++i) line += ",1";
  ExpectRefused(line + "]}", "tg128 is not a list");
  std::string object = "{";
  for (int i = 1; i <= 1001; ++i) object += "\"pp" + std::to_string(i) + "\":1,";
  ExpectRefused(object + "\"x\":1}", "more than 1000 series");
}

TEST(PeerReportTest, EveryCutOfAGoodReportIsReadOrRefused) {
  const std::string text =
      "log\n[\n {\"n_prompt\": 8, \"n_gen\": 0, \"avg_ts\": 2, \"samples_ts\": [1, 2]}\n]\n"
      "{\"pp8\": {\"median\": 1, \"all\": [1, 2]}, \"threads\": 2}\n";
  for (size_t n = 0; n <= text.size(); ++n) {
    const auto report = ParsePeerReport(std::string_view(text).substr(0, n));
    if (report.ok()) {
      EXPECT_FALSE(report.value().series.empty()) << n;
    } else {
      EXPECT_EQ(report.status().code(), ErrorCode::kInvalidArgument) << n;
    }
  }
}

}  // namespace
}  // namespace altteul::tools

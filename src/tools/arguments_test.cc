// SPDX-License-Identifier: Apache-2.0

#include "tools/arguments.h"

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <optional>

#include "tools/llama_cpp_options.h"

namespace altteul::tools {
namespace {

using Words = std::vector<std::string>;

// A verb with one option of each kind.
class ArgumentsTest : public ::testing::TestWithParam<const char*> {
 protected:
  ArgumentsTest() : verb_("", "run") {
    verb_.add_option("model,-m,--model", model_);
    verb_.add_option("-p,--prompt", prompt_);
    verb_.add_option("-n,--n-predict", n_);
    verb_.add_option("-c,--ctx-size", n_);
    verb_.add_option("--ctk,--cache-type", prompt_);
    verb_.add_option("--ngl,--n-gpu-layers", n_);
    verb_.add_option("--temp", n_);
    verb_.add_option("--stop", stops_)->allow_extra_args(false);
    verb_.add_flag("--raw", raw_);
    verb_.add_option_group("group")->add_option("--size", prompt_);
  }

  Arguments Read(const Words& words) {
    auto read = ReadArguments(words, verb_);
    EXPECT_TRUE(read.ok()) << read.status().message();
    return read.ok() ? std::move(read).value() : Arguments();
  }
  std::string Error(const Words& words) {
    const auto read = ReadArguments(words, verb_);
    EXPECT_EQ(read.status().code(), ErrorCode::kInvalidArgument);
    return read.status().message();
  }

  CLI::App verb_;
  std::string model_, prompt_;
  Words stops_;
  int n_ = 0;
  bool raw_ = false;
};

TEST_F(ArgumentsTest, OursStayAsTheyAre) {
  const Words words = {"m.gguf", "-p",     "-ngl",  "-n", "-1",     "-n5", "--ctx-size=7",
                       "--raw",  "--size", "--raw", "-",  "--stop", "-r"};
  EXPECT_EQ(Read(words).words, words) << "a value that an option must have is no option";
  EXPECT_TRUE(Read(words).notes.empty());
}

TEST_F(ArgumentsTest, OneDashBeforeSeveralLettersIsTwo) {
  EXPECT_EQ(Read({"-ngl", "99", "-ctk", "q8_0", "-temp", "0"}).words,
            (Words{"--ngl", "99", "--ctk", "q8_0", "--temp", "0"}));
}

TEST_F(ArgumentsTest, BehindTwoDashesAloneNothingIsAnOption) {
  EXPECT_EQ(Read({"--", "-ngl", "--bogus"}).words, (Words{"--", "-ngl", "--bogus"}));
}

TEST_F(ArgumentsTest, LlamaCppsNamesBecomeOurs) {
  EXPECT_EQ(Read({"-hf", "owner/name:Q4_0", "-r", "User:", "-no-cnv", "--predict", "3"}).words,
            (Words{"hf:owner/name:Q4_0", "--stop", "User:", "--raw", "-n", "3"}));
  EXPECT_EQ(Read({"-hfd", "owner/small"}).words, (Words{"--draft", "hf:owner/small"}));
  EXPECT_EQ(Read({"--reverse-prompt=User:"}).words, (Words{"--stop", "User:"}));
}

TEST_F(ArgumentsTest, MachineryIsIgnoredWithAWord) {
  const Arguments read =
      Read({"--no-mmap", "m.gguf", "-b", "512", "-fa", "on", "-v", "-fa", "-p", "x"});
  EXPECT_EQ(read.words, (Words{"m.gguf", "-p", "x"}));
  ASSERT_EQ(read.notes.size(), 5u);
  EXPECT_TRUE(read.notes[0].starts_with("--no-mmap: not needed here, ignored (weights"));
  EXPECT_TRUE(read.notes[1].starts_with("-b: not needed here, ignored (prompts"));
}

TEST_F(ArgumentsTest, AnOptionalValueTakesOnlyItsWords) {
  EXPECT_EQ(Read({"-fa", "m.gguf"}).words, (Words{"m.gguf"}));
  EXPECT_EQ(Read({"--color", "auto", "m.gguf"}).words, (Words{"m.gguf"}));
}

TEST_F(ArgumentsTest, WhatWouldChangeAnswersIsRefusedWithTheNearestThing) {
  EXPECT_EQ(Error({"--mirostat", "2"}),
            "--mirostat: not offered; --temp, --top-k, --top-p and --min-p choose among tokens");
  EXPECT_EQ(Error({"--grammar", "root ::= x"}),
            "--grammar: answers are not constrained here; ask for the form in the prompt");
  EXPECT_EQ(Error({"-r"}), "-r needs a value");
}

TEST_F(ArgumentsTest, ARefusedOptionThatIsOffIsIgnored) {
  EXPECT_EQ(Read({"--mirostat", "0", "--typical", "1.0"}).notes.size(), 2u);
}

TEST_F(ArgumentsTest, AnUnknownOptionIsToldWithTheNearestName) {
  EXPECT_EQ(Error({"--ctxsize", "5"}),
            "--ctxsize: altteul run has no such option; did you mean --ctx-size?");
  EXPECT_EQ(Error({"--promt=x"}),
            "--promt: altteul run has no such option; did you mean --prompt?");
  EXPECT_EQ(Error({"--flash_attn"}),
            "--flash_attn: altteul run has no such option; did you mean --flash-attn?");
  EXPECT_EQ(Error({"--quite-another-thing"}),
            "--quite-another-thing: altteul run has no such option");
  EXPECT_EQ(Error({"-nothing"}), "-nothing: altteul run has no such option");
}

TEST(LlamaCppOptionsTest, EveryRowIsOfAKnownFormAndNoNameMeansTwoThingsInOneVerb) {
  std::vector<std::string> seen;
  for (const LlamaCppOption& row : LlamaCppOptions()) {
    EXPECT_TRUE(row.value.empty() || row.value == "N" || row.value.starts_with('[')) << row.names;
    EXPECT_FALSE(row.text.empty()) << row.names;
    for (const std::string& verb : CLI::detail::split(std::string(row.verbs), ' ')) {
      EXPECT_TRUE(IsOneOf(verb, "run eval bench plan", ' ')) << row.names;
      for (const std::string& name : CLI::detail::split(std::string(row.names), ' ')) {
        EXPECT_TRUE(name.starts_with('-')) << row.names;
        EXPECT_EQ(FindLlamaCppOption(verb, name), &row) << verb << " " << name << " stands twice";
      }
    }
  }
}

}  // namespace
}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "eval/task_file.h"

#include <gtest/gtest.h>

#include <string>

namespace altteul::eval {
namespace {

std::vector<Question> Parse(const std::string& text) {
  const auto questions = ParseTaskFile(text, "F.jsonl");
  EXPECT_TRUE(questions.ok()) << questions.status().message() << "\n" << text;
  return questions.ok() ? questions.value() : std::vector<Question>();
}

Question ParseOne(const std::string& line) {
  const auto questions = Parse(line);
  EXPECT_EQ(questions.size(), 1u);
  return questions.empty() ? Question() : questions.front();
}

void ExpectRefused(const std::string& text, const std::string& part) {
  const Status status = ParseTaskFile(text, "F.jsonl").status();
  EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << text;
  EXPECT_NE(status.message().find(part), std::string::npos)
      << "'" << status.message() << "' lacks '" << part << "'";
}

const std::string kGood =
    R"({"id": "a", "question": "Capital of France?", "choices": ["Rome", "Paris"], "answer": 1})"
    "\n\n"
    R"({"prompt": "2 + 2 =", "answer": ["4", "four"], "ignore_case": true, "_source": {"x": 1}})"
    "\r\n"
    R"({"id": 7, "prompt": "서울은", "choices": ["도시다", "강이다", "산이다"], "answer": "A"})"
    "\n";

TEST(TaskFileTest, ReadsBothKinds) {
  const auto questions = Parse(kGood);
  ASSERT_EQ(questions.size(), 3u);
  EXPECT_EQ(questions[0].id, "a");
  EXPECT_EQ(questions[0].line, 1u);
  EXPECT_EQ(questions[0].Prompt(), "Question: Capital of France?\nAnswer:");
  EXPECT_EQ(questions[0].Continuation(1), " Paris");
  EXPECT_EQ(questions[0].answer, 1u);
  EXPECT_FALSE(questions[1].HasChoices());
  EXPECT_EQ(questions[1].line, 3u);
  EXPECT_EQ(questions[1].Prompt(), "2 + 2 =");
  EXPECT_EQ(questions[1].accepted, (std::vector<std::string>{"4", "four"}));
  EXPECT_TRUE(questions[1].ignore_case);
  EXPECT_EQ(questions[2].id, "7");
  EXPECT_EQ(questions[2].Continuation(0), " 도시다");
}

TEST(TaskFileTest, ANoteOfWindowsAndAMissingLastNewlineAreWelcome) {
  EXPECT_EQ(Parse("\xEF\xBB\xBF{\"prompt\": \"a\", \"answer\": \"b\"}\r\n"
                  "{\"prompt\": \"a\", \"answer\": \"b\"}")
                .size(),
            2u);
}

TEST(TaskFileTest, AnAnswerIsAnIndexALetterOrTheText) {
  const std::string start = R"({"prompt": "p", "choices": ["x", "y", "z"], "answer": )";
  EXPECT_EQ(ParseOne(start + "2}").answer, 2u);
  EXPECT_EQ(ParseOne(start + "\"C\"}").answer, 2u);
  EXPECT_EQ(ParseOne(start + "\"z\"}").answer, 2u);
  // A number is an index even where the choices are numbers.
  EXPECT_EQ(ParseOne(R"({"prompt": "p", "choices": ["1", "2"], "answer": 1})").answer, 1u);
  EXPECT_EQ(ParseOne(R"({"prompt": "p", "choices": ["1", "2"], "answer": "1"})").answer, 0u);
  EXPECT_EQ(ParseOne(R"({"prompt": "p", "choices": ["A", "B"], "answer": "A"})").answer, 0u);
  ExpectRefused(R"({"prompt": "p", "choices": ["B", "A"], "answer": "A"})", "another");
}

TEST(TaskFileTest, PutsOneBlankBetweenUnlessTheFileBringsItsOwn) {
  EXPECT_EQ(ParseOne(R"({"prompt": "p", "choices": ["x", "y"], "answer": 0})").delimiter, " ");
  EXPECT_EQ(ParseOne(R"({"prompt": "p ", "choices": ["x", "y"], "answer": 0})").delimiter, "");
  EXPECT_EQ(ParseOne(R"({"prompt": "p", "choices": [" x", " y"], "answer": 0})").delimiter, "");
  EXPECT_EQ(ParseOne(R"({"question": "p ", "choices": ["x", "y"], "answer": 0})").delimiter, " ");
  EXPECT_EQ(
      ParseOne(R"({"prompt": "p", "choices": ["x", "y"], "answer": 0, "delimiter": ""})").delimiter,
      "");
}

TEST(TaskFileTest, ErrorsNameLineAndField) {
  const std::string good = "{\"prompt\": \"a\", \"answer\": \"b\"}\n\n";
  const auto refused = [&](const std::string& line, const std::string& part) {
    ExpectRefused(good + line, "F.jsonl:3: ");
    ExpectRefused(good + line, part);
  };
  refused("{", "at byte 1 of 1");
  refused("[]", "no JSON object");
  refused("5", "no JSON object");
  refused("{}", "'prompt' is missing");
  refused(R"({"prompt": "a"})", "'answer' is missing");
  refused(R"({"prompt": "a", "answer": "b", "answers": "c"})", "\"answers\"");
  refused(R"({"prompt": "a", "answer": "b", "answer": "c"})", "twice");
  refused(R"({"prompt": "a", "question": "a", "answer": "b"})", "'question'");
  refused(R"({"prompt": 5, "answer": "b"})", "'prompt' is no text");
  refused(R"({"prompt": " ", "answer": "b"})", "'prompt' is empty");
  refused(R"({"prompt": "a", "answer": ""})", "'answer' is empty");
  refused(R"({"prompt": "a", "answer": 4})", "'answer' is no text");
  refused(R"({"prompt": "a", "answer": []})", "'answer' has 0 texts");
  refused(R"({"prompt": "a", "answer": ["b", null]})", "'answer[1]' is no text");
  refused(R"({"prompt": "a", "answer": "b", "id": ""})", "'id' is empty");
  refused(R"({"prompt": "a", "answer": "b", "id": 1.5})", "'id'");
  refused(R"({"prompt": "a", "answer": "b", "ignore_case": 1})", "'ignore_case'");
  refused(R"({"prompt": "a", "answer": "b", "delimiter": ""})", "'delimiter' is for choices");
  refused("{\"prompt\": \"a\", \"answer\": \"\xFF\"}", "UTF-8");
}

TEST(TaskFileTest, ErrorsOfChoicesNameThem) {
  const auto refused = [](const std::string& choices, const std::string& answer,
                          const std::string& part) {
    ExpectRefused(R"({"prompt": "a", "choices": )" + choices + R"(, "answer": )" + answer + "}",
                  part);
  };
  refused("\"x\"", "0", "'choices' is no list");
  refused("[]", "0", "'choices' has 0 entries");
  refused("[\"x\"]", "0", "'choices' has 1 entries");
  refused("[\"x\", 5]", "0", "'choices[1]' is no text");
  refused("[\"x\", \"\\n\"]", "0", "'choices[1]' is empty");
  refused("[\"x\", \"y\", \"x\"]", "0", "at 0 and 2");
  refused("[\"x\", \"y\"]", "2", "is 2; choices are counted from 0 to 1");
  refused("[\"x\", \"y\"]", "-1", "is -1");
  refused("[\"x\", \"y\"]", "1.0", "'answer'");
  refused("[\"x\", \"y\"]", "\"C\"", "none of the choices");
  refused("[\"x\", \"y\"]", "\"\"", "none of the choices");
  refused("[\"x\", \"y\"]", "[0]", "'answer'");
  std::string many = "[\"0\"";
  for (int i = 1; i <= 26; ++i) many += ", \"" + std::to_string(i) + "\"";
  refused(many + "]", "0", "27 entries");
  ExpectRefused(R"({"prompt": "a", "choices": ["x", "y"], "answer": 0, "ignore_case": true})",
                "'ignore_case'");
}

TEST(TaskFileTest, AnIdStandsThereOnce) {
  ExpectRefused(
      "{\"id\": \"q\", \"prompt\": \"a\", \"answer\": \"b\"}\n"
      "{\"prompt\": \"a\", \"answer\": \"b\"}\n"
      "{\"id\": \"q\", \"prompt\": \"c\", \"answer\": \"d\"}\n",
      "F.jsonl:3: 'id' \"q\" stands in line 1");
}

TEST(TaskFileTest, AFileWithoutAQuestionIsRefused) {
  for (const std::string text : {"", "\n", " \r\n\n", "\xEF\xBB\xBF"}) {
    ExpectRefused(text, "F.jsonl: holds no question");
  }
}

TEST(TaskFileTest, AGoodFileCutAnywhereIsRefusedOrItsBeginning) {
  const auto whole = Parse(kGood);
  for (size_t length = 0; length < kGood.size(); ++length) {
    const auto part = ParseTaskFile(kGood.substr(0, length), "F.jsonl");
    if (!part.ok()) continue;
    ASSERT_LE(part.value().size(), whole.size()) << length;
    for (size_t i = 0; i < part.value().size(); ++i) {
      EXPECT_EQ(part.value()[i].text, whole[i].text) << "cut after " << length << " bytes";
      EXPECT_EQ(part.value()[i].choices, whole[i].choices);
      EXPECT_EQ(part.value()[i].answer, whole[i].answer);
      EXPECT_EQ(part.value()[i].accepted, whole[i].accepted);
    }
  }
}

TEST(TaskFileTest, AnyByteMayBeDamaged) {
  for (size_t at = 0; at < kGood.size(); ++at) {
    for (const char byte : {'\0', '"', '{', '\n', '\xFF', '9'}) {
      std::string damaged = kGood;
      damaged[at] = byte;
      const auto questions = ParseTaskFile(damaged, "F.jsonl");
      if (!questions.ok()) continue;
      for (const Question& question : questions.value()) {
        EXPECT_EQ(question.HasChoices(), question.accepted.empty());
        EXPECT_TRUE(!question.HasChoices() || question.answer < question.choices.size());
      }
    }
  }
}

}  // namespace
}  // namespace altteul::eval

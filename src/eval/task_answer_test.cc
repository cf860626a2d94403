// SPDX-License-Identifier: Apache-2.0

#include "eval/task_answer.h"

#include <gtest/gtest.h>

namespace altteul::eval {
namespace {

Question Worded(std::vector<std::string> accepted, bool ignore_case = false) {
  Question question;
  question.accepted = std::move(accepted);
  question.ignore_case = ignore_case;
  return question;
}

bool RightInWords(const Question& question, const std::string& said) {
  TaskAnswer answer;
  answer.text = said;
  return IsRight(Measure::kExact, question, answer);
}

TEST(NormalizedAnswerTest, IsTheFirstLineWithoutBlanksAndFullStop) {
  EXPECT_EQ(NormalizedAnswer(" \n\t Paris. \r\nIt is in France."), "Paris");
  EXPECT_EQ(NormalizedAnswer("Paris.."), "Paris.");
  EXPECT_EQ(NormalizedAnswer("서울 "), "서울");
  EXPECT_EQ(NormalizedAnswer("."), ".");
  EXPECT_EQ(NormalizedAnswer(" \n "), "");
  EXPECT_EQ(NormalizedAnswer(""), "");
}

TEST(TaskAnswerTest, AnyAcceptedTextIsRight) {
  EXPECT_TRUE(RightInWords(Worded({"4", "four"}), " four.\n"));
  EXPECT_TRUE(RightInWords(Worded({"4", "four"}), "4"));
  EXPECT_FALSE(RightInWords(Worded({"4", "four"}), "fourteen"));
  EXPECT_FALSE(RightInWords(Worded({"4"}), ""));
}

TEST(TaskAnswerTest, CaseCountsUnlessTheQuestionSaysOtherwise) {
  EXPECT_FALSE(RightInWords(Worded({"Paris"}), "paris"));
  EXPECT_TRUE(RightInWords(Worded({"Paris"}, true), "pARIS"));
  EXPECT_FALSE(RightInWords(Worded({"Paris"}, true), "Pari"));
}

TEST(TaskAnswerTest, AMeasureCountsItsOwnQuestionsOnly) {
  Question choice;
  choice.choices = {"a", "b"};
  choice.answer = 1;
  const std::vector<Question> questions = {choice, Worded({"x"}), choice};
  TaskAnswer first, second, third;
  first.choice = 1;
  first.choice_per_byte = 0;
  second.text = "x";
  third.choice_per_byte = 1;
  const std::vector<TaskAnswer> answers = {first, second, third};
  EXPECT_EQ(RightAnswers(Measure::kChoice, questions, answers), (std::vector<bool>{true, false}));
  EXPECT_EQ(RightAnswers(Measure::kChoicePerByte, questions, answers),
            (std::vector<bool>{false, true}));
  EXPECT_EQ(RightAnswers(Measure::kExact, questions, answers), (std::vector<bool>{true}));
}

TEST(ParseLetterTest, ReadsALetterThatStandsAlone) {
  for (const std::string text :
       {"B", "b", " B\n", "B)", "(B)", "(b) Paris", "B. Paris", "B: Paris", "**B**", "\"B\"", "[B]",
        "B\nbecause it is", "Answer: B", "**Answer:** B", "answer:\nB."}) {
    EXPECT_EQ(ParseLetter(text, 4), 1u) << text;
  }
}

TEST(ParseLetterTest, DoesNotGuess) {
  for (const std::string text :
       {"", " ", "A cat", "Because", "B or C", "B, C", "I think B", "The answer is B", "E", "5",
        "-B", "B-", "\xEA\xB0\x80", "Answer:", "BB"}) {
    EXPECT_EQ(ParseLetter(text, 4), std::nullopt) << text;
  }
}

TEST(ParseLetterTest, TakesLettersOfChoicesOnly) {
  EXPECT_EQ(ParseLetter("C", 3), 2u);
  EXPECT_EQ(ParseLetter("D", 3), std::nullopt);
  EXPECT_EQ(ParseLetter("Z", 26), 25u);
}

}  // namespace
}  // namespace altteul::eval

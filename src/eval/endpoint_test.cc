// SPDX-License-Identifier: Apache-2.0

#include "eval/endpoint.h"

#include <gtest/gtest.h>

#include <string>

namespace altteul::eval {
namespace {

const std::string kReply =
    R"({"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": )"
    R"({"role": "assistant", "content": "B) 서울"}, "finish_reason": "stop"}], )"
    R"("usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}})";

void ExpectNoReply(const std::string& body, const std::string& part) {
  const Status status = ParseChatReply(body).status();
  EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << body;
  EXPECT_NE(status.message().find(part), std::string::npos)
      << "'" << status.message() << "' lacks '" << part << "'";
}

TEST(ChatReplyTest, IsTheFirstChoicesTextWithWhatWasCounted) {
  const auto reply = ParseChatReply(kReply);
  ASSERT_TRUE(reply.ok()) << reply.status().message();
  EXPECT_EQ(reply.value().text, "B) 서울");
  EXPECT_EQ(reply.value().usage.tokens_sent, 12u);
  EXPECT_EQ(reply.value().usage.tokens_received, 3u);
}

TEST(ChatReplyTest, ContentMayBeMissingAndUsageOfAnyShape) {
  for (const std::string message : {R"({"content": null})", "{}", R"({"refusal": "no"})"}) {
    const auto reply = ParseChatReply(R"({"choices": [{"message": )" + message + "}]}");
    ASSERT_TRUE(reply.ok()) << reply.status().message();
    EXPECT_EQ(reply.value().text, "");
  }
  for (const std::string usage : {"null", "5", "{}", R"({"prompt_tokens": -1})",
                                  R"({"prompt_tokens": "9", "completion_tokens": 1.5})"}) {
    const auto reply =
        ParseChatReply(R"({"choices": [{"message": {"content": "A"}}], "usage": )" + usage + "}");
    ASSERT_TRUE(reply.ok()) << reply.status().message();
    EXPECT_EQ(reply.value().usage.tokens_sent, 0u) << usage;
    EXPECT_EQ(reply.value().usage.tokens_received, 0u) << usage;
  }
  // Such a count may be added a million times without a wrap.
  EXPECT_EQ(ParseChatReply(R"({"choices": [{"message": {}}],)"
                           R"("usage": {"prompt_tokens": 18446744073709551615}})")
                .value()
                .usage.tokens_sent,
            0xFFFFFFFFu);
}

TEST(ChatReplyTest, SaysWhatIsWrong) {
  ExpectNoReply("", "no chat completion");
  ExpectNoReply("<html>busy</html>", "at byte 1");
  ExpectNoReply("[]", "'choices'");
  ExpectNoReply("{}", "'choices'");
  ExpectNoReply(R"({"choices": {}})", "no list");
  ExpectNoReply(R"({"choices": []})", "no list of some");
  ExpectNoReply(R"({"choices": [5]})", "'message'");
  ExpectNoReply(R"({"choices": [{"message": "A"}]})", "'message'");
  ExpectNoReply(R"({"choices": [{"message": {"content": ["A"]}}]})", "'content' is no text");
}

TEST(ChatReplyTest, AGoodReplyCutAnywhereIsRefused) {
  for (size_t length = 0; length < kReply.size(); ++length) {
    EXPECT_FALSE(ParseChatReply(kReply.substr(0, length)).ok()) << length;
  }
}

TEST(CompletionsUrlTest, TakesTheUrlWithOrWithoutItsEnd) {
  const std::string whole = "http://h:80/v1/chat/completions";
  for (const std::string url : {"http://h:80", "http://h:80/", "http://h:80/v1", "http://h:80/v1/",
                                "http://h:80/v1/chat/completions"}) {
    EXPECT_EQ(CompletionsUrl(url).value(), whole) << url;
  }
  EXPECT_EQ(CompletionsUrl("https://h/api/v1").value(), "https://h/api/v1/chat/completions");
  EXPECT_FALSE(CompletionsUrl("https://h/v1?key=x").ok());
  EXPECT_FALSE(CompletionsUrl("https://h/v1#x").ok());
}

TEST(EndpointPlanTest, CountsBytesTokensAndMoney) {
  auto questions = ParseTaskFile(
      "{\"question\": \"Capital of France?\", \"choices\": [\"Rome\", \"Paris\"], \"answer\": 1}\n"
      "{\"prompt\": \"2 + 2 =\", \"answer\": \"4\"}",
      "test");
  ASSERT_TRUE(questions.ok());
  const Endpoint endpoint{
      .url = "http://h", .model = "rich", .key = "sk-secret", .max_answer_tokens = 8};
  const EndpointPlan plan = PlanEndpoint(endpoint, questions.value());
  EXPECT_EQ(plan.questions, 2u);
  EXPECT_EQ(plan.tokens_received, 16u);
  // Two bodies: more than what they say, less than twice that with their frames.
  EXPECT_GT(plan.bytes_sent, 300u);
  EXPECT_LT(plan.bytes_sent, 700u);
  // About 4 bytes a token in English.
  EXPECT_GT(plan.tokens_sent, 40u);
  EXPECT_LT(plan.tokens_sent, 90u);
  EXPECT_DOUBLE_EQ(
      CostOf(
          {.questions = 1, .bytes_sent = 1, .tokens_sent = 2'000'000, .tokens_received = 500'000},
          3, 10),
      6 + 5);
}

TEST(EndpointTest, UnreadableAreChoicesWithoutALetter) {
  const auto questions = ParseTaskFile(
      "{\"prompt\": \"p\", \"choices\": [\"x\", \"y\"], \"answer\": 1}\n"
      "{\"prompt\": \"p\", \"choices\": [\"x\", \"y\"], \"answer\": 1}\n"
      "{\"prompt\": \"p\", \"answer\": \"4\"}",
      "test");
  ASSERT_TRUE(questions.ok());
  std::vector<TaskAnswer> answers(3);
  answers[1].choice = 0;
  EXPECT_EQ(CountUnreadable(questions.value(), answers), 1u);
}

}  // namespace
}  // namespace altteul::eval

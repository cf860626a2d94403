// SPDX-License-Identifier: Apache-2.0

// The same questions, asked of a server that speaks OpenAI's chat completions.
//
// A server tells no log-probabilities of texts we choose, so multiple choice is asked with letters,
// and the letter is read from the answer. What cannot be read is counted as such and never guessed.
// Nothing but the questions is sent, and how much that is can be told before.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "eval/task_answer.h"
#include "eval/task_file.h"
#include "hub/http_client.h"

namespace altteul::eval {

struct Endpoint {
  std::string url;    ///< as the user gave it, with or without /v1
  std::string model;  ///< the server's name for it
  std::string key;    ///< empty: none is sent
  size_t max_answer_tokens = 64;
};

/// What asking all questions sends and gets, retries not counted.
struct EndpointPlan {
  size_t questions = 0;
  uint64_t bytes_sent = 0;       ///< of all bodies
  uint64_t tokens_sent = 0;      ///< estimated from the bytes: the server's tokenizer is not known
  uint64_t tokens_received = 0;  ///< at most
};

/// What the server itself counted; 0 where it tells nothing.
struct EndpointUsage {
  uint64_t tokens_sent = 0;
  uint64_t tokens_received = 0;
};

struct EndpointAnswers {
  std::vector<TaskAnswer> answers;  ///< [questions]
  EndpointUsage usage;
};

/// What the server said to one question.
struct ChatReply {
  std::string text;  ///< empty where it gave none, as when it refuses
  EndpointUsage usage;
};

/// "https://host/v1" or "https://host" -> "https://host/v1/chat/completions".
/// @return kInvalidArgument for a URL with ? or #: a path is put behind it
Result<std::string> CompletionsUrl(std::string_view url);

EndpointPlan PlanEndpoint(const Endpoint& endpoint, std::span<const Question> questions);

/// What the plan costs at most, by prices for a million tokens.
double CostOf(const EndpointPlan& plan, double price_in, double price_out);

/// Questions whose letter could not be read.
size_t CountUnreadable(std::span<const Question> questions, std::span<const TaskAnswer> answers);

/// Asks one question after the other.
/// @return kNetwork with URL and reason, also for an answer that is no chat completion; kRefused
/// for
///         status 401 and 403, kNotFound for 404; kCancelled. The key stands in no message.
Result<EndpointAnswers> AskEndpoint(hub::HttpClient& client, const Endpoint& endpoint,
                                    std::span<const Question> questions,
                                    const ProgressSink& progress);

/// The first choice's message out of a chat completion.
/// @param body  nothing in it is trusted
/// @return kCorruptFile saying what is wrong with it
Result<ChatReply> ParseChatReply(std::string_view body);

}  // namespace altteul::eval

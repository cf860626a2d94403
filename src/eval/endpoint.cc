// SPDX-License-Identifier: Apache-2.0

#include "eval/endpoint.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "formats/json_file.h"
#include "formats/quote.h"

namespace altteul::eval {
namespace {

using hub::HttpResponse;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kPath = "/v1/chat/completions";
constexpr formats::JsonLimits kLimits = {.max_bytes = uint64_t{16} << 20, .max_depth = 32};
constexpr uint64_t kFrameTokens = 10;  // a message's frame in the templates we know: 4 to 10

std::string MessageFor(const Question& question) {
  if (!question.HasChoices()) {
    return question.text + "\n\nGive the answer alone, on one line, without a sentence around it.";
  }
  std::string text = question.is_question
                         ? question.text
                         : "Which of the choices continues this text best?\n\n" + question.text;
  text += "\n\n";
  for (size_t i = 0; i < question.choices.size(); ++i) {
    text += static_cast<char>('A' + i);
    text += ") " + question.choices[i] + "\n";
  }
  return text + "\nAnswer with the letter of one choice and nothing else.";
}

std::string BodyFor(const Endpoint& endpoint, const Question& question) {
  const ordered_json body = {
      {"model", endpoint.model},
      {"messages", ordered_json::array({{{"role", "user"}, {"content", MessageFor(question)}}})},
      {"temperature", 0},
      {"max_tokens", endpoint.max_answer_tokens},
      {"stream", false}};
  // The model's name may be anything a shell lets through.
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// English takes about 4 bytes a token; other scripts, of 2 or 3 bytes a character, about 2.
uint64_t EstimateTokens(std::string_view text) {
  const auto ascii = static_cast<uint64_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  return (ascii + 3) / 4 + (text.size() - ascii + 1) / 2 + kFrameTokens;
}

uint64_t CountAt(const json& object, const char* key) {
  const auto found = object.find(key);
  // No real count needs more than 32 bits, and a million of these still add up.
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  return std::min<uint64_t>(found->get<uint64_t>(), std::numeric_limits<uint32_t>::max());
}

Status Refuse(const std::string& what) {
  return Status(ErrorCode::kCorruptFile, "no chat completion: " + what);
}

/// The peer's own words about a refused request, where it has some.
std::string ReasonIn(const std::string& body) {
  const auto parsed = formats::ParseJson(std::as_bytes(std::span(body)), "", kLimits);
  const json* reason = nullptr;
  if (parsed.ok() && parsed.value().is_object()) {
    const json& object = parsed.value();
    if (object.contains("error")) reason = &object["error"];
    if (reason != nullptr && reason->is_object() && reason->contains("message")) {
      reason = &(*reason)["message"];
    }
  }
  if (reason == nullptr || !reason->is_string()) return "";
  return ", it says " + formats::Quote(reason->get_ref<const std::string&>());
}

Status ErrorOf(const HttpResponse& response, const std::string& url, const Endpoint& endpoint) {
  ErrorCode code = ErrorCode::kNetwork;
  if (response.status == 401 || response.status == 403) code = ErrorCode::kRefused;
  if (response.status == 404) code = ErrorCode::kNotFound;
  // The key goes before the peer's words are cut or quoted: half a key is no longer found.
  const std::string reason = ReasonIn(hub::WithoutKey(response.body, endpoint.key));
  return Status(code, url + ": HTTP status " + std::to_string(response.status) + reason);
}

/// Sends one question. `*usage` grows by what the server counted.
Result<TaskAnswer> Ask(hub::HttpClient& client, const Endpoint& endpoint, const std::string& url,
                       const Question& question, EndpointUsage* usage) {
  ALT_ASSIGN_OR_RETURN(
      const HttpResponse response,
      client.Post({.url = url, .key = endpoint.key, .body = BodyFor(endpoint, question)}));
  if (response.status != 200) return ErrorOf(response, url, endpoint);
  auto reply = ParseChatReply(response.body);
  if (!reply.ok()) {
    return Status(ErrorCode::kNetwork,
                  hub::WithoutKey(url + ": " + reply.status().message(), endpoint.key));
  }
  usage->tokens_sent += reply.value().usage.tokens_sent;
  usage->tokens_received += reply.value().usage.tokens_received;
  TaskAnswer answer;
  answer.text = hub::WithoutKey(std::move(reply.value().text), endpoint.key);
  if (question.HasChoices()) answer.choice = ParseLetter(answer.text, question.choices.size());
  return answer;
}

}  // namespace

Result<std::string> CompletionsUrl(std::string_view url) {
  if (url.find_first_of("?#") != std::string_view::npos) {
    return Status(
        ErrorCode::kInvalidArgument,
        "an endpoint's URL ends with its path, such as https://host/v1; it has no ? or #");
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  std::string_view path = kPath;
  if (url.ends_with(kPath)) {
    path = "";
  } else if (url.ends_with("/v1")) {
    path.remove_prefix(3);
  }
  return std::string(url) + std::string(path);
}

EndpointPlan PlanEndpoint(const Endpoint& endpoint, std::span<const Question> questions) {
  EndpointPlan plan;
  plan.questions = questions.size();
  for (const Question& question : questions) {
    plan.bytes_sent += BodyFor(endpoint, question).size();
    plan.tokens_sent += EstimateTokens(MessageFor(question));
    plan.tokens_received += endpoint.max_answer_tokens;
  }
  return plan;
}

double CostOf(const EndpointPlan& plan, double price_in, double price_out) {
  return (static_cast<double>(plan.tokens_sent) * price_in +
          static_cast<double>(plan.tokens_received) * price_out) /
         1e6;
}

size_t CountUnreadable(std::span<const Question> questions, std::span<const TaskAnswer> answers) {
  size_t n = 0;
  for (size_t i = 0; i < questions.size(); ++i) {
    n += questions[i].HasChoices() && !answers[i].choice;
  }
  return n;
}

Result<ChatReply> ParseChatReply(std::string_view body) {
  ALT_ASSIGN_OR_RETURN(const json root, formats::ParseJson(std::as_bytes(std::span(body)),
                                                           "no chat completion", kLimits));
  if (!root.is_object() || !root.contains("choices")) return Refuse("it has no 'choices'");
  const json& choices = root["choices"];
  if (!choices.is_array() || choices.empty()) return Refuse("'choices' is no list of some");
  const json& choice = choices.front();
  if (!choice.is_object() || !choice.contains("message") || !choice["message"].is_object()) {
    return Refuse("'choices[0]' has no 'message'");
  }
  ChatReply reply;
  const json& message = choice["message"];
  if (message.contains("content")) {
    const json& content = message["content"];
    if (content.is_string()) {
      reply.text = content.get<std::string>();
    } else if (!content.is_null()) {
      return Refuse("'content' is no text");
    }
  }
  if (root.contains("usage") && root["usage"].is_object()) {
    reply.usage.tokens_sent = CountAt(root["usage"], "prompt_tokens");
    reply.usage.tokens_received = CountAt(root["usage"], "completion_tokens");
  }
  return reply;
}

Result<EndpointAnswers> AskEndpoint(hub::HttpClient& client, const Endpoint& endpoint,
                                    std::span<const Question> questions,
                                    const ProgressSink& progress) {
  ALT_ASSIGN_OR_RETURN(const std::string url, CompletionsUrl(endpoint.url));
  EndpointAnswers out;
  for (size_t i = 0; i < questions.size(); ++i) {
    if (progress && !progress(i, questions.size())) {
      return Status(ErrorCode::kCancelled, "asking the endpoint was interrupted");
    }
    ALT_ASSIGN_OR_RETURN(TaskAnswer answer, Ask(client, endpoint, url, questions[i], &out.usage));
    out.answers.push_back(std::move(answer));
  }
  if (progress) progress(questions.size(), questions.size());
  return out;
}

}  // namespace altteul::eval

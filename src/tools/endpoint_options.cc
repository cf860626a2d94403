// SPDX-License-Identifier: Apache-2.0

#include "tools/endpoint_options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/human_units.h"
#include "hub/http_client.h"
#include "tools/interrupt.h"
#include "tools/option_values.h"
#include "tools/runtime.h"

namespace altteul::tools {
namespace {

constexpr const char* kKeyNames[] = {"ALTTEUL_API_KEY", "OPENAI_API_KEY"};  // the first one set

/// Whether anybody between us and the server can read along.
bool IsOpenToOthers(std::string_view url) {
  for (const std::string_view here : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    if (!url.starts_with(here)) continue;
    const std::string_view rest = url.substr(here.size());
    if (rest.empty() || rest[0] == ':' || rest[0] == '/') return false;
  }
  return url.starts_with("http://");
}

}  // namespace

void EndpointOptions::AddTo(CLI::App& app, CLI::Option* tasks) {
  auto* url = app.add_option("--endpoint", endpoint_.url,
                             "ask this OpenAI-compatible server too; key from ALTTEUL_API_KEY or "
                             "OPENAI_API_KEY")
                  ->needs(tasks);
  auto* name =
      app.add_option("--endpoint-model", endpoint_.model, "what the server calls its model")
          ->needs(url);
  url->needs(name);
  auto* price_in = app.add_option("--price-in", price_in_, "price of a million tokens sent")
                       ->needs(url)
                       ->check(RealNumber(0, 1e9));
  price_option_ = app.add_option("--price-out", price_out_, "price of a million tokens received")
                      ->needs(price_in)
                      ->check(RealNumber(0, 1e9));
  price_in->needs(price_option_);
  app.add_option("--timeout", timeout_s_, "seconds that one request may take")
      ->needs(url)
      ->check(RealNumber(0.01, 86400))
      ->capture_default_str();
  app.add_option("--retries", retries_, "how often a request without an answer is sent again")
      ->needs(url)
      ->check(WholeNumber(0, 100))
      ->capture_default_str();
  app.add_flag("--yes", yes_, "send without asking")->needs(url);
}

Status EndpointOptions::Announce(std::span<const eval::Question> questions,
                                 size_t max_answer_tokens) {
  for (const char* name : kKeyNames) {
    const char* key = std::getenv(name);
    if (key == nullptr || *key == '\0') continue;
    endpoint_.key = key;
    key_name_ = name;
    break;
  }
  endpoint_.max_answer_tokens = max_answer_tokens;
  ALT_ASSIGN_OR_RETURN(const std::string url, eval::CompletionsUrl(endpoint_.url));
  ALT_RETURN_IF_ERROR(hub::CheckRequest({.url = url, .key = endpoint_.key}));
  SayWhatIsSent(url, eval::PlanEndpoint(endpoint_, questions));
  return WaitForYes();
}

void EndpointOptions::SayWhatIsSent(const std::string& url, const eval::EndpointPlan& plan) const {
  const std::string key = key_name_ == nullptr ? "no key" : "the key in " + std::string(key_name_);
  std::fprintf(stderr,
               "To be sent to %s, model %s, with %s:\n"
               "  %s questions, %s bytes, about %s tokens; at most %s tokens come back\n",
               url.c_str(), endpoint_.model.c_str(), key.c_str(),
               FormatCount(plan.questions).c_str(), FormatCount(plan.bytes_sent).c_str(),
               FormatCount(plan.tokens_sent).c_str(), FormatCount(plan.tokens_received).c_str());
  if (price_option_->count() > 0) {
    std::fprintf(stderr, "  about %.2f at most, at %g for a million tokens sent and %g received\n",
                 eval::CostOf(plan, price_in_, price_out_), price_in_, price_out_);
  } else {
    std::fprintf(stderr, "  what it may cost is not known: --price-in and --price-out tell\n");
  }
  std::fprintf(stderr,
               "  what gets no answer is sent again, %d times at most; nothing else is sent\n",
               retries_);
  if (IsOpenToOthers(url)) {
    std::fprintf(stderr, "warning: http and not https: %s can be read on the way\n",
                 key_name_ == nullptr ? "the questions" : "the key and the questions");
  }
}

Status EndpointOptions::WaitForYes() const {
  if (yes_) return Status();
  if (isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "Send them? [y/N] ");
    std::string line;
    std::getline(std::cin, line);
    if (Interrupted()) return Status(ErrorCode::kCancelled, "nothing was sent");
    if (line == "y" || line == "Y" || line == "yes") return Status();
    return Status(ErrorCode::kRefused, "nothing was sent");
  }
  return Status(ErrorCode::kRefused, "nothing was sent; --yes says that it may be");
}

Result<eval::EndpointAnswers> EndpointOptions::Ask(
    std::span<const eval::Question> questions) const {
  hub::HttpOptions options;
  options.timeout_s = timeout_s_;
  options.connect_timeout_s = std::min(options.connect_timeout_s, timeout_s_);
  options.retries = retries_;
  options.go_on = [] { return !Interrupted(); };
  ALT_ASSIGN_OR_RETURN(const auto client, hub::HttpClient::Create(options));
  return eval::AskEndpoint(*client, endpoint_, questions, TerminalProgress("asking the endpoint"));
}

}  // namespace altteul::tools

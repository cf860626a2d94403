// SPDX-License-Identifier: Apache-2.0

// A server to ask beside the model: where, by what name, with whose consent, and what it may cost.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "eval/endpoint.h"
#include "eval/task_file.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

class EndpointOptions {
 public:
  /// @param tasks  the option that all of these need
  void AddTo(CLI::App& app, CLI::Option* tasks);

  bool wanted() const { return !endpoint_.url.empty(); }

  /// Says on standard error what will be sent where and what it may cost, and waits for a yes
  /// unless
  /// --yes gave it.
  /// @return kInvalidArgument for options that cannot work, kRefused without a yes, kCancelled
  Status Announce(std::span<const eval::Question> questions, size_t max_answer_tokens);

  /// @pre Announce() was OK for these questions
  Result<eval::EndpointAnswers> Ask(std::span<const eval::Question> questions) const;

 private:
  void SayWhatIsSent(const std::string& url, const eval::EndpointPlan& plan) const;
  Status WaitForYes() const;

  eval::Endpoint endpoint_;
  const char* key_name_ = nullptr;  // the environment variable that held the key
  double price_in_ = 0, price_out_ = 0;
  CLI::Option* price_option_ = nullptr;
  double timeout_s_ = 120;
  int retries_ = 3;
  bool yes_ = false;
};

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// `eval --tasks`: the same questions for a model, its original and a server, and how they compare.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "eval/task_file.h"
#include "kernels/attention.h"
#include "kernels/kernel_table.h"
#include "tools/cli_forward.h"
#include "tools/endpoint_options.h"
#include "tools/runtime.h"
#include "tools/task_report.h"

namespace altteul::tools {

class TaskEvaluation {
 public:
  /// What the verb's other options say.
  struct Setup {
    std::string model;
    std::string reference;  ///< may be empty
    size_t context = 0;     ///< 0: what the longest question needs
    kernels::KvType kv_type = kernels::KvType::kF16;
    kernels::Precision precision = kernels::Precision::kFast;
  };

  /// @return the option that names the task file
  CLI::Option* AddTo(CLI::App& app);
  bool wanted() const { return !file_.empty(); }

  /// Asks everybody. What can fail here fails before anything is sent.
  Result<TaskResults> Run(const Setup& setup, const ComputeOptions& compute);

 private:
  Result<std::vector<eval::Question>> ReadQuestions() const;
  Result<std::vector<eval::TaskAnswer>> AskModelAt(const std::string& path, const Setup& setup,
                                                   std::span<const eval::Question> questions,
                                                   Runtime& runtime, const std::string& name) const;

  std::string file_, answers_path_;
  size_t max_questions_ = 0;
  size_t max_answer_tokens_ = 64;
  EndpointOptions endpoint_;
};

}  // namespace altteul::tools

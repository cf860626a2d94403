// SPDX-License-Identifier: Apache-2.0

// What came out of a task file: accuracies with their errors, sides paired, answer by answer.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "eval/endpoint.h"
#include "eval/task_answer.h"
#include "eval/task_file.h"

namespace altteul::tools {

/// Whoever answered all questions.
struct TaskSide {
  std::string name;                          ///< "model", "reference", "endpoint"
  std::vector<eval::TaskAnswer> answers;     ///< [questions]
  std::optional<eval::EndpointUsage> usage;  ///< of an endpoint

  bool IsEndpoint() const { return usage.has_value(); }
};

struct TaskResults {
  std::vector<eval::Question> questions;  ///< at least one
  std::vector<TaskSide> sides;            ///< the model first; the others are held against it
};

nlohmann::ordered_json TaskSummary(const TaskResults& results);

/// The same as tables for the terminal.
std::string TaskTables(const TaskResults& results);

/// One JSON object and a newline for each question.
std::string TaskAnswerLines(const TaskResults& results);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// Whatever a task file holds is refused, or yields questions that can be asked.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "eval/task_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace altteul::eval;
  const auto questions = ParseTaskFile({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!questions.ok()) {
    if (questions.status().message().find("fuzz:") != 0) std::abort();
    return 0;
  }
  if (questions.value().empty()) std::abort();
  std::set<std::string> ids;
  size_t line = 0;
  for (const Question& question : questions.value()) {
    if (question.line <= line || question.text.empty() || question.Prompt().empty()) std::abort();
    line = question.line;
    if (!question.id.empty() && !ids.insert(question.id).second) std::abort();
    if (question.HasChoices() != question.accepted.empty()) std::abort();
    if (!question.HasChoices()) continue;
    const std::set<std::string> different(question.choices.begin(), question.choices.end());
    if (different.size() != question.choices.size() || different.count("") != 0) std::abort();
    if (different.size() < 2 || different.size() > kMostChoices) std::abort();
    if (question.answer >= different.size()) std::abort();
  }
  return 0;
}

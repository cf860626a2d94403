// SPDX-License-Identifier: Apache-2.0

#include "tools/task_evaluation.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>

#include <CLI/CLI.hpp>

#include "engine/forward.h"
#include "eval/tasks.h"
#include "formats/atomic_file.h"
#include "tools/option_values.h"

namespace altteul::tools {
namespace {

constexpr size_t kMostRows = 512;  // rows of one forward pass

}  // namespace

CLI::Option* TaskEvaluation::AddTo(CLI::App& app) {
  auto* tasks = app.add_option("--tasks", file_,
                               "questions as JSONL (docs/formats/tasks.md), - for standard input");
  app.add_option("--max-questions", max_questions_, "ask the first so many only, 0: all")
      ->needs(tasks)
      ->check(WholeNumber(0, kMostCount, "0 means all"))
      ->capture_default_str();
  app.add_option("--max-answer-tokens", max_answer_tokens_, "most tokens of an answer in words")
      ->needs(tasks)
      ->check(WholeNumber(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--answers", answers_path_, "write each question's answers here, as JSONL")
      ->needs(tasks);
  endpoint_.AddTo(app, tasks);
  return tasks;
}

Result<TaskResults> TaskEvaluation::Run(const Setup& setup, const ComputeOptions& compute) {
  TaskResults results;
  ALT_ASSIGN_OR_RETURN(results.questions, ReadQuestions());
  const std::span<const eval::Question> questions = results.questions;
  std::optional<formats::AtomicFile> answers_file;
  if (!answers_path_.empty()) {
    ALT_ASSIGN_OR_RETURN(answers_file, formats::AtomicFile::Create(answers_path_));
  }
  if (endpoint_.wanted()) {
    ALT_RETURN_IF_ERROR(endpoint_.Announce(questions, max_answer_tokens_));
  }
  ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute));
  const auto ask = [&](const std::string& path, const std::string& name) -> Status {
    ALT_ASSIGN_OR_RETURN(auto answers, AskModelAt(path, setup, questions, *runtime, name));
    results.sides.push_back({.name = name, .answers = std::move(answers), .usage = {}});
    return Status();
  };
  // One after the other: two models need not fit into memory together.
  ALT_RETURN_IF_ERROR(ask(setup.model, "model"));
  if (!setup.reference.empty()) ALT_RETURN_IF_ERROR(ask(setup.reference, "reference"));
  if (endpoint_.wanted()) {
    ALT_ASSIGN_OR_RETURN(eval::EndpointAnswers answers, endpoint_.Ask(questions));
    results.sides.push_back(
        {.name = "endpoint", .answers = std::move(answers.answers), .usage = answers.usage});
  }
  if (answers_file) {
    const std::string lines = TaskAnswerLines(results);
    ALT_RETURN_IF_ERROR(answers_file->Write(std::as_bytes(std::span(lines))));
    ALT_RETURN_IF_ERROR(answers_file->Commit());
  }
  return results;
}

Result<std::vector<eval::Question>> TaskEvaluation::ReadQuestions() const {
  ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file_));
  ALT_ASSIGN_OR_RETURN(auto questions, eval::ParseTaskFile(text, file_));
  if (max_questions_ != 0) questions.resize(std::min(questions.size(), max_questions_));
  return questions;
}

Result<std::vector<eval::TaskAnswer>> TaskEvaluation::AskModelAt(
    const std::string& path, const Setup& setup, std::span<const eval::Question> questions,
    Runtime& runtime, const std::string& name) const {
  ALT_ASSIGN_OR_RETURN(const auto model, Load(path, runtime, setup.precision));
  if (model->tokenizer->vocabulary() == 0) {
    return Status(ErrorCode::kUnsupported, path + ": has no tokenizer, so it cannot read text");
  }
  ALT_ASSIGN_OR_RETURN(const eval::EncodedTasks tasks,
                       eval::EncodeTasks(*model->tokenizer, questions, max_answer_tokens_));
  WarnOfDroppedBytes(tasks.n_dropped_bytes);
  const size_t context = setup.context == 0 ? tasks.longest : setup.context;
  if (model->config.context != 0 && tasks.longest > model->config.context) {
    std::fprintf(stderr,
                 "warning: the question in line %zu takes %zu tokens, %s was trained for %zu\n",
                 tasks.longest_line, tasks.longest, path.c_str(), model->config.context);
  }
  const size_t rows = std::min(kMostRows, context);
  ALT_ASSIGN_OR_RETURN(const auto forward,
                       engine::Forward::Create(*model, *runtime.compute, rows, context));
  const eval::TaskOptions options{
      .context = context, .max_answer_tokens = max_answer_tokens_, .kv_type = setup.kv_type};
  auto answers = eval::AskModel(*forward, runtime.clock, *runtime.team, questions, tasks, options,
                                TerminalProgress("asking the " + name));
  if (!answers.ok() && answers.status().code() == ErrorCode::kDoesNotFit) {
    return Status(ErrorCode::kDoesNotFit, path + ": " + answers.status().message());
  }
  return answers;
}

}  // namespace altteul::tools

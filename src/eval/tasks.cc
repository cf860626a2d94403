// SPDX-License-Identifier: Apache-2.0

#include "eval/tasks.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/sampler.h"
#include "engine/session.h"
#include "eval/choice_scorer.h"

namespace altteul::eval {
namespace {

using engine::Forward;
using engine::Generated;
using engine::Session;
using text::TokenId;

std::string Where(const Question& question) {
  return "the question in line " + std::to_string(question.line);
}

/// A text of one model, with BOS where the model begins with one. An EOS that a tokenizer would add
/// has no place in the middle of a text.
class Encoder {
 public:
  explicit Encoder(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Result<std::vector<TokenId>> Encode(const std::string& text) {
    const text::TokenizerSpec& spec = tokenizer_.spec();
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(auto ids, tokenizer_.Encode(text, {.n_dropped_bytes = &dropped}));
    n_dropped_bytes_ += dropped;
    if (spec.add_bos && spec.bos) ids.insert(ids.begin(), *spec.bos);
    return ids;
  }

  /// A token that may stand before any text.
  std::optional<TokenId> Beginning() const {
    const text::TokenizerSpec& spec = tokenizer_.spec();
    return spec.bos ? spec.bos : spec.eos;
  }
  size_t n_dropped_bytes() const { return n_dropped_bytes_; }

 private:
  const text::Tokenizer& tokenizer_;
  size_t n_dropped_bytes_ = 0;
};

size_t SharedLength(std::span<const TokenId> a, std::span<const TokenId> b) {
  const size_t n = std::min(a.size(), b.size());
  size_t shared = 0;
  while (shared < n && a[shared] == b[shared]) ++shared;
  return shared;
}

Result<EncodedQuestion> EncodeChoices(Encoder& encoder, const Question& question) {
  ALT_ASSIGN_OR_RETURN(std::vector<TokenId> prompt, encoder.Encode(question.Prompt()));
  EncodedQuestion out;
  size_t shared = prompt.size();
  for (size_t i = 0; i < question.choices.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(auto whole, encoder.Encode(question.Prompt() + question.Continuation(i)));
    shared = std::min(shared, SharedLength(prompt, whole));
    out.endings.push_back(std::move(whole));
  }
  out.prefix.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(shared));
  for (std::vector<TokenId>& ending : out.endings) {
    ending.erase(ending.begin(), ending.begin() + static_cast<std::ptrdiff_t>(shared));
    if (ending.empty()) {
      return Status(ErrorCode::kUnsupported, Where(question) + ": choice " +
                                                 std::to_string(&ending - out.endings.data()) +
                                                 " has no token in this model's vocabulary");
    }
  }
  return out;
}

Result<EncodedQuestion> EncodeQuestion(Encoder& encoder, const Question& question) {
  EncodedQuestion out;
  if (question.HasChoices()) {
    ALT_ASSIGN_OR_RETURN(out, EncodeChoices(encoder, question));
  } else {
    ALT_ASSIGN_OR_RETURN(out.prefix, encoder.Encode(question.Prompt()));
  }
  if (!out.prefix.empty()) return out;
  // Something must stand before the first token whose probability is asked for.
  const auto beginning = encoder.Beginning();
  if (!beginning) {
    return Status(ErrorCode::kUnsupported,
                  Where(question) +
                      ": prompt and choices share no token, and this model has none "
                      "that begins a text");
  }
  out.prefix.push_back(*beginning);
  return out;
}

/// The two ways of asking; each is made when the first question wants it.
class Asker {
 public:
  Asker(Forward& forward, const Clock& clock, ThreadTeam& team, const TaskOptions& options)
      : forward_(forward), clock_(clock), team_(team), options_(options) {}

  Result<TaskAnswer> Choose(const Question& question, const EncodedQuestion& encoded) {
    if (!scorer_) {
      ALT_ASSIGN_OR_RETURN(
          scorer_, ChoiceScorer::Create(forward_, team_, options_.kv_type, options_.context));
    }
    TaskAnswer answer;
    ALT_ASSIGN_OR_RETURN(answer.log_probabilities, scorer_->Score(encoded.prefix, encoded.endings));
    // The lowest index wins a tie.
    const auto& sums = answer.log_probabilities;
    answer.choice = static_cast<size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
    std::vector<double> per_byte = sums;
    for (size_t i = 0; i < per_byte.size(); ++i) {
      per_byte[i] /= static_cast<double>(question.choices[i].size());
    }
    answer.choice_per_byte =
        static_cast<size_t>(std::max_element(per_byte.begin(), per_byte.end()) - per_byte.begin());
    return answer;
  }

  /// @param go_on  asked once a token
  Result<TaskAnswer> Write(const EncodedQuestion& encoded, const std::function<bool()>& go_on) {
    if (!session_) {
      ALT_ASSIGN_OR_RETURN(session_,
                           Session::Create(forward_, clock_, options_.kv_type, options_.context));
      engine::SamplerOptions greedy;
      greedy.temperature = 0;
      ALT_ASSIGN_OR_RETURN(sampler_,
                           engine::Sampler::Create(greedy, forward_.model().config.vocabulary));
    }
    ALT_RETURN_IF_ERROR(session_->SetPrompt(encoded.prefix));
    engine::GenerateOptions generate;
    generate.max_tokens = options_.max_answer_tokens;
    generate.stop = {"\n"};
    ALT_ASSIGN_OR_RETURN(
        Generated generated,
        session_->Generate(generate, *sampler_, [&](std::string_view) { return go_on(); }));
    if (generated.reason == engine::FinishReason::kCancelled) {
      return Status(ErrorCode::kCancelled, "an answer was interrupted");
    }
    TaskAnswer answer;
    answer.text = std::move(generated.text);
    return answer;
  }

 private:
  Forward& forward_;
  const Clock& clock_;
  ThreadTeam& team_;
  const TaskOptions& options_;
  std::optional<ChoiceScorer> scorer_;
  std::optional<Session> session_;
  std::optional<engine::Sampler> sampler_;
};

}  // namespace

Result<EncodedTasks> EncodeTasks(const text::Tokenizer& tokenizer,
                                 std::span<const Question> questions, size_t max_answer_tokens) {
  Encoder encoder(tokenizer);
  EncodedTasks tasks;
  for (const Question& question : questions) {
    ALT_ASSIGN_OR_RETURN(EncodedQuestion encoded, EncodeQuestion(encoder, question));
    size_t behind = question.HasChoices() ? 0 : max_answer_tokens;
    for (const auto& ending : encoded.endings) behind = std::max(behind, ending.size());
    if (encoded.prefix.size() + behind > tasks.longest) {
      tasks.longest = encoded.prefix.size() + behind;
      tasks.longest_line = question.line;
    }
    tasks.questions.push_back(std::move(encoded));
  }
  tasks.n_dropped_bytes = encoder.n_dropped_bytes();
  return tasks;
}

Result<std::vector<TaskAnswer>> AskModel(Forward& forward, const Clock& clock, ThreadTeam& team,
                                         std::span<const Question> questions,
                                         const EncodedTasks& tasks, const TaskOptions& options,
                                         const ProgressSink& progress) {
  ALT_CHECK(questions.size() == tasks.questions.size());
  if (tasks.longest > options.context) {
    return Status(ErrorCode::kDoesNotFit,
                  "the question in line " + std::to_string(tasks.longest_line) + " takes " +
                      std::to_string(tasks.longest) + " tokens, the context holds " +
                      std::to_string(options.context));
  }
  Asker asker(forward, clock, team, options);
  std::vector<TaskAnswer> answers;
  answers.reserve(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto go_on = [&] { return !progress || progress(i, questions.size()); };
    if (!go_on()) return Status(ErrorCode::kCancelled, "asking was interrupted");
    const EncodedQuestion& encoded = tasks.questions[i];
    ALT_ASSIGN_OR_RETURN(TaskAnswer answer, questions[i].HasChoices()
                                                ? asker.Choose(questions[i], encoded)
                                                : asker.Write(encoded, go_on));
    answers.push_back(std::move(answer));
  }
  if (progress) progress(questions.size(), questions.size());
  return answers;
}

}  // namespace altteul::eval

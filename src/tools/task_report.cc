// SPDX-License-Identifier: Apache-2.0

#include "tools/task_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/human_units.h"
#include "eval/paired.h"
#include "report/table.h"

namespace altteul::tools {
namespace {

using eval::Accuracy;
using eval::Flips;
using eval::Measure;
using eval::Question;
using eval::TaskAnswer;
using nlohmann::ordered_json;

struct MeasureName {
  Measure measure;
  const char* key;
  const char* words;
};
constexpr MeasureName kMeasures[] = {
    {Measure::kChoice, "choice", "choice"},
    {Measure::kChoicePerByte, "choice_per_byte", "choice, per byte"},
    {Measure::kExact, "exact", "in words"},
};

/// An endpoint has letters only.
bool Has(const TaskResults& results, const TaskSide& side, Measure measure) {
  if (side.IsEndpoint() && measure == Measure::kChoicePerByte) return false;
  return std::any_of(results.questions.begin(), results.questions.end(),
                     [&](const Question& q) { return eval::Counts(measure, q); });
}

std::vector<bool> Right(const TaskResults& results, const TaskSide& side, Measure measure) {
  return eval::RightAnswers(measure, results.questions, side.answers);
}

Flips AgainstModel(const TaskResults& results, const TaskSide& before, Measure measure) {
  return eval::PairUp(Right(results, before, measure),
                      Right(results, results.sides.front(), measure));
}

ordered_json AccuracyAsJson(const Accuracy& a) {
  return {{"n", a.n},     {"right", a.right}, {"accuracy", a.share}, {"stderr", a.stderr_},
          {"low", a.low}, {"high", a.high}};
}

ordered_json FlipsAsJson(const Flips& f) {
  return {{"n", f.n},
          {"right_to_wrong", f.right_to_wrong},
          {"wrong_to_right", f.wrong_to_right},
          {"difference", f.difference},
          {"stderr", f.stderr_},
          {"mcnemar_p", f.p_value}};
}

std::string Percent(double share) { return FormatFixed(100 * share, 2); }

// Enough digits to tell small from tiny, never a bare 0.
std::string Probability(double p) { return p < 0.00005 ? "< 0.0001" : FormatFixed(p, 4); }

ordered_json AnswerAsJson(const TaskResults& results, const TaskSide& side, size_t i) {
  const Question& question = results.questions[i];
  const TaskAnswer& answer = side.answers[i];
  ordered_json out = ordered_json::object();
  if (!question.HasChoices()) {
    out["text"] = answer.text;
    out["right"] = eval::IsRight(Measure::kExact, question, answer);
    return out;
  }
  out["choice"] = answer.choice ? ordered_json(*answer.choice) : ordered_json(nullptr);
  out["right"] = eval::IsRight(Measure::kChoice, question, answer);
  if (side.IsEndpoint()) {
    out["text"] = answer.text;
    return out;
  }
  out["choice_per_byte"] = *answer.choice_per_byte;
  out["right_per_byte"] = eval::IsRight(Measure::kChoicePerByte, question, answer);
  out["log_probabilities"] = answer.log_probabilities;
  return out;
}

}  // namespace

ordered_json TaskSummary(const TaskResults& results) {
  ordered_json out = {{"questions", results.questions.size()}};
  for (const TaskSide& side : results.sides) {
    ordered_json& json = out[side.name] = ordered_json::object();
    for (const MeasureName& m : kMeasures) {
      if (!Has(results, side, m.measure)) continue;
      json[m.key] = AccuracyAsJson(eval::AccuracyOf(Right(results, side, m.measure)));
    }
    if (!side.IsEndpoint()) continue;
    json["unreadable"] = eval::CountUnreadable(results.questions, side.answers);
    json["tokens_sent"] = side.usage->tokens_sent;
    json["tokens_received"] = side.usage->tokens_received;
  }
  for (size_t i = 1; i < results.sides.size(); ++i) {
    const TaskSide& before = results.sides[i];
    ordered_json& json = out["model_against_" + before.name] = ordered_json::object();
    for (const MeasureName& m : kMeasures) {
      if (!Has(results, before, m.measure)) continue;
      json[m.key] = FlipsAsJson(AgainstModel(results, before, m.measure));
    }
  }
  return out;
}

std::string TaskTables(const TaskResults& results) {
  report::Table sides({"who", "measure", "right", "of", "percent", "+/-", "95 % from", "to"});
  report::Table pairs({"model against", "measure", "lost", "won", "percent", "+/-", "McNemar p"});
  std::string unreadable;
  for (const TaskSide& side : results.sides) {
    for (const MeasureName& m : kMeasures) {
      if (!Has(results, side, m.measure)) continue;
      const Accuracy a = eval::AccuracyOf(Right(results, side, m.measure));
      sides.AddRow({side.name, m.words, FormatCount(a.right), FormatCount(a.n), Percent(a.share),
                    Percent(a.stderr_), Percent(a.low), Percent(a.high)});
      if (&side == &results.sides.front()) continue;
      const Flips f = AgainstModel(results, side, m.measure);
      pairs.AddRow({side.name, m.words, FormatCount(f.right_to_wrong),
                    FormatCount(f.wrong_to_right), Percent(f.difference), Percent(f.stderr_),
                    Probability(f.p_value)});
    }
    if (!side.IsEndpoint()) continue;
    const size_t n = eval::CountUnreadable(results.questions, side.answers);
    if (n != 0) {
      unreadable += "\nIn " + FormatCount(n) + (n == 1 ? " answer" : " answers") + " of the " +
                    side.name + " no letter could be read; what cannot be read counts as wrong.\n";
    }
  }
  std::string out = sides.ToString();
  if (results.sides.size() > 1) out += "\n" + pairs.ToString();
  return out + unreadable;
}

std::string TaskAnswerLines(const TaskResults& results) {
  std::string lines;
  for (size_t i = 0; i < results.questions.size(); ++i) {
    const Question& question = results.questions[i];
    ordered_json out = {{"line", question.line}};
    if (!question.id.empty()) out["id"] = question.id;
    if (question.HasChoices()) {
      out["answer"] = question.answer;
    } else {
      out["answer"] = question.accepted;
    }
    for (const TaskSide& side : results.sides) out[side.name] = AnswerAsJson(results, side, i);
    // A model may answer with bytes that are no UTF-8.
    lines += out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  }
  return lines;
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul eval MODEL --text FILE: perplexity, and the distance to a reference; or --tasks FILE:
// questions answered.

#include <cstdio>
#include <memory>
#include <string>

#include "base/human_units.h"
#include "eval/evaluate.h"
#include "report/table.h"
#include "tools/command.h"
#include "tools/json_output.h"
#include "tools/model_pull.h"
#include "tools/option_values.h"
#include "tools/runtime.h"
#include "tools/task_evaluation.h"

namespace altteul::tools {
namespace {

using engine::Forward;
using kernels::Precision;

// A model with its forward pass; the pass reads the model, so the two stay together.
struct Side {
  std::unique_ptr<const model::Model> model;
  std::unique_ptr<Forward> forward;
};

class EvalCommand : public Command {
 public:
  std::string_view name() const override { return "eval"; }
  std::string_view summary() const override {
    return "perplexity or questions answered, and what was lost";
  }

  void AddOptions(CLI::App& app) override {
    app.add_option("model,-m,--model", models_,
                   "GGUF files or Hugging Face folders; several are judged side by side, on one "
                   "run of the reference")
        ->required();
    auto* tasks = tasks_.AddTo(app);
    app.add_option("--text,-f", text_, "a file with the text to judge on, - for standard input")
        ->excludes(tasks);
    app.add_option("--reference", reference_,
                   "the original: adds KL divergence and same top token, or its answers");
    app.add_option("--chunks", options_.max_chunks, "chunks to judge, 0: all")
        ->excludes(tasks)
        ->check(WholeNumber(0, kMostCount, "0 means all"))
        ->capture_default_str();
    context_option_ = app.add_option("-c,--ctx-size", options_.context,
                                     "tokens of a chunk; with --tasks of the context (default: as "
                                     "many as the longest question needs)")
                          ->check(WholeNumber(1, kMostTokens))
                          ->capture_default_str();
    kv_.AddTo(app, "the candidate's KV cache");
    app.add_flag("--as-run", as_run_,
                 "leave out the KL divergence of weights alone, which takes as long as the "
                 "reference");
    app.add_flag("--f32", f32_,
                 "the model itself in f32 arithmetic too, not as users run it; with "
                 "--tasks both models");
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
    AddPullFlag(app, &compute_.may_pull);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(options_.kv_type, kv_.Read());
    if (tasks_.wanted()) {
      if (models_.size() == 1) return RunTasks();
      return Status(ErrorCode::kInvalidArgument, "questions are put to one model, not to " +
                                                     std::to_string(models_.size()) +
                                                     "; the original is --reference");
    }
    if (text_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "give a text to judge on (--text) or questions (--tasks)");
    }
    return RunText();
  }

 private:
  Status RunTasks() {
    const TaskEvaluation::Setup setup{
        .model = models_.front(),
        .reference = reference_,
        .context = context_option_->count() > 0 ? options_.context : 0,
        .kv_type = options_.kv_type,
        .precision = f32_ ? Precision::kF32 : Precision::kFast};
    ALT_ASSIGN_OR_RETURN(const TaskResults results, tasks_.Run(setup, compute_));
    if (json_) {
      PrintJson(TaskSummary(results));
    } else {
      std::printf("%s", TaskTables(results).c_str());
    }
    return Status();
  }

  Status RunText() {
    ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(text_));
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    std::vector<Side> as_run, weights;
    std::vector<eval::Candidate> candidates;
    Side reference;
    if (!reference_.empty()) {
      ALT_ASSIGN_OR_RETURN(reference, Open(reference_, *runtime, Precision::kF32));
    }
    for (const std::string& model : models_) {
      ALT_ASSIGN_OR_RETURN(auto side,
                           Open(model, *runtime, f32_ ? Precision::kF32 : Precision::kFast));
      candidates.push_back({.as_run = side.forward.get()});
      as_run.push_back(std::move(side));
      if (reference_.empty() || as_run_) continue;
      ALT_ASSIGN_OR_RETURN(auto in_f32, Open(model, *runtime, Precision::kF32));
      candidates.back().weights = in_f32.forward.get();
      weights.push_back(std::move(in_f32));
    }
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(const auto ids,
                         as_run.front().model->tokenizer->Encode(
                             text, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
    WarnOfDroppedBytes(dropped);
    ALT_ASSIGN_OR_RETURN(const auto results,
                         eval::EvaluateAll(candidates, reference.forward.get(), ids, options_,
                                           *runtime->team, TerminalProgress("judging chunk")));
    if (json_) {
      PrintAsJson(results);
    } else if (results.size() == 1) {
      PrintAsText(results.front());
    } else {
      PrintSideBySide(results);
    }
    return Status();
  }

  Result<Side> Open(const std::string& path, Runtime& runtime, Precision precision) const {
    Side side;
    ALT_ASSIGN_OR_RETURN(side.model, Load(path, runtime, precision));
    if (side.model->tokenizer->vocabulary() == 0) {
      return Status(ErrorCode::kUnsupported, path + ": has no tokenizer, so no text can be judged");
    }
    ALT_ASSIGN_OR_RETURN(side.forward, Forward::Create(*side.model, *runtime.compute,
                                                       options_.context, options_.context));
    return side;
  }

  /// One object for one model, for several a list of them with their names.
  void PrintAsJson(const std::vector<eval::Evaluation>& results) const {
    if (results.size() == 1) return PrintJson(AsJson(results.front()));
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (size_t i = 0; i < results.size(); ++i) {
      nlohmann::ordered_json each = {{"model", models_[i]}};
      each.update(AsJson(results[i]));
      all.push_back(std::move(each));
    }
    PrintJson({{"models", std::move(all)}});
  }

  static nlohmann::ordered_json AsJson(const eval::Evaluation& r) {
    nlohmann::ordered_json out = {{"perplexity", r.perplexity},
                                  {"perplexity_stderr", r.perplexity_stderr},
                                  {"bits_per_byte", r.bits_per_byte}};
    if (r.divergence) {
      out["perplexity_reference"] = *r.perplexity_reference;
      out["bits_per_byte_reference"] = *r.bits_per_byte_reference;
      out["kld_mean"] = r.divergence->mean;
      out["kld_stderr"] = r.divergence->stderr_;
      out["kld_p99"] = r.divergence->p99;
      if (r.divergence_weights) out["kld_weights"] = r.divergence_weights->mean;
      out["same_top"] = r.divergence->same_top;
    }
    out["chunks"] = r.chunks;
    out["scored_tokens"] = r.scored_tokens;
    return out;
  }

  void PrintSideBySide(const std::vector<eval::Evaluation>& results) const {
    const bool has_reference = results.front().divergence.has_value();
    std::vector<std::string> columns = {"model", "perplexity", "bits a byte"};
    if (has_reference) {
      for (const char* column : {"KL divergence", "+/-", "99 %", "same top"}) {
        columns.emplace_back(column);
      }
    }
    report::Table table(columns);
    for (size_t i = 0; i < results.size(); ++i) {
      const eval::Evaluation& r = results[i];
      std::vector<std::string> row = {models_[i], FormatFixed(r.perplexity, 4),
                                      FormatFixed(r.bits_per_byte, 4)};
      if (has_reference) {
        for (const double value : {r.divergence->mean, r.divergence->stderr_, r.divergence->p99}) {
          row.push_back(FormatFixed(value, 5));
        }
        row.push_back(FormatFixed(100 * r.divergence->same_top, 2) + " %");
      }
      table.AddRow(row);
    }
    std::printf("%s", table.ToString().c_str());
    if (has_reference) {
      std::printf("perplexity of the reference %s, %s bits a byte\n",
                  FormatFixed(*results.front().perplexity_reference, 4).c_str(),
                  FormatFixed(*results.front().bits_per_byte_reference, 4).c_str());
    }
    std::printf("%s tokens scored in %s chunks of %s\n",
                FormatCount(results.front().scored_tokens).c_str(),
                FormatCount(results.front().chunks).c_str(), FormatCount(options_.context).c_str());
  }

  void PrintAsText(const eval::Evaluation& r) const {
    report::Table table({"what", "value", "of"});
    table.AddRow(
        {"perplexity", FormatFixed(r.perplexity, 4), "+/- " + FormatFixed(r.perplexity_stderr, 4)});
    table.AddRow({"bits a byte", FormatFixed(r.bits_per_byte, 4), ""});
    if (r.divergence) {
      table.AddRow({"perplexity of the reference", FormatFixed(*r.perplexity_reference, 4), ""});
      table.AddRow(
          {"bits a byte of the reference", FormatFixed(*r.bits_per_byte_reference, 4), ""});
      table.AddRow({"KL divergence", FormatFixed(r.divergence->mean, 5),
                    "nats a token, +/- " + FormatFixed(r.divergence->stderr_, 5)});
      if (r.divergence_weights) {
        table.AddRow({"  of the weights alone", FormatFixed(r.divergence_weights->mean, 5),
                      "the same in f32 arithmetic"});
      }
      table.AddRow({"  99th percentile", FormatFixed(r.divergence->p99, 5), ""});
      table.AddRow({"same top token", FormatFixed(100 * r.divergence->same_top, 2), "percent"});
    }
    table.AddRow({"tokens scored", FormatCount(r.scored_tokens),
                  FormatCount(r.chunks) + " chunks of " + FormatCount(options_.context)});
    std::printf("%s", table.ToString().c_str());
  }

  std::vector<std::string> models_;
  std::string text_, reference_;
  KvOptions kv_;
  eval::EvaluateOptions options_;
  CLI::Option* context_option_ = nullptr;
  TaskEvaluation tasks_;
  bool as_run_ = false, f32_ = false, json_ = false;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeEval() { return std::make_unique<EvalCommand>(); }

}  // namespace altteul::tools

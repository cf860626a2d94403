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
    app.add_option("model", model_, "GGUF file or Hugging Face folder")->required();
    auto* tasks = tasks_.AddTo(app);
    app.add_option("--text,-f", text_, "a file with the text to judge on, - for standard input")
        ->excludes(tasks);
    app.add_option("--reference", reference_,
                   "the original: adds KL divergence and same top token, or its answers");
    app.add_option("--chunks", options_.max_chunks, "chunks to judge, 0: all")
        ->excludes(tasks)
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    context_option_ = app.add_option("-c,--ctx-size", options_.context,
                                     "tokens of a chunk; with --tasks of the context (default: as "
                                     "many as the longest question needs)")
                          ->check(CLI::PositiveNumber)
                          ->capture_default_str();
    app.add_option("--ctk,--cache-type", kv_type_, "type of the candidate's KV cache (-ctk)")
        ->capture_default_str();
    app.add_flag("--f32", f32_,
                 "the model itself in f32 arithmetic too, not as users run it; with "
                 "--tasks both models");
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(options_.kv_type, ParseKvType(kv_type_));
    if (tasks_.wanted()) return RunTasks();
    if (text_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "give a text to judge on (--text) or questions (--tasks)");
    }
    return RunText();
  }

 private:
  Status RunTasks() {
    const TaskEvaluation::Setup setup{
        .model = model_,
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
    ALT_ASSIGN_OR_RETURN(const Side candidate,
                         Open(model_, *runtime, f32_ ? Precision::kF32 : Precision::kFast));
    Side reference, weights;
    if (!reference_.empty()) {
      ALT_ASSIGN_OR_RETURN(reference, Open(reference_, *runtime, Precision::kF32));
      ALT_ASSIGN_OR_RETURN(weights, Open(model_, *runtime, Precision::kF32));
    }
    const eval::Contestants contestants{.candidate = candidate.forward.get(),
                                        .reference = reference.forward.get(),
                                        .candidate_weights = weights.forward.get()};
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(const auto ids,
                         candidate.model->tokenizer->Encode(
                             text, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
    WarnOfDroppedBytes(dropped);
    ALT_ASSIGN_OR_RETURN(const eval::Evaluation result,
                         eval::Evaluate(contestants, ids, options_, *runtime->team,
                                        TerminalProgress("judging chunk")));
    if (json_) {
      PrintAsJson(result);
    } else {
      PrintAsText(result);
    }
    return Status();
  }

  Result<Side> Open(const std::string& path, Runtime& runtime, Precision precision) const {
    Side side;
    ALT_ASSIGN_OR_RETURN(side.model, Load(path, runtime, precision));
    if (side.model->tokenizer->vocabulary() == 0) {
      return Status(ErrorCode::kUnsupported, path + ": has no tokenizer, so no text can be judged");
    }
    ALT_ASSIGN_OR_RETURN(side.forward, Forward::Create(*side.model, *runtime.kernels, *runtime.team,
                                                       options_.context, options_.context));
    return side;
  }

  static void PrintAsJson(const eval::Evaluation& r) {
    nlohmann::ordered_json out = {{"perplexity", r.perplexity},
                                  {"perplexity_stderr", r.perplexity_stderr},
                                  {"bits_per_byte", r.bits_per_byte}};
    if (r.divergence) {
      out["perplexity_reference"] = *r.perplexity_reference;
      out["bits_per_byte_reference"] = *r.bits_per_byte_reference;
      out["kld_mean"] = r.divergence->mean;
      out["kld_stderr"] = r.divergence->stderr_;
      out["kld_p99"] = r.divergence->p99;
      out["kld_weights"] = r.divergence_weights->mean;
      out["same_top"] = r.divergence->same_top;
    }
    out["chunks"] = r.chunks;
    out["scored_tokens"] = r.scored_tokens;
    PrintJson(out);
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
      table.AddRow({"  of the weights alone", FormatFixed(r.divergence_weights->mean, 5),
                    "the same in f32 arithmetic"});
      table.AddRow({"  99th percentile", FormatFixed(r.divergence->p99, 5), ""});
      table.AddRow({"same top token", FormatFixed(100 * r.divergence->same_top, 2), "percent"});
    }
    table.AddRow({"tokens scored", FormatCount(r.scored_tokens),
                  FormatCount(r.chunks) + " chunks of " + FormatCount(options_.context)});
    std::printf("%s", table.ToString().c_str());
  }

  std::string model_, text_, reference_;
  std::string kv_type_ = "f16";
  eval::EvaluateOptions options_;
  CLI::Option* context_option_ = nullptr;
  TaskEvaluation tasks_;
  bool f32_ = false, json_ = false;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeEval() { return std::make_unique<EvalCommand>(); }

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul run MODEL: one answer with -p, else a chat.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/machine.h"
#include "engine/session.h"
#include "text/chat_encoder.h"
#include "text/chat_variables.h"
#include "tools/answer.h"
#include "tools/chat.h"
#include "tools/chat_loop.h"
#include "tools/command.h"
#include "tools/escaped_text.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/model_pull.h"
#include "tools/option_values.h"
#include "tools/runtime.h"
#include "tools/sampling_options.h"
#include "tools/speculation.h"

namespace altteul::tools {
namespace {

using engine::Forward;
using engine::Session;
using nlohmann::ordered_json;
using text::ChatEncoder;

constexpr size_t kChunkRows = 512;        // rows of one forward pass
constexpr size_t kDefaultContext = 4096;  // or what the model was trained for, when that is less

class RunCommand : public Command {
 public:
  std::string_view name() const override { return "run"; }
  std::string_view summary() const override { return "answer a prompt, or chat"; }

  void AddOptions(CLI::App& app) override {
    app.add_option("model,-m,--model", model_, "GGUF file or Hugging Face folder")->required();
    auto* prompt = app.add_option("-p,--prompt", prompt_, "answer this once");
    app.add_option("-f,--file", file_,
                   "answer what this file says, byte for byte; - is standard input")
        ->excludes(prompt);
    app.add_option("--sys,--system", system_, "system message (-sys)");
    app.add_option("-n,--n-predict", n_predict_,
                   "most tokens of an answer, -1: until the turn ends or the context is full, 0: "
                   "the prompt is read and nothing answered")
        ->check(WholeNumber(-2, kMostTokens, "-1 means no limit"))  // -2 is llama.cpp's word for it
        ->capture_default_str();
    app.add_option("-c,--ctx-size", context_,
                   "tokens of context, 0: what the model was trained for (default: that, at most "
                   "4096)")
        ->check(WholeNumber(0, kMostTokens, "0 means what the model was trained for"));
    auto* raw =
        app.add_flag("--raw", raw_, "continue the prompt as it is, without the chat template");
    app.add_option("--template-var", template_variables_,
                   "NAME=VALUE for the chat template (show lists the names); may be repeated")
        ->allow_extra_args(false)
        ->excludes(raw);
    app.add_flag("--ignore-eos", generate_.ignore_end, "go on behind the end of the turn");
    app.add_option(
           "--stop", generate_.stop,
           "end the answer before this text, which may be a control token's; may be repeated")
        ->allow_extra_args(false);
    app.add_flag("-e,--escape,!--no-escape", escape_,
                 "\\n, \\t, \\xHH in -p, --sys and --stop are escapes (default: as they are)");
    kv_.AddTo(app, "KV cache");
    app.add_flag("--json", json_, "one JSON object with text and ids");
    sampling_.AddTo(app);
    speculation_.AddTo(app);
    compute_.AddTo(app);
    AddPullFlag(app, &compute_.may_pull);
    app.footer(
        "Other options of llama.cpp are taken under their own names, ignored with a word where "
        "they only steer its machinery, or refused with the nearest thing.");
  }

  Status Run() override {
    ALT_RETURN_IF_ERROR(CheckOptions());
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    ALT_ASSIGN_OR_RETURN(const kernels::KvType kv_type, kv_.Read());
    ALT_ASSIGN_OR_RETURN(const auto model, Load(model_, *runtime, kernels::Precision::kFast));
    if (model->tokenizer->vocabulary() == 0) {
      return Status(ErrorCode::kUnsupported, model_ + ": has no tokenizer, so it cannot read text");
    }
    ALT_ASSIGN_OR_RETURN(const size_t context, Context(model->config));
    ALT_ASSIGN_OR_RETURN(const auto forward,
                         Forward::Create(*model, *runtime->compute, kChunkRows, context));
    ALT_ASSIGN_OR_RETURN(Session session,
                         Session::Create(*forward, runtime->clock, kv_type, context));
    ALT_ASSIGN_OR_RETURN(const engine::SamplerOptions sampling, sampling_.Read());
    ALT_ASSIGN_OR_RETURN(engine::Sampler sampler,
                         engine::Sampler::Create(sampling, model->config.vocabulary));
    ALT_ASSIGN_OR_RETURN(
        const Speculation speculation,
        MakeSpeculation(speculation_, *model, *runtime,
                        {.kv_type = kv_type, .context = context, .sampler = sampling}));
    generate_.speculator = speculation.speculator.get();
    if (!file_.empty()) {
      ALT_ASSIGN_OR_RETURN(prompt_, ReadPromptFile());
    }
    ALT_ASSIGN_OR_RETURN(const std::optional<ChatEncoder> encoder, MakeEncoder(*model));
    const Answerer answerer{
        .model = *model, .session = session, .sampler = sampler, .options = generate_};
    if (prompt_) return AnswerOnce(answerer, encoder, runtime->clock);
    if (!encoder) {
      return Status(ErrorCode::kUnsupported,
                    model_ + ": has no chat template; give a text to continue with -p");
    }
    return ChatLoop(*encoder, answerer, text::FirstMessages(system_)).Run();
  }

 private:
  // Nothing with --raw, or where the model has no template.
  Result<std::optional<ChatEncoder>> MakeEncoder(const model::Model& model) {
    if (raw_) return std::optional<ChatEncoder>();
    auto variables = text::ParseTemplateVariables(template_variables_);
    if (!variables.ok()) {
      return Status(variables.status().code(), "--template-var " + variables.status().message());
    }
    ALT_ASSIGN_OR_RETURN(auto encoder, MakeChatEncoder(model_, model, std::move(variables).value(),
                                                       StandardErrorLog()));
    if (!encoder && !template_variables_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--template-var " + template_variables_.front() +
                        ": the model has no chat template that could read it");
    }
    if (!encoder) return encoder;
    if (system_.empty()) system_ = encoder->source().system;
    if (!generate_.ignore_end) {
      const auto& stop = encoder->source().stop;
      generate_.stop.insert(generate_.stop.end(), stop.begin(), stop.end());
    }
    return encoder;
  }

  Status CheckOptions() {
    if (json_ && !prompt_ && file_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--json needs a prompt (-p or -f); a chat has none");
    }
    if (n_predict_ == 0 && !prompt_ && file_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "-n 0 means no answer, and a chat has nothing else; -n -1 means no limit");
    }
    for (const std::string& stop : generate_.stop) {
      if (stop.empty()) return Status(ErrorCode::kInvalidArgument, "--stop with an empty text");
    }
    ALT_RETURN_IF_ERROR(speculation_.Check());
    generate_.max_tokens = n_predict_ < 0 ? 0 : static_cast<size_t>(n_predict_);  // 0: no limit
    if (escape_) TakeEscapes();
    return Status();
  }

  /// What a file says stays as it is.
  void TakeEscapes() {
    if (prompt_) prompt_ = Unescape(*prompt_);
    system_ = Unescape(system_);
    for (std::string& stop : generate_.stop) stop = Unescape(stop);
  }

  Result<std::string> ReadPromptFile() const {
    ALT_ASSIGN_OR_RETURN(std::string text, ReadTextFile(file_));
    if (DropByteOrderMark(&text)) {
      std::fprintf(stderr, "note: %s begins with a byte order mark, which is no part of its text\n",
                   file_.c_str());
    }
    return text;
  }

  Result<size_t> Context(const model::ModelConfig& config) const {
    if (!context_) {
      return config.context == 0 ? kDefaultContext : std::min(kDefaultContext, config.context);
    }
    if (*context_ == 0 && config.context == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    "-c 0: the model does not say what context it was trained for; give a number");
    }
    if (config.context != 0 && *context_ > config.context) {
      std::fprintf(stderr, "warning: -c %zu is beyond the %zu tokens the model was trained for\n",
                   *context_, config.context);
    }
    return *context_ == 0 ? config.context : *context_;
  }

  Result<std::vector<text::TokenId>> EncodePrompt(const model::Model& model,
                                                  const std::optional<ChatEncoder>& encoder) const {
    size_t dropped = 0;
    std::vector<text::TokenId> ids;
    if (encoder) {
      ordered_json messages = text::FirstMessages(system_);
      messages.push_back(text::ChatMessage("user", *prompt_));
      ALT_ASSIGN_OR_RETURN(ids, encoder->Encode(messages, &dropped));
    } else {
      if (!raw_) {
        std::fprintf(stderr,
                     "note: the model has no chat template, the prompt is continued as it is\n");
      }
      if (!system_.empty()) {
        return Status(ErrorCode::kInvalidArgument, "a system message needs a chat template");
      }
      ALT_ASSIGN_OR_RETURN(ids, model.tokenizer->Encode(*prompt_, {.parse_special = raw_,
                                                                   .add_bos_eos = true,
                                                                   .n_dropped_bytes = &dropped}));
    }
    WarnOfDroppedBytes(dropped);
    if (ids.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "the prompt gives no tokens, and this model has no token that begins a text; "
                    "say something with -p");
    }
    return ids;
  }

  /// -n 0, as llama.cpp means it.
  static Result<engine::Generated> ReadPromptOnly(Session& session, const Clock& clock) {
    engine::Generated nothing;
    nothing.reason = engine::FinishReason::kMaxTokens;
    nothing.prompt_tokens = session.history().size();
    const double start = clock.Seconds();
    ALT_RETURN_IF_ERROR(session.Prefill([] { return !Interrupted(); }));
    nothing.prompt_seconds = clock.Seconds() - start;
    return nothing;
  }

  Status AnswerOnce(const Answerer& answerer, const std::optional<ChatEncoder>& encoder,
                    const Clock& clock) const {
    ALT_ASSIGN_OR_RETURN(const auto ids, EncodePrompt(answerer.model, encoder));
    ALT_RETURN_IF_ERROR(answerer.session.SetPrompt(ids));
    ALT_ASSIGN_OR_RETURN(
        const engine::Generated answer,
        n_predict_ == 0 ? ReadPromptOnly(answerer.session, clock) : answerer.Answer(!json_));
    if (json_) {
      PrintJson({{"text", answer.text},
                 {"ids", answer.ids},
                 {"finish_reason", ReasonName(answer.reason)},
                 {"prompt_tokens", answer.prompt_tokens},
                 {"prompt_seconds", answer.prompt_seconds},
                 {"answer_seconds", answer.answer_seconds},
                 {"proposed_tokens", answer.proposed_tokens},
                 {"accepted_tokens", answer.accepted_tokens},
                 {"memory",
                  {{"peak_resident_bytes", PeakResidentBytes()},
                   {"weight_bytes", answerer.model.weights.resting_bytes},
                   {"kv_bytes", answerer.session.kv_bytes()}}}});
    } else {
      std::printf("\n");
      std::fflush(stdout);
    }
    answerer.PrintStatistics(answer);
    if (answer.reason == engine::FinishReason::kCancelled && Interrupted()) {
      return Status(ErrorCode::kCancelled, "the answer was cut short");
    }
    return Status();
  }

  std::string model_, file_, system_;
  std::optional<std::string> prompt_;
  std::vector<std::string> template_variables_;
  std::optional<size_t> context_;  // 0: what the model was trained for
  int64_t n_predict_ = -1;
  bool raw_ = false, escape_ = false, json_ = false;
  KvOptions kv_;
  SamplingOptions sampling_;
  engine::GenerateOptions generate_;
  SpeculationOptions speculation_;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeRun() { return std::make_unique<RunCommand>(); }

}  // namespace altteul::tools

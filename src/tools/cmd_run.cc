// altteul run MODEL: one answer with -p, else a chat.

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/human_units.h"
#include "base/machine.h"
#include "engine/session.h"
#include "formats/atomic_file.h"
#include "tools/chat.h"
#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/runtime.h"
#include "tools/speculation.h"

namespace altteul::tools {
namespace {

using engine::FinishReason;
using engine::Forward;
using engine::Generated;
using engine::Session;
using nlohmann::ordered_json;

constexpr size_t kChunkRows = 512;        // rows of one forward pass
constexpr size_t kDefaultContext = 4096;  // or what the model was trained for, when that is less

const char* ReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEndOfTurn:
      return "stop";
    case FinishReason::kStopText:
      return "stop";
    case FinishReason::kMaxTokens:
      return "length";
    case FinishReason::kContextFull:
      return "context_full";
    case FinishReason::kCancelled:
      return "interrupted";
  }
  return "";
}

class RunCommand : public Command {
 public:
  std::string_view name() const override { return "run"; }
  std::string_view summary() const override { return "answer a prompt, or chat"; }

  void AddOptions(CLI::App& app) override {
    app.add_option("model,-m,--model", model_, "GGUF file or Hugging Face folder")->required();
    auto* prompt = app.add_option("-p,--prompt", prompt_, "answer this once");
    app.add_option("-f,--file", file_, "answer what this file says, - for standard input")
        ->excludes(prompt);
    app.add_option("--sys,--system", system_, "system message (-sys)");
    app.add_option("-n,--n-predict", n_predict_, "most tokens of an answer, 0 or -1: no limit")
        ->check(CLI::Range(int64_t{-1}, std::numeric_limits<int64_t>::max()))
        ->capture_default_str();
    app.add_option("-c,--ctx-size", context_,
                   "tokens of context (default: the model's, at most 4096)")
        ->check(CLI::PositiveNumber);
    auto* raw =
        app.add_flag("--raw", raw_, "continue the prompt as it is, without the chat template");
    app.add_option("--template-var", template_variables_,
                   "NAME=VALUE for the chat template (show lists the names); may be repeated")
        ->allow_extra_args(false)
        ->excludes(raw);
    app.add_flag("--ignore-eos", generate_.ignore_end, "go on behind the end of the turn");
    app.add_option("--stop", generate_.stop, "end the answer before this text; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--ctk,--cache-type", kv_type_, "KV cache: f32, f16, bf16, q8_0, q4_0 (-ctk)")
        ->capture_default_str();
    app.add_flag("--json", json_, "one JSON object with text and ids");
    AddSamplerOptions(app);
    speculation_.AddTo(app);
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_RETURN_IF_ERROR(CheckOptions());
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    ALT_ASSIGN_OR_RETURN(const kernels::KvType kv_type, ParseKvType(kv_type_));
    ALT_ASSIGN_OR_RETURN(const auto model, Load(model_, *runtime, kernels::Precision::kFast));
    if (model->tokenizer->vocabulary() == 0) {
      return Status(ErrorCode::kUnsupported, model_ + ": has no tokenizer, so it cannot read text");
    }
    const size_t context = Context(model->config);
    ALT_ASSIGN_OR_RETURN(const auto forward, Forward::Create(*model, *runtime->kernels,
                                                             *runtime->team, kChunkRows, context));
    ALT_ASSIGN_OR_RETURN(Session session,
                         Session::Create(*forward, runtime->clock, kv_type, context));
    ALT_RETURN_IF_ERROR(ParseLogitBias());
    ALT_ASSIGN_OR_RETURN(engine::Sampler sampler,
                         engine::Sampler::Create(sampler_, model->config.vocabulary));
    ALT_ASSIGN_OR_RETURN(
        const Speculation speculation,
        MakeSpeculation(speculation_, *model, *runtime,
                        {.kv_type = kv_type, .context = context, .sampler = sampler_}));
    generate_.speculator = speculation.speculator.get();
    if (!file_.empty()) {
      ALT_ASSIGN_OR_RETURN(prompt_, ReadTextFile(file_));
    }
    ALT_ASSIGN_OR_RETURN(const std::optional<ChatEncoder> encoder, MakeEncoder(*model));
    if (prompt_) return AnswerOnce(*model, encoder, session, sampler);
    if (!encoder) {
      return Status(ErrorCode::kUnsupported,
                    model_ + ": has no chat template; give a text to continue with -p");
    }
    return Chat(*model, *encoder, session, sampler);
  }

 private:
  void AddSamplerOptions(CLI::App& app) {
    engine::SamplerOptions& s = sampler_;
    app.add_option("--temp", s.temperature, "temperature, 0 is greedy")->capture_default_str();
    app.add_option("--top-k", s.top_k, "0 is off")->capture_default_str();
    app.add_option("--top-p", s.top_p, "1 is off")->capture_default_str();
    app.add_option("--min-p", s.min_p, "0 is off")->capture_default_str();
    app.add_option("--repeat-penalty", s.repeat_penalty, "1 is off")->capture_default_str();
    app.add_option("--frequency-penalty", s.frequency_penalty, "0 is off")->capture_default_str();
    app.add_option("--presence-penalty", s.presence_penalty, "0 is off")->capture_default_str();
    app.add_option("--repeat-last-n", s.penalty_window, "tokens that penalties look back")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("-l,--logit-bias", logit_bias_, "ID=BIAS, -inf forbids; may be repeated")
        ->allow_extra_args(false);
    app.add_option("-s,--seed", s.seed, "the same seed gives the same answer")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
  }

  // Nothing with --raw, or where the model has no template.
  Result<std::optional<ChatEncoder>> MakeEncoder(const model::Model& model) {
    if (raw_) return std::optional<ChatEncoder>();
    ChatOptions options;
    ALT_ASSIGN_OR_RETURN(options.variables, ParseTemplateVariables(template_variables_));
    ALT_ASSIGN_OR_RETURN(auto encoder,
                         MakeChatEncoder(model_, model, std::move(options), StandardErrorLog()));
    if (!encoder) return encoder;
    if (system_.empty()) system_ = encoder->source().system;
    if (!generate_.ignore_end) {
      const auto& stop = encoder->source().stop;
      generate_.stop.insert(generate_.stop.end(), stop.begin(), stop.end());
    }
    return encoder;
  }

  Status ParseLogitBias() {
    for (const std::string& text : logit_bias_) {
      const size_t equals = text.find('=');
      char* id_end = nullptr;
      char* bias_end = nullptr;
      const long id = std::strtol(text.c_str(), &id_end, 10);
      const char* bias_text = equals == std::string::npos ? "" : text.c_str() + equals + 1;
      const float bias = std::strtof(bias_text, &bias_end);
      if (equals == std::string::npos || id_end != text.c_str() + equals || equals == 0 ||
          *bias_text == '\0' || *bias_end != '\0' || id < 0 || id > INT32_MAX) {
        return Status(ErrorCode::kInvalidArgument, "'" + text + "' is not of the form ID=BIAS");
      }
      sampler_.logit_bias.emplace_back(static_cast<text::TokenId>(id), bias);
    }
    return Status();
  }

  Status CheckOptions() {
    if (json_ && !prompt_ && file_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--json needs a prompt (-p or -f); a chat has none");
    }
    for (const std::string& stop : generate_.stop) {
      if (stop.empty()) return Status(ErrorCode::kInvalidArgument, "--stop with an empty text");
    }
    ALT_RETURN_IF_ERROR(speculation_.Check());
    generate_.max_tokens = n_predict_ < 0 ? 0 : static_cast<size_t>(n_predict_);
    return Status();
  }

  size_t Context(const model::ModelConfig& config) const {
    if (context_ == 0) {
      return config.context == 0 ? kDefaultContext : std::min(kDefaultContext, config.context);
    }
    if (config.context != 0 && context_ > config.context) {
      std::fprintf(stderr, "warning: -c %zu is beyond the %zu tokens the model was trained for\n",
                   context_, config.context);
    }
    return context_;
  }

  ordered_json FirstMessages() const {
    ordered_json messages = ordered_json::array();
    if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
    return messages;
  }

  Result<std::vector<text::TokenId>> EncodePrompt(const model::Model& model,
                                                  const std::optional<ChatEncoder>& encoder) const {
    size_t dropped = 0;
    std::vector<text::TokenId> ids;
    if (encoder) {
      ordered_json messages = FirstMessages();
      messages.push_back({{"role", "user"}, {"content", *prompt_}});
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

  Status AnswerOnce(const model::Model& model, const std::optional<ChatEncoder>& encoder,
                    Session& session, engine::Sampler& sampler) {
    ALT_ASSIGN_OR_RETURN(const auto ids, EncodePrompt(model, encoder));
    ALT_RETURN_IF_ERROR(session.SetPrompt(ids));
    ALT_ASSIGN_OR_RETURN(const Generated answer, Answer(session, sampler, !json_));
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
                   {"weight_bytes", model.weights.resting_bytes},
                   {"kv_bytes", session.kv_bytes()}}}});
    } else {
      std::printf("\n");
      std::fflush(stdout);
    }
    PrintStatistics(answer, session, model);
    if (answer.reason == FinishReason::kCancelled && Interrupted()) {
      return Status(ErrorCode::kCancelled, "the answer was cut short");
    }
    return Status();
  }

  Result<Generated> Answer(Session& session, engine::Sampler& sampler, bool show) const {
    return session.Generate(generate_, sampler, [show](std::string_view piece) {
      if (show && !piece.empty()) {
        std::fwrite(piece.data(), 1, piece.size(), stdout);
        // A reader that went away ends the answer; main() tells it.
        if (std::fflush(stdout) != 0) return false;
      }
      return !Interrupted();
    });
  }

  void PrintStatistics(const Generated& answer, const Session& session,
                       const model::Model& model) const {
    std::string guesses;
    if (generate_.speculator != nullptr) {
      guesses = std::to_string(answer.proposed_tokens) + " tokens proposed, " +
                std::to_string(answer.accepted_tokens) + " accepted; ";
    }
    std::fprintf(
        stderr,
        "prompt %zu tokens, %.1f tokens/s; answer %zu tokens, %.1f tokens/s; %smemory %s at "
        "most (weights %s, KV %s)\n",
        answer.prompt_tokens,
        static_cast<double>(answer.prompt_tokens) / std::max(1e-9, answer.prompt_seconds),
        answer.ids.size(),
        static_cast<double>(answer.ids.size()) / std::max(1e-9, answer.answer_seconds),
        guesses.c_str(), FormatBytes(PeakResidentBytes()).c_str(),
        FormatBytes(model.weights.resting_bytes).c_str(), FormatBytes(session.kv_bytes()).c_str());
    if (answer.reason == FinishReason::kContextFull) {
      std::fprintf(stderr, "the context of %zu tokens is full; -c gives more\n", session.context());
    }
  }

  Status Chat(const model::Model& model, const ChatEncoder& encoder, Session& session,
              engine::Sampler& sampler) {
    const bool watched = isatty(STDIN_FILENO) != 0;
    if (watched) std::fprintf(stderr, "Chat. /help tells the commands, Ctrl-D ends.\n");
    ordered_json messages = FirstMessages();
    std::string line;
    while (true) {
      if (watched) std::fprintf(stderr, "> ");
      if (!std::getline(std::cin, line)) break;
      if (line.empty()) continue;
      if (line[0] == '/') {
        ALT_ASSIGN_OR_RETURN(const bool go_on, ObeyCommand(line, messages));
        if (!go_on) break;
        continue;
      }
      messages.push_back({{"role", "user"}, {"content", line}});
      const Status accepted = SetPrompt(encoder, messages, session);
      if (!accepted.ok()) {
        if (!watched) return accepted;
        // What was said is not lost: it can be saved, or shortened by starting anew.
        std::fprintf(stderr, "%s\n/save FILE keeps the conversation, /clear starts anew.\n",
                     accepted.message().c_str());
        messages.erase(messages.size() - 1);
        continue;
      }
      ALT_ASSIGN_OR_RETURN(const Generated answer, Answer(session, sampler, true));
      std::printf("\n");
      if (std::fflush(stdout) != 0) break;
      if (watched) PrintStatistics(answer, session, model);
      if (Interrupted() && !watched) break;
      ClearInterrupt();
      messages.push_back({{"role", "assistant"}, {"content", answer.text}});
    }
    if (watched) std::fprintf(stderr, "\n");
    if (Interrupted()) return Status(ErrorCode::kCancelled, "the chat was cut short");
    return Status();
  }

  static Status SetPrompt(const ChatEncoder& encoder, const ordered_json& messages,
                          Session& session) {
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(const auto ids, encoder.Encode(messages, &dropped));
    WarnOfDroppedBytes(dropped);
    return session.SetPrompt(ids);
  }

  /// False: the chat ends.
  Result<bool> ObeyCommand(const std::string& line, ordered_json& messages) const {
    if (line == "/bye" || line == "/exit" || line == "/quit") return false;
    if (line == "/clear") {
      messages = FirstMessages();
      std::fprintf(stderr, "The conversation starts anew.\n");
      return true;
    }
    if (line.rfind("/save ", 0) == 0) {
      const Status saved = Save(line.substr(6), messages);
      // A wrong path must not end the chat.
      std::fprintf(stderr, "%s\n", saved.ok() ? "Saved." : saved.message().c_str());
      return true;
    }
    if (line != "/help") std::fprintf(stderr, "Unknown command %s.\n", line.c_str());
    std::fprintf(stderr,
                 "/clear       start anew\n"
                 "/save FILE   write the conversation as JSON\n"
                 "/bye         end (also Ctrl-D); Ctrl-C ends an answer\n");
    return true;
  }

  static Status Save(const std::string& path, const ordered_json& messages) {
    ALT_ASSIGN_OR_RETURN(auto file, formats::AtomicFile::Create(path));
    const std::string text = ordered_json{{"messages", messages}}.dump(
                                 2, ' ', false, ordered_json::error_handler_t::replace) +
                             "\n";
    ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(text))));
    return file.Commit();
  }

  std::string model_, file_, system_;
  std::optional<std::string> prompt_;
  std::string kv_type_ = "f16";
  std::vector<std::string> logit_bias_, template_variables_;
  size_t context_ = 0;
  int64_t n_predict_ = -1;
  bool raw_ = false, json_ = false;
  engine::SamplerOptions sampler_;
  engine::GenerateOptions generate_;
  SpeculationOptions speculation_;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeRun() { return std::make_unique<RunCommand>(); }

}  // namespace altteul::tools

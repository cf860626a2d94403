// altteul compress MODEL OUT: a smaller file. With --type every weight goes into that type; with
// --size, --bpw or --kld each tensor gets the type that its sensitivity asks for.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "compress/recode.h"
#include "compress/type_plan.h"
#include "eval/evaluate.h"
#include "tools/command.h"
#include "tools/compress_report.h"
#include "tools/json_output.h"
#include "tools/runtime.h"

namespace altteul::tools {
namespace {

using compress::PlannedTypes;
using compress::TypePlan;
using compress::TypeRules;
using text::TokenId;

// What a mix is made of where nobody says otherwise: types that all readers of GGUF know and that
// no other of the same size beats.
constexpr const char* kMixedTypes =
    "Q8_0,Q6_K,Q5_K,Q5_1,Q5_0,Q4_K,Q4_1,IQ4_XS,IQ4_NL,MXFP4,Q3_K,IQ3_S,IQ3_XXS,Q2_K,IQ2_S,IQ2_XS,"
    "IQ2_XXS,Q2_0";

/// A calibration text, cut into what weights are fitted to and what choices are judged on.
struct Calibration {
  std::vector<TokenId> ids;
  size_t text_tokens = 0;    ///< of the whole text
  size_t fitted_tokens = 0;  ///< from the first on
  size_t held_out_tokens = 0;

  std::span<const TokenId> fitted() const { return std::span(ids).first(fitted_tokens); }
  std::span<const TokenId> held_out() const {
    return std::span(ids).subspan(fitted_tokens, held_out_tokens);
  }
};

class CompressCommand : public Command {
 public:
  std::string_view name() const override { return "compress"; }
  std::string_view summary() const override { return "write a model again in fewer bits"; }

  void AddOptions(CLI::App& app) override {
    app.add_option("model", model_, "GGUF file or Hugging Face folder")->required();
    app.add_option("out", out_, "the file to write");
    CLI::Option_group* target = app.add_option_group("target", "what is wanted, one of");
    target->add_option("--type", type_,
                       "a type for every matrix; the embedding and the head get at least Q8_0. One "
                       "of " +
                           compress::WritableTypes());
    target->add_option("--size", size_, "a file of at most this size, for example 70MB");
    target->add_option("--bpw", bpw_, "a file of at most so many bits a weight, all counted")
        ->check(CLI::PositiveNumber);
    target->add_option("--kld", kld_, "an expected KL divergence of at most this [nats a token]")
        ->check(CLI::PositiveNumber);
    target->add_flag("--plan", plan_, "show what each size would cost; nothing is written");
    target->require_option(1);
    app.add_option("--types", types_, "what a mix may be made of")
        ->delimiter(',')
        ->default_str(kMixedTypes);
    app.add_option(
           "--only", only_,
           "REGEX=TYPE: this type for tensors whose name matches; may be repeated, the last "
           "match wins")
        ->allow_extra_args(false);
    app.add_option("--keep", keep_, "REGEX: matching tensors stay as they are; may be repeated")
        ->allow_extra_args(false);
    CLI::Option* text = app.add_option(
        "--text", text_, "calibration text: weights are encoded for the inputs that it gives them");
    app.add_option("--chunks", chunks_, "with --text: chunks of 512 tokens used, 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str()
        ->needs(text);
    app.add_option("--held-out", held_out_chunks_,
                   "with --text: chunks, the last ones, on which a mix is chosen and judged")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str()
        ->needs(text);
    app.add_option("--damping", calibration_.damping,
                   "with --text: how far what the text does not show is trusted to stay")
        ->check(CLI::Range(1e-4, 1e4))
        ->capture_default_str()
        ->needs(text);
    app.add_option("--descents", calibration_.steps.descents,
                   "with --text: sweeps that move codes and scales after the first rounding")
        ->check(CLI::Range(0, 100))
        ->capture_default_str()
        ->needs(text);
    app.add_flag("!--no-feedback", calibration_.steps.feedback,
                 "with --text: columns do not make up for earlier ones")
        ->needs(text);
    app.add_flag("!--symmetric", calibration_.asymmetric,
                 "with --text: layers do not make up for earlier ones")
        ->needs(text);
    app.add_flag("--force", force_, "replace a file that is already there");
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_RETURN_IF_ERROR(CheckOptions());
    ALT_ASSIGN_OR_RETURN(TypeRules rules, MakeRules());
    ALT_ASSIGN_OR_RETURN(runtime_, MakeRuntime(compute_));
    ALT_ASSIGN_OR_RETURN(source_, model::Checkpoint::Open(model_));
    if (!plan_) ALT_RETURN_IF_ERROR(compress::CheckRecode(*source_, out_));
    if (bpw_ > 0) {
      uint64_t elements = 0;
      for (const auto& tensor : source_->tensors()) elements += tensor.view.shape.Elements();
      most_bytes_ = static_cast<uint64_t>(bpw_ * static_cast<double>(elements) / 8);
    }
    if (!text_.empty()) ALT_RETURN_IF_ERROR(ReadCalibration());

    std::optional<TypePlan> plan;
    std::optional<PlannedTypes> chosen;
    if (IsMixed()) {
      ALT_ASSIGN_OR_RETURN(plan, MakePlan(rules));
      if (plan_) return ShowPlan(*plan);
      ALT_ASSIGN_OR_RETURN(chosen, Choose(*plan));
      rules = plan->RulesFor(*chosen);
    }
    ALT_ASSIGN_OR_RETURN(const compress::EncodedTensors calibrated, Encode(rules));
    original_.reset();
    ALT_ASSIGN_OR_RETURN(const auto report,
                         compress::Recode(*source_, rules, calibrated, out_, *runtime_->team,
                                          TerminalProgress("writing tensor")));
    for (const std::string& tensor : report.left_out) {
      std::fprintf(stderr, "warning: %s: tensor %s is not used and was left out\n", model_.c_str(),
                   tensor.c_str());
    }
    std::optional<eval::Divergence> divergence;
    if (IsMixed()) {
      ALT_ASSIGN_OR_RETURN(divergence, Judge());
    }
    Print(report, plan ? &*plan : nullptr, chosen ? &*chosen : nullptr,
          divergence ? &*divergence : nullptr);
    return Status();
  }

 private:
  bool IsMixed() const { return type_.empty(); }

  Status CheckOptions() {
    if (!size_.empty()) {
      most_bytes_ = ParseBytes(size_);
      if (!most_bytes_) {
        return Status(ErrorCode::kInvalidArgument,
                      "'" + size_ + "' is no size; write it like 70MB or 1.5GiB");
      }
    }
    if (plan_ != out_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    plan_ ? "--plan writes nothing, but a file to write was given: " + out_
                          : "give the file to write");
    }
    if (IsMixed() && text_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "a mix of types is chosen by measuring on a text; give one (--text)");
    }
    if (!IsMixed() && !types_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--types is what a mix is made of, but --type asks for a single one");
    }
    std::error_code ignored;
    if (!plan_ && !force_ && std::filesystem::exists(out_, ignored)) {
      return Status(ErrorCode::kInvalidArgument,
                    out_ + ": is already there; give another name or --force");
    }
    return Status();
  }

  Result<TypeRules> MakeRules() const {
    DType type = DType::kQ8_0;
    if (!IsMixed()) {
      ALT_ASSIGN_OR_RETURN(type, compress::ParseWritableType(type_));
    }
    std::vector<std::string> exceptions = only_;
    for (const std::string& pattern : keep_) exceptions.push_back(pattern + "=keep");
    return TypeRules::Create(type, exceptions);
  }

  Status ReadCalibration() {
    ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(text_));
    ALT_ASSIGN_OR_RETURN(original_, Load(model_, *runtime_, kernels::Precision::kF32));
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(
        text_ids_.ids,
        original_->tokenizer->Encode(text, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
    WarnOfDroppedBytes(dropped);
    text_ids_.text_tokens = text_ids_.ids.size();
    const size_t context = calibration_.context;
    size_t n_chunks = text_ids_.ids.size() / context;
    if (chunks_ != 0) n_chunks = std::min(n_chunks, chunks_ + (IsMixed() ? held_out_chunks_ : 0));
    size_t n_held_out = 0;
    if (IsMixed()) {
      if (n_chunks <= held_out_chunks_) {
        return Status(ErrorCode::kInvalidArgument,
                      text_ + ": has " + FormatCount(text_ids_.text_tokens) +
                          " tokens, too few for one chunk of " + std::to_string(context) +
                          " to fit to and " + std::to_string(held_out_chunks_) + " to judge on");
      }
      n_held_out = held_out_chunks_;
    }
    text_ids_.fitted_tokens = (n_chunks - n_held_out) * context;
    text_ids_.held_out_tokens = n_held_out * context;
    return Status();
  }

  /// Surveys every tensor between whose types there is a choice; all others get their type in
  /// `rules`.
  Result<TypePlan> MakePlan(TypeRules& rules) {
    std::vector<DType> candidates;
    std::vector<std::string> names = types_;
    if (names.empty()) names = CLI::detail::split(kMixedTypes, ',');
    for (const std::string& each : names) {
      ALT_ASSIGN_OR_RETURN(const DType type, compress::ParseWritableType(each));
      candidates.push_back(type);
    }
    const auto choices = [&](std::string_view name, const TensorView& tensor) {
      return rules.ChoicesFor(name, tensor, candidates);
    };
    for (const auto& tensor : source_->tensors()) {
      ALT_ASSIGN_OR_RETURN(const auto types, choices(tensor.name, tensor.view));
      if (types.size() == 1) rules.Assign(tensor.name, types.front());
    }
    ALT_RETURN_IF_ERROR(CheckSize(rules, choices));
    const compress::SurveyOptions options{.context = calibration_.context,
                                          .damping = calibration_.damping};
    const size_t n = std::min(text_ids_.fitted_tokens, kSurveyChunks * calibration_.context);
    const size_t n_probe = std::min(text_ids_.held_out_tokens, kProbeTokens);
    ALT_ASSIGN_OR_RETURN(
        auto surveys,
        compress::SurveyTensors(*original_, choices, text_ids_.fitted().first(n),
                                text_ids_.held_out().first(n_probe), options, *runtime_->kernels,
                                *runtime_->team, TerminalProgress("measuring group")));
    return TypePlan::Create(std::move(surveys), *source_, rules);
  }

  Result<PlannedTypes> Choose(const TypePlan& plan) const {
    return most_bytes_ ? plan.Within(*most_bytes_) : plan.ForDivergence(kld_);
  }

  /// Refuses a size out of reach before anything is measured.
  Status CheckSize(const TypeRules& rules, const compress::TypeChoices& choices) const {
    if (!most_bytes_) return Status();
    TypeRules smallest = rules;
    for (const auto& tensor : source_->tensors()) {
      ALT_ASSIGN_OR_RETURN(const auto types, choices(tensor.name, tensor.view));
      smallest.Assign(tensor.name,
                      *std::min_element(types.begin(), types.end(), [](DType a, DType b) {
                        return TraitsOf(a).bits_per_element() < TraitsOf(b).bits_per_element();
                      }));
    }
    ALT_ASSIGN_OR_RETURN(const auto file, compress::PlanRecode(*source_, smallest));
    if (file.file_bytes <= *most_bytes_) return Status();
    return Status(ErrorCode::kQualityGate,
                  "no mix of the types gives a file of " + FormatCount(*most_bytes_) +
                      " bytes; the smallest has " + FormatCount(file.file_bytes));
  }

  Status ShowPlan(const TypePlan& plan) const {
    if (!json_) {
      PrintFront(plan);
      return Status();
    }
    PrintJson({{"model", model_},
               {"front", FrontAsJson(plan)},
               {"tensors", SurveyAsJson(plan, nullptr)}});
    return Status();
  }

  /// Nothing without a text.
  Result<compress::EncodedTensors> Encode(const TypeRules& rules) {
    if (text_.empty()) return compress::EncodedTensors();
    const auto choose = [&](std::string_view name, const TensorView& tensor) -> Result<DType> {
      ALT_ASSIGN_OR_RETURN(const auto choice, rules.For(name, tensor));
      return choice.type;
    };
    return compress::EncodeCalibrated(*original_, choose, text_ids_.fitted(), calibration_,
                                      *runtime_->kernels, *runtime_->team,
                                      TerminalProgress("encoding group"));
  }

  /// What became of the model, on the text that was held out.
  Result<eval::Divergence> Judge() {
    const size_t context = calibration_.context;
    const auto open = [&](const std::string& path, kernels::Precision precision)
        -> Result<
            std::pair<std::unique_ptr<const model::Model>, std::unique_ptr<engine::Forward>>> {
      ALT_ASSIGN_OR_RETURN(auto model, Load(path, *runtime_, precision));
      ALT_ASSIGN_OR_RETURN(
          auto forward,
          engine::Forward::Create(*model, *runtime_->kernels, *runtime_->team, context, context));
      return std::pair(std::move(model), std::move(forward));
    };
    ALT_ASSIGN_OR_RETURN(const auto original, open(model_, kernels::Precision::kF32));
    ALT_ASSIGN_OR_RETURN(const auto compressed, open(out_, kernels::Precision::kFast));
    ALT_ASSIGN_OR_RETURN(
        const eval::Evaluation evaluation,
        eval::Evaluate({.candidate = compressed.second.get(), .reference = original.second.get()},
                       text_ids_.held_out(), {.context = context}, *runtime_->team,
                       TerminalProgress("judging chunk")));
    return *evaluation.divergence;
  }

  void Print(const compress::RecodeReport& report, const TypePlan* plan, const PlannedTypes* chosen,
             const eval::Divergence* divergence) const {
    if (json_) {
      nlohmann::ordered_json json = RecodedAsJson(out_, report);
      if (!text_.empty()) {
        json["calibration_tokens"] = text_ids_.fitted_tokens;
        json["held_out_tokens"] = text_ids_.held_out_tokens;
        json["text_tokens"] = text_ids_.text_tokens;
      }
      if (plan != nullptr) {
        json["kld_expected"] = chosen->kl;
        json["held_out"] = DivergenceAsJson(*divergence);
        json["front"] = FrontAsJson(*plan);
        json["survey"] = SurveyAsJson(*plan, chosen);
      }
      PrintJson(json);
      return;
    }
    PrintRecoded(out_, report);
    if (!text_.empty()) {
      std::printf("Calibrated on %s of the text's %s tokens\n",
                  FormatCount(text_ids_.fitted_tokens).c_str(),
                  FormatCount(text_ids_.text_tokens).c_str());
    }
    if (divergence != nullptr) {
      std::printf("KL divergence on %s tokens held out: %s +/- %s nats a token (expected: %s)\n",
                  FormatCount(text_ids_.held_out_tokens).c_str(),
                  FormatFixed(divergence->mean, 4).c_str(),
                  FormatFixed(divergence->stderr_, 4).c_str(), FormatFixed(chosen->kl, 4).c_str());
    }
    std::printf("What was lost: altteul eval %s --reference %s --text FILE\n", out_.c_str(),
                model_.c_str());
  }

  // Second moments for the survey need less text than those that weights are fitted to.
  static constexpr size_t kSurveyChunks = 8;
  // What a tensor does to the answers is measured for each tensor, so on little text.
  static constexpr size_t kProbeTokens = 256;

  std::string model_, out_, type_, size_, text_;
  double bpw_ = 0, kld_ = 0;
  std::optional<uint64_t> most_bytes_;  // what --size and --bpw ask for
  bool plan_ = false;
  std::vector<std::string> types_, only_, keep_;
  compress::CalibrationOptions calibration_;
  size_t chunks_ = 0, held_out_chunks_ = 2;
  bool force_ = false, json_ = false;
  ComputeOptions compute_;

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<const model::Checkpoint> source_;
  std::unique_ptr<const model::Model> original_;
  Calibration text_ids_;
};

}  // namespace

std::unique_ptr<Command> MakeCompress() { return std::make_unique<CompressCommand>(); }

}  // namespace altteul::tools

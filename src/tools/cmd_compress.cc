// altteul compress MODEL OUT: a smaller file. With --type every weight goes into that type; with
// --size, --bpw or --kld each tensor gets the type that its sensitivity asks for.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "compress/calibration_text.h"
#include "compress/own_text.h"
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
    app.add_option("--text", texts_,
                   "FILE or FILE=WEIGHT: weights are encoded for the inputs that this text gives "
                   "them; may be repeated, each file gives its share of the chunks")
        ->allow_extra_args(false);
    app.add_flag("--own-text", own_text_,
                 "calibrate on text that the model writes itself (default for a mix)");
    seed_option_ =
        app.add_option("--seed", seed_, "of the model's own text")->capture_default_str();
    for_calibration_ = {
        app.add_option("--chunks", chunks_,
                       "chunks of 512 tokens to calibrate on, 0: all of the text")
            ->check(CLI::NonNegativeNumber)
            ->capture_default_str(),
        app.add_option("--damping", calibration_.damping,
                       "calibration: how far what the text does not show is trusted to stay")
            ->check(CLI::Range(1e-4, 1e4))
            ->capture_default_str(),
        app.add_option("--descents", calibration_.steps.descents,
                       "calibration: sweeps that move codes and scales after the first rounding")
            ->check(CLI::Range(0, 100))
            ->capture_default_str(),
        app.add_flag("!--no-feedback", calibration_.steps.feedback,
                     "calibration: columns do not make up for earlier ones"),
        app.add_flag("!--symmetric", calibration_.asymmetric,
                     "calibration: layers do not make up for earlier ones")};
    held_out_option_ = app.add_option("--held-out", held_out_chunks_,
                                      "for a mix: further chunks, on which it is chosen and judged")
                           ->check(CLI::Range(1, 10000))
                           ->capture_default_str();
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
    if (IsCalibrated()) ALT_RETURN_IF_ERROR(PrepareCalibration());

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
  bool IsCalibrated() const { return IsMixed() || own_text_ || !texts_.empty(); }

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
    if (own_text_ && !texts_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "calibrate on --own-text or on --text " + texts_.front() + ", not on both");
    }
    for (const CLI::Option* option : for_calibration_) {
      if (!IsCalibrated() && option->count() != 0) {
        return Status(ErrorCode::kInvalidArgument,
                      option->get_name() + " is about calibration; give --text or --own-text too");
      }
    }
    if (!IsMixed() && held_out_option_->count() != 0) {
      return Status(ErrorCode::kInvalidArgument,
                    "--held-out is for a mix of types, but --type asks for a single one");
    }
    if (seed_option_->count() != 0 && (!IsCalibrated() || !texts_.empty())) {
      return Status(ErrorCode::kInvalidArgument,
                    "--seed is of the model's own text; give --own-text");
    }
    if (texts_.empty() && IsCalibrated() && chunks_ == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    "--chunks 0 is all of a text, but the model's own "
                    "has no end");
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

  Status PrepareCalibration() {
    ALT_ASSIGN_OR_RETURN(const auto texts, texts_.empty() ? OwnText() : GivenTexts());
    ALT_ASSIGN_OR_RETURN(text_, compress::CutCalibrationText(
                                    texts, {.context = calibration_.context,
                                            .fitted_chunks = chunks_,
                                            .held_out_chunks = IsMixed() ? held_out_chunks_ : 0}));
    if (!original_) {
      ALT_ASSIGN_OR_RETURN(original_, Load(model_, *runtime_, kernels::Precision::kF32));
    }
    return Status();
  }

  Result<std::vector<compress::WeightedText>> GivenTexts() {
    ALT_ASSIGN_OR_RETURN(original_, Load(model_, *runtime_, kernels::Precision::kF32));
    std::vector<compress::WeightedText> texts;
    for (const std::string& given : texts_) {
      compress::WeightedText text;
      ALT_RETURN_IF_ERROR(SplitWeight(given, text));
      ALT_ASSIGN_OR_RETURN(const std::string words, ReadTextFile(text.name));
      size_t dropped = 0;
      ALT_ASSIGN_OR_RETURN(
          text.ids,
          original_->tokenizer->Encode(words, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
      WarnOfDroppedBytes(dropped);
      texts.push_back(std::move(text));
    }
    return texts;
  }

  /// "FILE" or "FILE=WEIGHT".
  static Status SplitWeight(const std::string& given, compress::WeightedText& text) {
    text.name = given;
    std::error_code ignored;
    const size_t equals = given.rfind('=');
    if (equals == std::string::npos || std::filesystem::exists(given, ignored)) return Status();
    const std::string weight = given.substr(equals + 1);
    const auto end = std::from_chars(weight.data(), weight.data() + weight.size(), text.weight);
    if (end.ec != std::errc() || end.ptr != weight.data() + weight.size()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--text " + given + ": '" + weight + "' is no weight");
    }
    text.name = given.substr(0, equals);
    return Status();
  }

  Result<std::vector<compress::WeightedText>> OwnText() {
    ALT_ASSIGN_OR_RETURN(const auto writer, Load(model_, *runtime_, kernels::Precision::kFast));
    compress::WeightedText text;
    text.name = "the model's own text";
    ALT_ASSIGN_OR_RETURN(
        text.ids, compress::WriteOwnText(*writer,
                                         {.n_chunks = chunks_ + (IsMixed() ? held_out_chunks_ : 0),
                                          .context = calibration_.context,
                                          .seed = seed_},
                                         *runtime_->kernels, *runtime_->team,
                                         TerminalProgress("writing token")));
    return std::vector{std::move(text)};
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
    const std::span<const TokenId> fitted(text_.fitted), held_out(text_.held_out);
    const size_t n = std::min(fitted.size(), kSurveyChunks * calibration_.context);
    const size_t n_probe = std::min(held_out.size(), kProbeTokens);
    ALT_ASSIGN_OR_RETURN(auto surveys, compress::SurveyTensors(
                                           *original_, choices, fitted.first(n),
                                           held_out.first(n_probe), options, *runtime_->kernels,
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

  /// Nothing without calibration.
  Result<compress::EncodedTensors> Encode(const TypeRules& rules) {
    if (!IsCalibrated()) return compress::EncodedTensors();
    const auto choose = [&](std::string_view name, const TensorView& tensor) -> Result<DType> {
      ALT_ASSIGN_OR_RETURN(const auto choice, rules.For(name, tensor));
      return choice.type;
    };
    return compress::EncodeCalibrated(*original_, choose, text_.fitted, calibration_,
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
                       text_.held_out, {.context = context}, *runtime_->team,
                       TerminalProgress("judging chunk")));
    return *evaluation.divergence;
  }

  void Print(const compress::RecodeReport& report, const TypePlan* plan, const PlannedTypes* chosen,
             const eval::Divergence* divergence) const {
    if (json_) {
      nlohmann::ordered_json json = RecodedAsJson(out_, report);
      if (IsCalibrated()) {
        json["calibration_tokens"] = text_.fitted.size();
        json["held_out_tokens"] = text_.held_out.size();
        json["text_tokens"] = text_.text_tokens;
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
    if (IsCalibrated()) {
      std::printf("Calibrated on %s of %s tokens\n", FormatCount(text_.fitted.size()).c_str(),
                  FormatCount(text_.text_tokens).c_str());
    }
    if (divergence != nullptr) {
      std::printf("KL divergence on %s tokens held out: %s +/- %s nats a token (expected: %s)\n",
                  FormatCount(text_.held_out.size()).c_str(),
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

  std::string model_, out_, type_, size_;
  double bpw_ = 0, kld_ = 0;
  std::optional<uint64_t> most_bytes_;  // what --size and --bpw ask for
  bool plan_ = false;
  std::vector<std::string> types_, only_, keep_, texts_;
  bool own_text_ = false;
  std::vector<const CLI::Option*> for_calibration_;
  const CLI::Option *seed_option_ = nullptr, *held_out_option_ = nullptr;
  uint64_t seed_ = 0;
  compress::CalibrationOptions calibration_;
  size_t chunks_ = 32, held_out_chunks_ = 4;
  bool force_ = false, json_ = false;
  ComputeOptions compute_;

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<const model::Checkpoint> source_;
  std::unique_ptr<const model::Model> original_;
  compress::CalibrationText text_;
};

}  // namespace

std::unique_ptr<Command> MakeCompress() { return std::make_unique<CompressCommand>(); }

}  // namespace altteul::tools

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
#include "base/machine.h"
#include "compress/recode.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"
#include "formats/atomic_file.h"
#include "tools/calibration_source.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/compress_judge.h"
#include "tools/compress_page.h"
#include "tools/compress_report.h"
#include "tools/json_output.h"
#include "tools/runtime.h"
#include "tools/version.h"

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
    source_of_text_.AddTo(app);
    for_calibration_ = {
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
    app.add_option("--judge", judge_,
                   "NAME=FILE: a text on which original and result are held against each other; "
                   "may be repeated")
        ->allow_extra_args(false);
    app.add_option("--judge-chunks", judge_options_.max_chunks,
                   "chunks of 512 tokens of each text that is judged on, 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--max-kld", max_kld_,
                   "no file when the KL divergence is larger than this [nats a token], on the "
                   "first text that is judged on or else on what was held out")
        ->check(CLI::PositiveNumber);
    app.add_option("--report", report_,
                   "NAME.html: also write a page that shows what it cost, and NAME.json");
    app.add_flag("--force", force_, "replace a file that is already there");
    app.add_flag("--resume", resume_,
                 "go on where the same command was stopped, with what OUT.work holds");
    app.add_flag("--restart", restart_, "throw away what OUT.work holds and begin anew")
        ->excludes("--resume");
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
    app_ = &app;
  }

  Status Run() override {
    ALT_RETURN_IF_ERROR(CheckOptions());
    ALT_ASSIGN_OR_RETURN(TypeRules rules, MakeRules());
    ALT_ASSIGN_OR_RETURN(record_.judge_texts, ParseJudgeTexts(judge_, source_of_text_.Files()));
    ALT_ASSIGN_OR_RETURN(runtime_, MakeRuntime(compute_));
    ALT_ASSIGN_OR_RETURN(source_, model::Checkpoint::Open(model_));
    if (!plan_) ALT_RETURN_IF_ERROR(compress::CheckRecode(*source_, out_));
    CountBytes();
    ALT_RETURN_IF_ERROR(OpenReport());
    if (IsCalibrated()) ALT_RETURN_IF_ERROR(ReadCalibration());
    ALT_RETURN_IF_ERROR(ReadJudgeTexts());
    ALT_RETURN_IF_ERROR(TakeNotes());
    ALT_RETURN_IF_ERROR(OpenWork());
    const Status status = Compress(rules);
    return work_ ? EndWork(status) : status;
  }

 private:
  Status Compress(TypeRules& rules) {
    if (IsMixed()) {
      ALT_ASSIGN_OR_RETURN(record_.plan, MakePlan(rules));
      if (plan_) return ShowPlan(*record_.plan);
      ALT_ASSIGN_OR_RETURN(record_.chosen, Choose(*record_.plan));
      rules = record_.plan->RulesFor(*record_.chosen);
    }
    ALT_ASSIGN_OR_RETURN(const compress::EncodedTensors calibrated, Encode(rules));
    original_.reset();
    ALT_RETURN_IF_ERROR(Write(rules, calibrated));
    if (page_) ALT_RETURN_IF_ERROR(WriteReport());
    if (json_) {
      PrintJson(CompressionAsJson(record_));
    } else {
      PrintCompression(record_);
    }
    return Status();
  }

  bool IsMixed() const { return type_.empty(); }
  bool IsCalibrated() const { return IsMixed() || source_of_text_.is_given(); }
  /// Whether chunks of the calibration text are judged on.
  bool HoldsOut() const {
    return IsMixed() || (IsCalibrated() && judge_.empty() && (max_kld_ > 0 || !report_.empty()));
  }
  bool ShowsUse() const { return !judge_.empty() || !report_.empty(); }

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
    ALT_RETURN_IF_ERROR(source_of_text_.Check(IsCalibrated(), HoldsOut()));
    for (const CLI::Option* option : for_calibration_) {
      if (!IsCalibrated() && option->count() != 0) {
        return Status(ErrorCode::kInvalidArgument,
                      option->get_name() + " is about calibration; give --text or --own-text too");
      }
    }
    if (!IsMixed() && !types_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--types is what a mix is made of, but --type asks for a single one");
    }
    if (plan_ && (!judge_.empty() || max_kld_ > 0 || !report_.empty())) {
      return Status(ErrorCode::kInvalidArgument,
                    "--plan writes nothing that --judge, --max-kld or --report could be about");
    }
    if ((max_kld_ > 0 || !report_.empty()) && !IsCalibrated() && judge_.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "without a calibration text nothing is held out to judge on; give a text "
                    "(--judge NAME=FILE)");
    }
    std::error_code ignored;
    if (plan_ && (resume_ || restart_)) {
      return Status(ErrorCode::kInvalidArgument,
                    "--plan keeps no work that --resume or --restart could be about");
    }
    if (!plan_ && !MayReplace() && std::filesystem::exists(out_, ignored)) {
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

  /// What --bpw allows.
  void CountBytes() {
    if (!(bpw_ > 0)) return;
    uint64_t elements = 0;
    for (const auto& tensor : source_->tensors()) elements += tensor.view.shape.Elements();
    most_bytes_ = static_cast<uint64_t>(bpw_ * static_cast<double>(elements) / 8);
  }

  Status ReadCalibration() {
    ALT_ASSIGN_OR_RETURN(auto calibration,
                         source_of_text_.Read(model_, calibration_.context, HoldsOut(), *runtime_));
    text_ = std::move(calibration.text);
    calibration_contents_ = std::move(calibration.contents);
    record_.calibration = std::move(calibration.record);
    ALT_ASSIGN_OR_RETURN(original_, Load(model_, *runtime_, kernels::Precision::kF32));
    return Status();
  }

  /// Now, because work of hours should not end at a text that is missing or too short. What was
  /// held out comes last.
  Status ReadJudgeTexts() {
    if (record_.judge_texts.empty() && !HoldsOut()) return Status();
    ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, source_->ReadTokenizer());
    ALT_ASSIGN_OR_RETURN(const auto tokenizer, text::MakeTokenizer(std::move(spec)));
    for (JudgeText& judge : record_.judge_texts) {
      ALT_ASSIGN_OR_RETURN(std::string content, ReadTextFile(judge.file));
      size_t dropped = 0;
      ALT_RETURN_IF_ERROR(FillJudgeText(std::move(content), calibration_contents_, *tokenizer,
                                        judge_options_.context, &judge, &dropped));
      WarnOfDroppedBytes(dropped);
    }
    if (HoldsOut()) {
      JudgeText held_out{.name = kHeldOut, .file = {}, .sha256 = {}, .text = {}, .ids = {}};
      held_out.ids = text_.held_out;
      held_out.text = tokenizer->Decode(held_out.ids, false);
      record_.judge_texts.push_back(std::move(held_out));
    }
    return Status();
  }

  std::string Target() const {
    if (!type_.empty()) return "type " + type_;
    if (!size_.empty()) return "size " + size_;
    if (kld_ > 0) return "kld " + CLI::detail::to_string(kld_);
    if (bpw_ > 0) return "bpw " + CLI::detail::to_string(bpw_);
    return "size 1000000000";  // --plan: as long as what a size that it shows will be written as
  }

  /// What is known before the work, and what of it the file will tell.
  Status TakeNotes() {
    record_.model = model_;
    record_.out = out_;
    record_.command = CommandLineOf(*app_);
    record_.version = std::string(ProgramVersion());
    record_.processor = CpuModelName();
    record_.isa = std::string(runtime_->kernels->name);
    record_.threads = runtime_->team->size();
    ALT_ASSIGN_OR_RETURN(record_.source_files, DigestModel(*source_));

    const auto note = [this](const char* key, auto value) { notes_.emplace_back(key, value); };
    note("general.quantized_by", "Altteul " + record_.version);
    note("altteul.source.sha256", JoinDigests(record_.source_files));
    note("altteul.target", Target());
    if (!types_.empty()) note("altteul.types", CLI::detail::join(types_, ","));
    if (!only_.empty()) note("altteul.only", CLI::detail::join(only_, "\n"));
    if (!keep_.empty()) note("altteul.keep", CLI::detail::join(keep_, "\n"));
    if (!record_.calibration) return Status();
    note("altteul.calibration.sha256", record_.calibration->sha256);
    if (source_of_text_.is_own_text()) note("altteul.calibration.seed", source_of_text_.seed());
    note("altteul.calibration.tokens", uint64_t{text_.fitted.size()});
    note("altteul.calibration.held_out_tokens", uint64_t{text_.held_out.size()});
    note("altteul.calibration.context", uint64_t{calibration_.context});
    note("altteul.calibration.damping", calibration_.damping);
    note("altteul.calibration.descents", uint64_t(calibration_.steps.descents));
    note("altteul.calibration.feedback", calibration_.steps.feedback);
    note("altteul.calibration.asymmetric", calibration_.asymmetric);
    return Status();
  }

  /// Opened before the work: a wrong folder is told at once.
  Status OpenReport() {
    if (report_.empty()) return Status();
    constexpr std::string_view kEnding = ".html";
    if (!report_.ends_with(kEnding)) {
      return Status(ErrorCode::kInvalidArgument,
                    "--report " + report_ + ": the name of a page ends in .html");
    }
    const std::string json = report_.substr(0, report_.size() - kEnding.size()) + ".json";
    std::error_code ignored;
    for (const std::string& name : {report_, json}) {
      if (name == out_ || (!MayReplace() && std::filesystem::exists(name, ignored))) {
        return Status(ErrorCode::kInvalidArgument,
                      name + ": is already there; give another name or --force");
      }
    }
    ALT_ASSIGN_OR_RETURN(page_, formats::AtomicFile::Create(report_));
    ALT_ASSIGN_OR_RETURN(page_json_, formats::AtomicFile::Create(json));
    return Status();
  }

  std::string WorkPath() const { return out_ + ".work"; }
  /// Whether files may be replaced: ours, if the work that goes on had begun to write them.
  bool MayReplace() const {
    return force_ || (resume_ && compress::WorkFolder::HasText(WorkPath(), kWriting));
  }

  /// What is calibrated takes long; what of it is finished is kept beside the result.
  Status OpenWork() {
    if (plan_ || !IsCalibrated()) return Status();
    if (restart_) ALT_RETURN_IF_ERROR(compress::WorkFolder::Remove(WorkPath()));
    std::error_code ignored;
    if (!resume_ && std::filesystem::exists(WorkPath(), ignored)) {
      return Status(ErrorCode::kInvalidArgument,
                    WorkPath() +
                        ": holds unfinished work on this file; --resume goes on with it, "
                        "--restart throws it away");
    }
    compress::Job job;
    for (const auto& note : notes_) {
      const std::string value =
          std::visit([](const auto& each) -> std::string { return CLI::detail::to_string(each); },
                     note.second);
      (note.first == "altteul.target" ? job.target : job.input).emplace_back(note.first, value);
    }
    job.input.emplace_back("instruction set", record_.isa);
    ALT_ASSIGN_OR_RETURN(work_, compress::WorkFolder::Resume(WorkPath(), job, StandardErrorLog()));
    if (!resume_) return Status();
    formats::RemoveAbandoned(out_);
    if (!report_.empty()) formats::RemoveAbandoned(report_);
    return Status();
  }

  Status EndWork(const Status& status) {
    if (status.ok() || work_->n_pieces() == 0) {
      const Status finished = work_->Finish();
      return status.ok() ? finished : status;
    }
    std::fprintf(stderr, "What is finished is kept in %s; the same command with --resume goes on\n",
                 WorkPath().c_str());
    return status;
  }

  /// Where a phase of long work rests; what it says of its time goes to standard error.
  struct Phase {
    Phase(CompressCommand& command, const char* doing, const char* progress)
        : doing_(doing),
          clock_(command.runtime_->clock),
          begin_(clock_.Seconds()),
          estimate_(clock_, [this](double seconds) { Tell(seconds); }) {
      place.folder = command.work_ ? &*command.work_ : nullptr;
      place.estimate = &estimate_;
      place.progress = TimedProgress(progress, [this] { return estimate_.SecondsLeft(); });
    }
    ~Phase() {
      const double took = clock_.Seconds() - begin_;
      if (expected_ < kWorthTelling && took < kWorthTelling) return;
      std::fprintf(stderr, "%s took %s, expected were %s\n", doing_, FormatDuration(took).c_str(),
                   FormatDuration(expected_).c_str());
    }
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

    compress::WorkPlace place;

   private:
    static constexpr double kWorthTelling = 10;  // seconds

    void Tell(double seconds) {
      expected_ = clock_.Seconds() - begin_ + seconds;
      if (expected_ < kWorthTelling) return;
      std::fprintf(stderr, "%s will take about %s\n", doing_, FormatDuration(expected_).c_str());
    }

    const char* doing_;
    const Clock& clock_;
    double begin_, expected_ = 0;
    compress::WorkEstimate estimate_;
  };

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
    const Phase phase(*this, "Measuring", "measuring group");
    ALT_ASSIGN_OR_RETURN(
        auto surveys,
        compress::SurveyTensors(*original_, choices, fitted.first(n), held_out.first(n_probe),
                                options, *runtime_->kernels, *runtime_->team, phase.place));
    return TypePlan::Create(std::move(surveys), *source_, rules, notes_);
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
    ALT_ASSIGN_OR_RETURN(const auto file, compress::PlanRecode(*source_, smallest, notes_));
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
    const Phase phase(*this, "Encoding", "encoding group");
    return compress::EncodeCalibrated(*original_, choose, text_.fitted, calibration_,
                                      *runtime_->kernels, *runtime_->team, phase.place);
  }

  /// With --max-kld the result has its name only after it has passed.
  Status Write(const TypeRules& rules, const compress::EncodedTensors& calibrated) {
    std::optional<formats::PendingFile> pending;
    if (max_kld_ > 0) {
      ALT_ASSIGN_OR_RETURN(pending, formats::PendingFile::Beside(out_));
    }
    const std::string& name = pending ? pending->name() : out_;
    if (work_) ALT_RETURN_IF_ERROR(work_->KeepText(kWriting, ""));
    ALT_ASSIGN_OR_RETURN(record_.recoded,
                         compress::Recode(*source_, rules, calibrated, name, *runtime_->team,
                                          TerminalProgress("writing tensor"), notes_));
    for (const std::string& tensor : record_.recoded.left_out) {
      std::fprintf(stderr, "warning: %s: tensor %s is not used and was left out\n", model_.c_str(),
                   tensor.c_str());
    }
    ALT_RETURN_IF_ERROR(Judge(name));
    return pending ? pending->Publish() : Status();
  }

  /// What became of the model.
  Status Judge(const std::string& result) {
    if (record_.judge_texts.empty()) return Status();
    const JudgeRoom room{.kernels = *runtime_->kernels,
                         .team = *runtime_->team,
                         .clock = runtime_->clock,
                         .progress = TerminalProgress,
                         .log = StandardErrorLog()};
    Judgement& judgement = record_.judgement.emplace();
    ALT_ASSIGN_OR_RETURN(judgement.texts,
                         JudgeQuality(model_, result, record_.judge_texts, judge_options_, room));
    ALT_RETURN_IF_ERROR(CheckDivergence(judgement.texts.front(), max_kld_, out_));
    if (!ShowsUse()) return Status();
    ALT_RETURN_IF_ERROR(
        JudgeUse(model_, result, record_.judge_texts, judge_options_, room, &judgement));
    ALT_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(result));
    record_.result_sha256 = digest.sha256;
    return Status();
  }

  Status WriteReport() {
    const std::string html = CompressionHtml(record_);
    const std::string json = JsonLine(CompressionAsJson(record_));
    ALT_RETURN_IF_ERROR(page_->Write(std::as_bytes(std::span(html))));
    ALT_RETURN_IF_ERROR(page_json_->Write(std::as_bytes(std::span(json))));
    ALT_RETURN_IF_ERROR(page_->Commit());
    return page_json_->Commit();
  }

  // Second moments for the survey need less text than those that weights are fitted to.
  static constexpr size_t kSurveyChunks = 8;
  // Kept in the work folder once the result is being written.
  static constexpr const char* kWriting = "writing";
  // What a tensor does to the answers is measured for each tensor, so on little text.
  static constexpr size_t kProbeTokens = 256;

  const CLI::App* app_ = nullptr;
  std::string model_, out_, type_, size_, report_;
  double bpw_ = 0, kld_ = 0, max_kld_ = 0;
  std::optional<uint64_t> most_bytes_;  // what --size and --bpw ask for
  bool plan_ = false;
  std::vector<std::string> types_, only_, keep_, judge_;
  JudgeOptions judge_options_;
  compress::CalibrationOptions calibration_;
  CalibrationSource source_of_text_;
  std::vector<const CLI::Option*> for_calibration_;
  bool force_ = false, json_ = false, resume_ = false, restart_ = false;
  ComputeOptions compute_;

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<const model::Checkpoint> source_;
  std::unique_ptr<const model::Model> original_;
  compress::CalibrationText text_;
  std::vector<std::string> calibration_contents_;
  compress::FileNotes notes_;
  CompressionRecord record_;
  std::optional<compress::WorkFolder> work_;
  std::optional<formats::AtomicFile> page_, page_json_;
};

}  // namespace

std::unique_ptr<Command> MakeCompress() { return std::make_unique<CompressCommand>(); }

}  // namespace altteul::tools

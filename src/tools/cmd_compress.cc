// SPDX-License-Identifier: Apache-2.0

// altteul compress MODEL OUT: a smaller file. With --type every weight goes into that type; with
// --size, --for, --bpw or --kld each tensor gets the type that its sensitivity asks for.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "base/machine.h"
#include "compress/column_importance.h"
#include "compress/divergence_search.h"
#include "compress/grids.h"
#include "compress/input_squares.h"
#include "compress/source_exam.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"
#include "formats/imatrix.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/compress_options.h"
#include "tools/compress_places.h"
#include "tools/compress_report.h"
#include "tools/compress_warnings.h"
#include "tools/json_output.h"
#include "tools/model_card.h"
#include "tools/model_pull.h"
#include "tools/refine_mix.h"
#include "tools/report_files.h"
#include "tools/tensor_patterns.h"
#include "tools/terminal_text.h"
#include "tools/version.h"
#include "tools/work_phase.h"

namespace altteul::tools {
namespace {

using compress::PlannedTypes;
using compress::TypePlan;
using compress::TypeRules;
using text::TokenId;

class CompressCommand : public Command {
 public:
  std::string_view name() const override { return "compress"; }
  std::string_view summary() const override { return "write a model again in fewer bits"; }

  void AddOptions(CLI::App& app) override {
    options_.AddTo(app);
    app_ = &app;
  }

  Status Run() override {
    ALT_RETURN_IF_ERROR(options_.Check());
    asked_for_ = options_.model;
    ALT_ASSIGN_OR_RETURN(options_.model, ModelPath(asked_for_));
    if (!options_.plan) compress::WorkFolder::EndRemoval(WorkPath());
    ALT_RETURN_IF_ERROR(CheckPlaces(options_));
    ALT_ASSIGN_OR_RETURN(TypeRules rules, options_.MakeRules());
    ALT_ASSIGN_OR_RETURN(record_.judge_texts,
                         ParseJudgeTexts(options_.judge, options_.text.Files()));
    ALT_ASSIGN_OR_RETURN(runtime_, MakeRuntime(options_.compute));
    ALT_ASSIGN_OR_RETURN(source_, model::Checkpoint::Open(options_.model, StandardErrorLog()));
    ALT_RETURN_IF_ERROR(options_.plan ? compress::CheckThatItRuns(*source_)
                                      : compress::CheckRecode(*source_, options_.out));
    ALT_RETURN_IF_ERROR(CheckPatterns(rules, options_.only, options_.keep, *source_));
    if (!options_.machine.empty()) ALT_RETURN_IF_ERROR(FindRoom());
    most_bytes_ = MostBytes();
    ALT_RETURN_IF_ERROR(OpenReport());
    ALT_ASSIGN_OR_RETURN(
        compress::Magnitudes magnitudes,
        compress::ExamineSource(*source_, *runtime_->team, TerminalProgress("examining tensor")));
    rules.KnowMagnitudes(std::move(magnitudes));
    if (options_.IsCalibrated()) ALT_RETURN_IF_ERROR(ReadCalibration());
    ALT_RETURN_IF_ERROR(FindGrids(rules));
    if (!options_.imatrix.empty()) ALT_RETURN_IF_ERROR(ReadImportances(rules));
    ALT_RETURN_IF_ERROR(ReadJudgeTexts());
    ALT_RETURN_IF_ERROR(TakeNotes());
    ALT_ASSIGN_OR_RETURN(work_, OpenWork(options_, notes_, record_.isa));
    const Status status = Compress(rules);
    return work_ ? EndWork(status) : status;
  }

 private:
  Status Compress(TypeRules& rules) {
    if (options_.IsMixed()) {
      ALT_ASSIGN_OR_RETURN(record_.plan, MakePlan(rules));
      if (options_.plan) return ShowPlan(*record_.plan);
    }
    if (options_.kld > 0) {
      ALT_RETURN_IF_ERROR(SearchDivergence());
    } else {
      ALT_RETURN_IF_ERROR(MakeFile(rules));
    }
    ALT_RETURN_IF_ERROR(WriteImatrix());
    if (report_) ALT_RETURN_IF_ERROR(report_->Write(record_));
    if (options_.json) {
      PrintJson(CompressionAsJson(record_));
    } else {
      PrintCompression(record_);
    }
    return Status();
  }

  Status ReadCalibration() {
    ALT_ASSIGN_OR_RETURN(auto calibration,
                         options_.text.Read(options_.model, options_.calibration.context,
                                            options_.HoldsOut(), *runtime_));
    text_ = std::move(calibration.text);
    calibration_contents_ = std::move(calibration.contents);
    record_.calibration = std::move(calibration.record);
    ALT_ASSIGN_OR_RETURN(original_, Load(options_.model, *runtime_, kernels::Precision::kF32));
    return Status();
  }

  /// Said now, because what it leads to takes long.
  Status FindRoom() {
    ALT_ASSIGN_OR_RETURN(record_.room, RoomForWeights(options_.machine, options_.context, *source_,
                                                      *runtime_->kernels));
    options_.SetMostBytes(record_.room->weight_bytes);
    std::fprintf(stderr, "%s\n", record_.room->Sentence().c_str());
    if (source_->file_bytes() <= record_.room->weight_bytes) {
      std::fprintf(stderr, "the source has %s and fits as it is\n",
                   FormatBytes(source_->file_bytes()).c_str());
    }
    return Status();
  }

  /// Which tensors lose nothing in a type that they may get.
  Status FindGrids(const TypeRules& rules) {
    ALT_ASSIGN_OR_RETURN(const std::vector<DType> exact, options_.ExactTypes());
    const auto asked = [&](std::string_view name,
                           const TensorView& tensor) -> Result<std::vector<DType>> {
      if (options_.IsMixed()) return rules.ChoicesFor(name, tensor, exact);
      ALT_ASSIGN_OR_RETURN(const TypeRules::Choice choice, rules.For(name, tensor));
      return std::vector<DType>{choice.type};
    };
    ALT_ASSIGN_OR_RETURN(facts_.grids, compress::FindGrids(*source_, asked, *runtime_->team,
                                                           TerminalProgress("looking at tensor")));
    return Status();
  }

  Status ReadImportances(const TypeRules& rules) {
    ALT_ASSIGN_OR_RETURN(const formats::Imatrix imatrix, formats::ReadImatrix(options_.imatrix));
    ALT_ASSIGN_OR_RETURN(
        compress::ImportanceMatch match,
        compress::MatchImportance(imatrix, options_.imatrix, *source_, rules, facts_.grids));
    facts_.importances = std::move(match.importances);
    ALT_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(options_.imatrix));
    record_.imatrix = {.file = options_.imatrix,
                       .sha256 = std::move(digest.sha256),
                       .tensors = facts_.importances.size(),
                       .without = match.without.size()};
    if (match.without.empty()) return Status();
    const size_t n = match.without.size();
    const std::string first = Printable(match.without.front());
    std::fprintf(stderr, "warning: %s: has no entry for %s, %s encoded plainly%s\n",
                 options_.imatrix.c_str(),
                 n == 1 ? first.c_str() : (FormatCount(n) + " tensors, the first " + first).c_str(),
                 n == 1 ? "which is" : "which are",
                 facts_.importances.empty() ? "; nor any other" : "");
    return Status();
  }

  /// Now, because work of hours should not end at a text that is missing or too short. What was
  /// held out comes last.
  Status ReadJudgeTexts() {
    if (record_.judge_texts.empty() && !options_.HoldsOut()) return Status();
    ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, source_->ReadTokenizer({}));
    ALT_ASSIGN_OR_RETURN(const auto tokenizer, text::MakeTokenizer(std::move(spec)));
    for (JudgeText& judge : record_.judge_texts) {
      ALT_ASSIGN_OR_RETURN(std::string content, ReadTextFile(judge.file));
      size_t dropped = 0;
      ALT_RETURN_IF_ERROR(FillJudgeText(std::move(content), calibration_contents_, *tokenizer,
                                        options_.judge_options.context, &judge, &dropped));
      WarnOfDroppedBytes(dropped);
    }
    if (options_.HoldsOut()) {
      JudgeText held_out{.name = kHeldOut, .file = {}, .sha256 = {}, .text = {}, .ids = {}};
      const auto judged = HeldOut().judged;
      held_out.ids.assign(judged.begin(), judged.end());
      held_out.text = tokenizer->Decode(held_out.ids, false);
      record_.calibration->judged_tokens = held_out.ids.size();
      record_.judge_texts.push_back(std::move(held_out));
    }
    return Status();
  }

  /// What is known before the work, and what of it the file will tell.
  Status TakeNotes() {
    record_.model = options_.model;
    record_.out = options_.out;
    record_.command = CommandLineOf(*app_);
    record_.version = std::string(ProgramVersion());
    record_.processor = CpuModelName();
    record_.isa = std::string(runtime_->kernels->name);
    record_.threads = runtime_->team->size();
    ALT_ASSIGN_OR_RETURN(record_.source_files, DigestModel(*source_));

    const auto note = [this](const char* key, auto value) { notes_.emplace_back(key, value); };
    note("general.quantized_by", "Altteul " + record_.version);
    note("altteul.source.sha256", JoinDigests(record_.source_files));
    options_.AppendTo(notes_);
    if (options_.RefinesMix()) {
      // Known later; the file's size is known now.
      for (const char* key : {kSwapsNote, kSwapsTakenNote}) note(key, uint64_t{0});
    }
    if (record_.imatrix) note("altteul.imatrix.sha256", record_.imatrix->sha256);
    if (!record_.calibration) return Status();
    note("altteul.calibration.sha256", record_.calibration->sha256);
    if (options_.text.is_own_text()) note("altteul.calibration.seed", options_.text.seed());
    note("altteul.calibration.tokens", uint64_t{text_.fitted.size()});
    note("altteul.calibration.held_out_tokens", uint64_t{text_.held_out.size()});
    note("altteul.calibration.context", uint64_t{options_.calibration.context});
    note("altteul.calibration.damping", options_.calibration.damping);
    note("altteul.calibration.descents", uint64_t(options_.calibration.steps.descents));
    note("altteul.calibration.feedback", options_.calibration.steps.feedback);
    note("altteul.calibration.asymmetric", options_.calibration.asymmetric);
    return Status();
  }

  Status OpenReport() {
    if (options_.report.empty()) return Status();
    const auto may_write = [&](const std::string& name) {
      return name != options_.out && MayWrite(options_, name);
    };
    ALT_ASSIGN_OR_RETURN(report_, ReportFiles::Create(options_.report, may_write));
    return Status();
  }

  std::string WorkPath() const { return WorkPathOf(options_); }
  compress::WorkFolder* folder() { return work_ ? &*work_ : nullptr; }

  Status EndWork(const Status& status) {
    if (status.ok() || work_->n_pieces() == 0) {
      const Status finished = work_->Finish();
      return status.ok() ? finished : status;
    }
    std::fprintf(stderr, "What is finished is kept in %s; the same command with --resume goes on\n",
                 WorkPath().c_str());
    return status;
  }

  /// Surveys every tensor between whose types there is a choice; all others get their type in
  /// `rules`.
  Result<TypePlan> MakePlan(TypeRules& rules) {
    ALT_ASSIGN_OR_RETURN(const std::vector<DType> candidates, options_.MixedTypes());
    const auto choices = [&](std::string_view name, const TensorView& tensor) {
      std::vector<DType> all = candidates;
      if (const auto found = facts_.grids.find(name); found != facts_.grids.end()) {
        if (std::find(all.begin(), all.end(), found->second) == all.end()) {
          all.push_back(found->second);
        }
      }
      return rules.ChoicesFor(name, tensor, all);
    };
    for (const auto& tensor : source_->tensors()) {
      ALT_ASSIGN_OR_RETURN(const auto types, choices(tensor.name, tensor.view));
      ALT_ASSIGN_OR_RETURN(const TypeRules::Choice choice, rules.For(tensor.name, tensor.view));
      // What the rules give anyway keeps its reason.
      if (types.size() == 1 && choice.type != types.front()) {
        rules.Assign(tensor.name, types.front());
      }
    }
    ALT_RETURN_IF_ERROR(CheckSize(rules, choices));
    const size_t context = options_.calibration.context;
    const compress::Probe probe =
        compress::ProbeOf(HeldOut().choosing, context, std::min(context, kProbeTokens));
    const compress::SurveyOptions options{.context = context,
                                          .probe_context = probe.context,
                                          .probe_every = options_.ProbeEvery(),
                                          .damping = options_.calibration.damping,
                                          .grids = &facts_.grids};
    const WorkPhase phase("Measuring", "measuring group", runtime_->clock, folder());
    ALT_ASSIGN_OR_RETURN(
        auto surveys, compress::SurveyTensors(*original_, choices, SurveyText(), probe.ids, options,
                                              *runtime_->kernels, *runtime_->team, phase.place()));
    phase.Finish();
    return TypePlan::Create(std::move(surveys), *source_, rules, notes_);
  }

  HeldOutParts HeldOut() const {
    return PartsOf(text_.held_out, options_.calibration.context, options_.RefinesMix());
  }
  std::span<const TokenId> SurveyText() const {
    const std::span<const TokenId> fitted(text_.fitted);
    return fitted.first(std::min(fitted.size(), kSurveyChunks * options_.calibration.context));
  }

  /// Swaps make the mix another, within the same bytes.
  Status Refine() {
    const MixToRefine mix{.original = *original_,
                          .plan = *record_.plan,
                          .start = *record_.chosen,
                          .most_bytes = *most_bytes_,
                          .calibration = SurveyText(),
                          .held_out = HeldOut(),
                          .grids = facts_.grids};
    ALT_ASSIGN_OR_RETURN(record_.swaps, RefineBySwaps(mix, options_, *runtime_, folder()));
    record_.chosen = record_.swaps->mix.planned;
    for (auto& note : notes_) {
      if (note.first == kSwapsNote) note.second = uint64_t{record_.swaps->mix.tried.size()};
      if (note.first == kSwapsTakenNote) note.second = uint64_t{record_.swaps->mix.n_taken()};
    }
    return Status();
  }

  std::optional<uint64_t> MostBytes() const {
    uint64_t elements = 0;
    for (const auto& tensor : source_->tensors()) elements += tensor.view.shape.Elements();
    return options_.MostBytes(elements);
  }

  /// The types that were asked for, or the best mix within the bytes.
  Status MakeFile(TypeRules rules) {
    if (record_.plan) {
      ALT_ASSIGN_OR_RETURN(record_.chosen, record_.plan->Within(*most_bytes_));
      if (options_.RefinesMix()) ALT_RETURN_IF_ERROR(Refine());
      rules = record_.plan->RulesFor(*record_.chosen);
    }
    ALT_ASSIGN_OR_RETURN(Made made, Make(rules));
    return Finish(std::move(made));
  }

  /// The smallest file whose measured loss is within --kld.
  Status SearchDivergence() {
    Made last, best;
    const compress::MixMaker maker = {
        .measure = [&](const PlannedTypes& mix) -> Result<double> {
          ALT_ASSIGN_OR_RETURN(last, Make(record_.plan->RulesFor(mix)));
          last.chosen = mix;
          return last.judgement->texts.front().evaluation.divergence->mean;
        },
        .take = [&] { best = std::move(last); }};
    ALT_RETURN_IF_ERROR(
        compress::SearchMix(*record_.plan, options_.kld, maker, folder(), StandardErrorLog()));
    record_.chosen = best.chosen;
    return Finish(std::move(best));
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
    if (!options_.json) {
      PrintFront(plan);
      return Status();
    }
    PrintJson({{"model", options_.model},
               {"front", FrontAsJson(plan)},
               {"tensors", SurveyAsJson(plan, nullptr)}});
    return Status();
  }

  /// Nothing without calibration.
  Result<compress::EncodedTensors> Encode(const TypeRules& rules) {
    if (!options_.IsCalibrated()) return compress::EncodedTensors();
    if (!original_) {
      ALT_ASSIGN_OR_RETURN(original_, Load(options_.model, *runtime_, kernels::Precision::kF32));
    }
    squares_ = {};
    const auto choose = [&](std::string_view name, const TensorView& tensor) -> Result<DType> {
      ALT_ASSIGN_OR_RETURN(const auto choice, rules.For(name, tensor));
      // What would be exact is not to be moved; to the streams it is as it was.
      return compress::IsOnGrid(facts_.grids, name, choice.type) ? tensor.type : choice.type;
    };
    const WorkPhase phase("Encoding", "encoding group", runtime_->clock, folder());
    ALT_ASSIGN_OR_RETURN(auto encoded, compress::EncodeCalibrated(
                                           *original_, choose, text_.fitted, options_.calibration,
                                           *runtime_->kernels, *runtime_->team, phase.place(),
                                           options_.write_imatrix.empty() ? nullptr : &squares_));
    phase.Finish();
    return encoded;
  }

  Status WriteImatrix() const {
    if (options_.write_imatrix.empty()) return Status();
    const formats::Imatrix imatrix =
        compress::ImatrixOf(squares_, options_.text.Datasets(), options_.calibration.context);
    return formats::WriteImatrix(imatrix, formats::ImatrixForm::kGguf, options_.write_imatrix);
  }

  /// A file of the result, and what became of the model in it.
  struct Made {
    std::optional<formats::PendingFile> pending;  ///< where it has its name only after a test
    std::optional<PlannedTypes> chosen;
    compress::RecodeReport recoded;
    std::optional<Judgement> judgement;
  };

  Result<Made> Make(const TypeRules& rules) {
    Made made;
    ALT_ASSIGN_OR_RETURN(const compress::EncodedTensors calibrated, Encode(rules));
    original_.reset();
    if (options_.max_kld > 0 || options_.kld > 0) {
      ALT_ASSIGN_OR_RETURN(made.pending, formats::PendingFile::Beside(options_.out));
    }
    if (work_) ALT_RETURN_IF_ERROR(work_->KeepText(kWritingText, ""));
    const std::string& name = NameOf(made);
    ALT_ASSIGN_OR_RETURN(made.recoded,
                         compress::Recode(*source_, rules, calibrated, name, *runtime_->team,
                                          TerminalProgress("writing tensor"), notes_, facts_));
    if (record_.judge_texts.empty()) return made;
    made.judgement.emplace();
    ALT_ASSIGN_OR_RETURN(
        made.judgement->texts,
        JudgeQuality(options_.model, name, record_.judge_texts, options_.judge_options, Room()));
    return made;
  }

  const std::string& NameOf(const Made& made) const {
    return made.pending ? made.pending->name() : options_.out;
  }

  JudgeRoom Room() const {
    return {.kernels = *runtime_->kernels,
            .team = *runtime_->team,
            .clock = runtime_->clock,
            .progress = TerminalProgress,
            .log = StandardErrorLog()};
  }

  /// Says what there is to say of the file, and gives it its name.
  Status Finish(Made made) {
    record_.recoded = std::move(made.recoded);
    record_.judgement = std::move(made.judgement);
    for (const std::string& warning : WarningsOf(record_.recoded)) {
      std::fprintf(stderr, "warning: %s: %s\n", options_.model.c_str(),
                   TerminalLines(warning).c_str());
    }
    const std::string name = NameOf(made);
    if (record_.judgement) {
      ALT_RETURN_IF_ERROR(
          CheckDivergence(record_.judgement->texts.front(), options_.max_kld, options_.out));
      if (options_.ShowsUse()) {
        ALT_RETURN_IF_ERROR(JudgeUse(options_.model, name, record_.judge_texts,
                                     options_.judge_options, Room(), &*record_.judgement));
      }
    }
    if (options_.card || options_.ShowsUse()) {
      ALT_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(name));
      record_.result_sha256 = digest.sha256;
    }
    if (made.pending) ALT_RETURN_IF_ERROR(made.pending->Publish());
    if (options_.card) WriteCardBeside();
    return Status();
  }

  /// The model is there by now, so that what goes wrong here is only told.
  void WriteCardBeside() const {
    const std::string path = CardPathOf(options_.out);
    const auto written = WriteCard(path, ModelCard(record_, CardSourceOf(*source_, asked_for_)));
    if (!written.ok()) {
      std::fprintf(stderr, "warning: the model is written, its card is not: %s\n",
                   written.status().message().c_str());
    } else if (!written.value()) {
      std::fprintf(stderr, "%s is there and not of altteul, so it stays; there is no card\n",
                   path.c_str());
    }
  }

  // Second moments for the survey need less text than those that weights are fitted to.
  static constexpr size_t kSurveyChunks = 8;
  // What a tensor does to the answers is measured for each tensor, so on little text.
  static constexpr size_t kProbeTokens = 256;

  const CLI::App* app_ = nullptr;
  CompressOptions options_;
  std::string asked_for_;  // the model as the user named it

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<const model::Checkpoint> source_;
  std::unique_ptr<const model::Model> original_;
  compress::CalibrationText text_;
  std::vector<std::string> calibration_contents_;
  compress::TensorFacts facts_;
  compress::InputSquares squares_;  // with --write-imatrix
  compress::FileNotes notes_;
  CompressionRecord record_;
  std::optional<uint64_t> most_bytes_;  // what --size and --bpw ask for
  std::optional<compress::WorkFolder> work_;
  std::optional<ReportFiles> report_;
};

}  // namespace

std::unique_ptr<Command> MakeCompress() { return std::make_unique<CompressCommand>(); }

}  // namespace altteul::tools

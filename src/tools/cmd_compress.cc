// SPDX-License-Identifier: Apache-2.0

// altteul compress MODEL OUT: a smaller file. With --type every weight goes into that type; with
// --size, --for, --bpw or --kld each tensor gets the type that its sensitivity asks for.

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "base/machine.h"
#include "compress/divergence_search.h"
#include "compress/grids.h"
#include "compress/input_squares.h"
#include "compress/source_exam.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"
#include "formats/imatrix.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/compress_json.h"
#include "tools/compress_notes.h"
#include "tools/compress_options.h"
#include "tools/compress_places.h"
#include "tools/compress_report.h"
#include "tools/compress_warnings.h"
#include "tools/importance_file.h"
#include "tools/json_output.h"
#include "tools/mix_plan.h"
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
    ALT_ASSIGN_OR_RETURN(options_.model, ModelPath(asked_for_, options_.compute.may_pull));
    if (!options_.plan) compress::WorkFolder::EndRemoval(WorkPathOf(options_));
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
    if (!options_.imatrix.empty()) {
      ALT_ASSIGN_OR_RETURN(record_.imatrix,
                           ReadImportances(options_.imatrix, *source_, rules, &facts_));
    }
    ALT_RETURN_IF_ERROR(ReadJudgeTexts());
    ALT_RETURN_IF_ERROR(TakeNotes());
    ALT_ASSIGN_OR_RETURN(work_, OpenWork(options_, notes_, record_.isa));
    const Status status = Compress(rules);
    return work_ ? EndWork(options_, status, &*work_) : status;
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
                                                      runtime_->compute->kernels()));
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
    record_.isa = std::string(runtime_->compute->kernels().name);
    record_.threads = runtime_->team->size();
    ALT_ASSIGN_OR_RETURN(record_.source_files, DigestModel(*source_));

    notes_ = NotesOf(options_, record_, text_);
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

  compress::WorkFolder* folder() { return work_ ? &*work_ : nullptr; }

  HeldOutParts HeldOut() const {
    return PartsOf(text_.held_out, options_.calibration.context, options_.RefinesMix());
  }
  std::span<const TokenId> TextOfSurvey() const {
    return SurveyText(text_.fitted, options_.calibration.context);
  }

  Result<TypePlan> MakePlan(TypeRules& rules) {
    const MixToPlan mix{.source = *source_,
                        .original = *original_,
                        .grids = facts_.grids,
                        .notes = notes_,
                        .most_bytes = most_bytes_,
                        .calibration = TextOfSurvey(),
                        .choosing = HeldOut().choosing};
    return PlanMix(mix, options_, rules, *runtime_, folder());
  }

  /// Swaps make the mix another, within the same bytes.
  Status Refine() {
    const MixToRefine mix{.original = *original_,
                          .plan = *record_.plan,
                          .start = *record_.chosen,
                          .most_bytes = *most_bytes_,
                          .calibration = TextOfSurvey(),
                          .held_out = HeldOut(),
                          .grids = facts_.grids};
    ALT_ASSIGN_OR_RETURN(record_.swaps, RefineBySwaps(mix, options_, *runtime_, folder()));
    record_.chosen = record_.swaps->mix.planned;
    NoteSwaps(*record_.swaps, &notes_);
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
                                           *runtime_->compute, phase.place(),
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
    return {.compute = *runtime_->compute,
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
    if (options_.card) WriteCardBeside(record_, CardSourceOf(*source_, asked_for_));
    return Status();
  }

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

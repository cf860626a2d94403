// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_options.h"

#include <filesystem>

#include <CLI/CLI.hpp>

#include "base/human_units.h"
#include "compress/grid_encoder.h"
#include "tools/model_pull.h"
#include "tools/option_values.h"

namespace altteul::tools {
namespace {

// What a mix is made of where nobody says otherwise: types that all readers of GGUF know and that
// no other of the same size beats; and Q4_0, because there are models that were trained for it.
constexpr const char* kMixedTypes =
    "Q8_0,Q6_K,Q5_K,Q5_1,Q5_0,Q4_K,Q4_1,IQ4_XS,IQ4_NL,MXFP4,Q4_0,Q3_K,IQ3_S,IQ3_XXS,Q2_K,IQ2_S,IQ2_"
    "XS,"
    "IQ2_XXS,Q2_0";

// Chunks, where nobody says: half of them are for swaps, whose gains are small beside what differs
// from chunk to chunk.
constexpr size_t kHeldOutForSwaps = 8;

constexpr size_t kMostContext = size_t{1} << 24;

// What --quick leaves out: most of the survey, most of the text, and moving codes afterwards.
constexpr size_t kQuickProbeEvery = 4;
constexpr size_t kQuickChunks = 8;
constexpr int kQuickDescents = 0;

}  // namespace

void CompressOptions::AddTo(CLI::App& app) {
  app.add_option("model", model, "GGUF file or Hugging Face folder")->required();
  app.add_option("out,-o,--output", out, "the file to write");
  AddTargetTo(app);
  AddTypesTo(app);
  text.AddTo(app);
  AddCalibrationTo(app);
  AddJudgementTo(app);
  AddFilesTo(app);
  compute.AddTo(app);
  AddPullFlag(app, &compute.may_pull);
}

void CompressOptions::AddTargetTo(CLI::App& app) {
  CLI::Option_group* target = app.add_option_group("target", "what is wanted, one of");
  target
      ->add_option("--type", type,
                   "a type for every matrix; the embedding and the head get at least Q8_0. One "
                   "of " +
                       compress::WritableTypes())
      ->check(NotEmpty());
  target->add_option("--size", size, "a file of at most this size, for example 70MB")
      ->check(NotEmpty());
  CLI::Option* room = target->add_option(
      "--for", machine,
      "the size that leaves room on a machine for the cache and for what is computed with: \"8GB "
      "card\", \"RTX 3090\", \"16 GB laptop\", \"8 cores, 32 GB\", \"this machine\"");
  room->check(NotEmpty());
  target->add_option("--bpw", bpw, "a file of at most so many bits a weight, all counted")
      ->check(AboveZero());
  target
      ->add_option("--kld", kld,
                   "the smallest file that loses at most this, measured on the first text that is "
                   "judged on or else on what was held out [KL divergence, nats a token]")
      ->check(AboveZero());
  target->add_flag("--plan", plan, "show what each size would cost; nothing is written");
  target->require_option(1);
  app.add_option("-c,--ctx-size", context,
                 "with --for: tokens of a conversation (default: the model's, at most 4096)")
      ->check(WholeNumber(1, kMostContext))
      ->needs(room);
}

void CompressOptions::AddTypesTo(CLI::App& app) {
  app.add_option("--types", types, "what a mix may be made of")
      ->delimiter(',')
      ->default_str(kMixedTypes);
  app.add_option("--only", only,
                 "REGEX=TYPE: this type for tensors whose name matches; may be repeated, the last "
                 "match wins")
      ->allow_extra_args(false);
  app.add_option("--keep", keep, "REGEX: matching tensors stay as they are; may be repeated")
      ->allow_extra_args(false);
  app.add_option(
         "--swaps", swaps,
         "with --size, --for or --bpw: refine the mix by measuring so many swaps of types at most")
      ->check(WholeNumber(1, 1'000'000));
  app.add_option("--minutes", minutes,
                 "the same for so long; the file then says what --swaps gives it again")
      ->check(AboveZero());
}

void CompressOptions::AddCalibrationTo(CLI::App& app) {
  app.add_option("--imatrix", imatrix,
                 "an importance matrix of llama.cpp, in place of calibration: says how much an "
                 "error in each column costs")
      ->check(NotEmpty());
  app.add_option("--write-imatrix", write_imatrix,
                 "also write what the calibration text gives the original's layers, as llama.cpp's "
                 "importance matrix")
      ->check(NotEmpty());
  descents_option_ =
      app.add_option("--descents", calibration.steps.descents,
                     "calibration: sweeps that move codes and scales after the first rounding")
          ->check(WholeNumber(0, 100))
          ->capture_default_str();
  for_calibration_ = {
      app.add_flag("--quick", quick,
                   "a first file in less than half the time: types are measured in every fourth "
                   "layer, --chunks 8, --descents 0"),
      descents_option_,
      app.add_option("--damping", calibration.damping,
                     "calibration: how far what the text does not show is trusted to stay")
          ->check(RealNumber(1e-4, 1e4))
          ->capture_default_str(),
      app.add_flag("!--no-feedback", calibration.steps.feedback,
                   "calibration: columns do not make up for earlier ones"),
      app.add_flag("!--symmetric", calibration.asymmetric,
                   "calibration: layers do not make up for earlier ones")};
}

void CompressOptions::AddJudgementTo(CLI::App& app) {
  app.add_option("--judge", judge,
                 "NAME=FILE: a text on which original and result are held against each other; "
                 "may be repeated")
      ->allow_extra_args(false);
  judge_chunks_option_ =
      app.add_option("--judge-chunks", judge_options.max_chunks,
                     "chunks of 512 tokens of each text that is judged on, 0: all")
          ->check(WholeNumber(0, kMostCount, "0 means all"))
          ->capture_default_str();
  app.add_option("--max-kld", max_kld,
                 "no file when the KL divergence is larger than this [nats a token], on the "
                 "first text that is judged on or else on what was held out")
      ->check(AboveZero());
}

void CompressOptions::AddFilesTo(CLI::App& app) {
  app.add_option("--report", report,
                 "NAME.html: also write a page that shows what it cost, and NAME.json")
      ->check(NotEmpty());
  app.add_flag("!--no-card", card,
               "no model card beside the file (OUT.md: licence, hashes, types, losses)");
  app.add_flag("--force", force, "replace a file that is already there");
  app.add_flag("--resume", resume,
               "go on where the same command was stopped, with what OUT.work holds");
  app.add_flag("--restart", restart, "throw away what OUT.work holds and begin anew")
      ->excludes("--resume");
  app.add_flag("--json", json, "one JSON object");
}

Status CompressOptions::Check() {
  const auto refuse = [](const std::string& why) {
    return Status(ErrorCode::kInvalidArgument, why);
  };
  if (!size.empty()) {
    size_bytes_ = ParseBytes(size);
    if (!size_bytes_) return refuse("'" + size + "' is no size; write it like 70MB or 1.5GiB");
  }
  if (plan != out.empty()) {
    return refuse(plan ? "--plan writes nothing, but a file to write was given: " + out
                       : "give the file to write");
  }
  ALT_RETURN_IF_ERROR(CheckImatrix());
  ALT_RETURN_IF_ERROR(CheckSwaps());
  if (RefinesMix()) text.HoldOut(kHeldOutForSwaps);
  if (quick && IsCalibrated()) {
    text.FitTo(kQuickChunks);
    if (descents_option_->count() == 0) calibration.steps.descents = kQuickDescents;
  }
  ALT_RETURN_IF_ERROR(text.Check(IsCalibrated(), HoldsOut()));
  for (const CLI::Option* option : for_calibration_) {
    if (!IsCalibrated() && option->count() != 0) {
      return refuse(option->get_name() + " is about calibration; give --text or --own-text too");
    }
  }
  if (!IsMixed() && !types.empty()) {
    return refuse("--types is what a mix is made of, but --type asks for a single one");
  }
  if (plan && (!judge.empty() || max_kld > 0 || !report.empty())) {
    return refuse("--plan writes nothing that --judge, --max-kld or --report could be about");
  }
  if (plan && !card) return refuse("--plan writes nothing that --no-card could be about");
  if (plan && force) return refuse("--plan writes nothing that --force could be about");
  if (plan && (resume || restart)) {
    return refuse("--plan keeps no work that --resume or --restart could be about");
  }
  if (!IsCalibrated() && (resume || restart)) {
    return refuse(
        "--type without a calibration text keeps no work that --resume or --restart could be "
        "about; leave them away, or give --text or --own-text");
  }
  if (judge_chunks_option_->count() != 0 && judge.empty() && (plan || !HoldsOut())) {
    return refuse(
        "--judge-chunks has no effect: nothing is judged on; give a text (--judge "
        "NAME=FILE)");
  }
  if ((max_kld > 0 || !report.empty()) && !IsCalibrated() && judge.empty()) {
    return refuse(
        "without a calibration text nothing is held out to judge on; give a text "
        "(--judge NAME=FILE)");
  }
  return Status();
}

Status CompressOptions::CheckImatrix() const {
  const auto refuse = [](const std::string& why) {
    return Status(ErrorCode::kInvalidArgument, why);
  };
  if (!imatrix.empty() && text.is_given()) {
    return refuse(
        "--imatrix stands in place of calibration; give it, or --text or --own-text, not both");
  }
  if (!imatrix.empty() && IsMixed()) {
    return refuse(
        "--imatrix goes with --type; a mix is measured on a text, which the file does not hold");
  }
  if (!write_imatrix.empty() && !IsCalibrated()) {
    return refuse(
        "--write-imatrix is about what a calibration text shows; give --text or --own-text too");
  }
  if (!write_imatrix.empty() && plan) {
    return refuse("--plan writes nothing, but --write-imatrix was given");
  }
  return Status();
}

Status CompressOptions::CheckSwaps() const {
  if (!RefinesMix()) return Status();
  const auto refuse = [](const std::string& why) {
    return Status(ErrorCode::kInvalidArgument, why);
  };
  const std::string option = swaps > 0 ? "--swaps" : "--minutes";
  if (swaps > 0 && minutes > 0) {
    return refuse("--swaps says how many swaps are tried and --minutes for how long; give one");
  }
  if (!type.empty()) {
    return refuse(option + " refines a mix of types, but --type asks for a single one");
  }
  if (plan) return refuse(option + " refines the mix of one size, but --plan shows all of them");
  if (kld > 0) {
    return refuse(
        option +
        " refines a mix within its bytes, but --kld sets none; give --size, --for or --bpw");
  }
  return Status();
}

size_t CompressOptions::ProbeEvery() const { return quick ? kQuickProbeEvery : 1; }

std::optional<uint64_t> CompressOptions::MostBytes(uint64_t elements) const {
  if (!(bpw > 0)) return size_bytes_;
  return static_cast<uint64_t>(bpw * static_cast<double>(elements) / 8);
}

Result<compress::TypeRules> CompressOptions::MakeRules() const {
  DType each = DType::kQ8_0;
  if (!IsMixed()) {
    ALT_ASSIGN_OR_RETURN(each, compress::ParseWritableType(type));
  }
  std::vector<std::string> exceptions = only;
  for (const std::string& pattern : keep) exceptions.push_back(pattern + "=keep");
  return compress::TypeRules::Create(each, exceptions);
}

Result<std::vector<DType>> CompressOptions::MixedTypes() const {
  std::vector<DType> found;
  for (const std::string& name : types.empty() ? CLI::detail::split(kMixedTypes, ',') : types) {
    ALT_ASSIGN_OR_RETURN(const DType each, compress::ParseWritableType(name));
    found.push_back(each);
  }
  return found;
}

Result<std::vector<DType>> CompressOptions::ExactTypes() const {
  if (types.empty()) return compress::GridTypes();
  return MixedTypes();
}

std::string CompressOptions::Target() const {
  if (!type.empty()) return "type " + type;
  if (!size.empty()) return "size " + size;
  if (!machine.empty()) {
    return "for " + machine + (context == 0 ? "" : ", context " + std::to_string(context));
  }
  if (kld > 0) return "kld " + CLI::detail::to_string(kld);
  if (bpw > 0) return "bpw " + CLI::detail::to_string(bpw);
  return "size 1000000000";  // --plan: as long as what a size that it shows will be written as
}

void CompressOptions::AppendTo(compress::FileNotes& notes) const {
  notes.emplace_back("altteul.target", Target());
  if (!types.empty()) notes.emplace_back("altteul.types", CLI::detail::join(types, ","));
  if (!only.empty()) notes.emplace_back("altteul.only", CLI::detail::join(only, "\n"));
  if (!keep.empty()) notes.emplace_back("altteul.keep", CLI::detail::join(keep, "\n"));
  if (quick) notes.emplace_back("altteul.quick", true);
}

}  // namespace altteul::tools

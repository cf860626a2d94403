// SPDX-License-Identifier: Apache-2.0

// altteul plan MODEL: will it fit, how fast, at what cost, before it is there.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/dates.h"
#include "base/human_units.h"
#include "base/machine.h"
#include "model/model_shape.h"
#include "plan/chips.h"
#include "plan/machine_spec.h"
#include "plan/sample_texts.h"
#include "tools/command.h"
#include "tools/json_output.h"
#include "tools/machine_file.h"
#include "tools/option_values.h"
#include "tools/plan_output.h"
#include "tools/plan_subject.h"
#include "tools/runtime.h"
#include "tools/study_options.h"

namespace altteul::tools {
namespace {

constexpr size_t kMostContext = size_t{1} << 24;
constexpr size_t kMostTimed = size_t{1} << 20;       // tokens; each is counted
constexpr uint64_t kListBytes = uint64_t{64} << 20;  // of a list of offers
constexpr size_t kListRows = 1'000'000;

class PlanCommand : public Command {
 public:
  std::string_view name() const override { return "plan"; }
  std::string_view summary() const override {
    return "will a model fit, how fast, at what cost: from its header alone";
  }

  void AddOptions(CLI::App& app) override {
    app.add_option("model,-m,--model", model_,
                   "GGUF file, Hugging Face folder, hf:OWNER/NAME[:FILE or TYPE] (only headers are "
                   "fetched), or SHAPE:TYPE. Shapes: " +
                       model::ShapeNames())
        ->required();
    app.add_option("-c,--ctx-size", context_,
                   "tokens of each conversation (default: the model's, at most 4096)")
        ->check(WholeNumber(1, kMostContext));
    app.add_option("--slots", report_.request.slots, "conversations at once")
        ->check(WholeNumber(1, 4096))
        ->capture_default_str();
    app.add_option("--ctk,--cache-type", kv_type_, "KV cache: f32, f16, bf16, q8_0, q4_0 (-ctk)")
        ->capture_default_str();
    app.add_option("-p,--n-prompt", report_.speed_request.prompt_tokens,
                   "tokens of the prompt to be timed")
        ->check(WholeNumber(1, kMostTimed))
        ->capture_default_str();
    app.add_option("-n,--n-gen", report_.speed_request.answer_tokens,
                   "tokens of the answer to be timed")
        ->check(WholeNumber(1, kMostTimed))
        ->capture_default_str();
    auto* machine = app.add_option(
        "--machine", machine_,
        "another machine: \"8 cores, 32 GB, 50 GB/s, 2 TOPS, 65 W\"; what is left out but memory "
        "is taken from this one");
    app.add_option("--gpu", gpu_, "another machine: one accelerator, such as \"RTX 3090\"")
        ->excludes(machine);
    app.add_option("--front", front_,
                   "what compress MODEL --plan --json found: sizes and what they cost, of this "
                   "model in place of published ones");
    app.add_option("--watts", watts_, "what the machine draws under load, for energy")
        ->check(RealNumber(0.1, 1e6));
    auto* job = app.add_option("--job", job_, "tokens to be read and written: \"2M in, 500k out\"");
    auto* rent =
        app.add_flag("--rent", rent_, "what the job costs on rented accelerators")->needs(job);
    app.add_option("--offers", offers_,
                   "prices from this file in place of ours: CSV of dstack's gpuhunt or of "
                   "SkyPilot's catalogue")
        ->needs(rent);
    app.add_option("--data", data_, "folder with chips.csv or rent.csv of your own (as of gap)");
    app.add_flag("--measure", measure_, "measure this machine again");
    app.add_flag("--json", json_, "one JSON object");
    study_.AddTo(app);
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(report_.request.kv, ParseKvType(kv_type_));
    report_.speed_request.kv = report_.request.kv;
    report_.speed_request.slots = report_.request.slots;
    ALT_RETURN_IF_ERROR(ReadTables());
    ALT_RETURN_IF_ERROR(study_.Read());
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    ALT_ASSIGN_OR_RETURN(const PlanSubject subject,
                         OpenSubject(model_, runtime->compute->kernels()));
    report_.request.context = context_ == 0 ? subject.DefaultContext() : context_;
    ALT_ASSIGN_OR_RETURN(report_.target, FindTarget(*runtime));
    ALT_RETURN_IF_ERROR(Answer(subject));
    if (json_) {
      PrintJson(PlanJson(report_));
    } else {
      std::printf("%s", PlanText(report_).c_str());
    }
    if (report_.study && !report_.study->fits) return StudyDoesNotFit();
    return report_.fits || report_.study ? Status() : DoesNotFit();
  }

 private:
  Status ReadTables() {
    const auto senseless = [](const char* what) {
      return Status(ErrorCode::kInvalidArgument, what);
    };
    if (!job_.empty() && !rent_) return senseless("--job is for --rent");
    if (gpu_.empty() && !rent_) {
      return data_.empty() ? Status() : senseless("--data is for --gpu and --rent");
    }
    ALT_ASSIGN_OR_RETURN(tables_, plan::LoadDataTables(data_));
    if (!rent_) return Status();
    report_.rent = PlanReport::Rent();
    report_.rent->tables = &tables_;
    report_.rent->today = Today();
    ALT_ASSIGN_OR_RETURN(report_.rent->job, plan::ParseJob(job_));
    if (offers_.empty()) {
      report_.rent->offers = plan::OffersOfTables(tables_);
      return Status();
    }
    ALT_ASSIGN_OR_RETURN(
        const formats::CsvTable list,
        formats::ReadCsvFile(offers_, {.max_bytes = kListBytes, .max_rows = kListRows}));
    ALT_ASSIGN_OR_RETURN(report_.rent->offers, plan::OffersOfList(tables_, list));
    return Status();
  }

  Result<PlanTarget> FindTarget(Runtime& runtime) const {
    if (!gpu_.empty()) return TargetOfGpu();
    const MemoryFacts memory = DetectMemory();  // before measuring takes its part
    std::optional<plan::MachineSpec> spec;
    if (!machine_.empty()) {
      ALT_ASSIGN_OR_RETURN(spec, plan::ParseMachineSpec(machine_));
    }
    ALT_ASSIGN_OR_RETURN(plan::MachineRates rates, RatesOfThisMachine(runtime, measure_));
    if (spec) return TargetOfSpec(*spec, rates);
    const int threads = rates.threads;
    return PlanTarget{.name = "this machine",
                      .total_bytes = memory.total_bytes,
                      .free_bytes = memory.available_bytes,
                      .threads = threads,
                      .rates = std::move(rates),
                      .watts = watts_};
  }

  PlanTarget TargetOfSpec(const plan::MachineSpec& spec, const plan::MachineRates& here) const {
    const int threads = spec.cores == 0 ? here.threads : spec.cores;
    const double ops_per_core = here.peaks.int8_ops_per_s / here.threads;
    return {.name = "a machine of " + machine_,
            .total_bytes = spec.memory_bytes,
            .free_bytes = plan::FreeBytesOf(spec),
            .threads = threads,
            .rates = plan::ScaledRates(
                here, spec.read_bytes_per_s == 0 ? here.read_bytes_per_s : spec.read_bytes_per_s,
                spec.ops_per_s == 0 ? ops_per_core * threads : spec.ops_per_s, threads),
            .watts = watts_ == 0 ? spec.watts : watts_};
  }

  Result<PlanTarget> TargetOfGpu() const {
    ALT_ASSIGN_OR_RETURN(const size_t index, plan::FindChip(tables_.chips, gpu_));
    const plan::Chip& chip = tables_.chips[index];
    auto rates = plan::RatesOfChip(chip);
    if (!rates || !chip.memory_gb) {
      return Status(ErrorCode::kUnsupported,
                    chip.name +
                        ": its memory, bandwidth or 16-bit arithmetic is not known, so "
                        "nothing can be said of it");
    }
    const auto bytes = static_cast<uint64_t>(*chip.memory_gb * 1e9);
    return PlanTarget{.name = "one " + chip.name,
                      .total_bytes = bytes,
                      .free_bytes = bytes,
                      .threads = 1,
                      .rates = std::move(*rates),
                      .watts = watts_ == 0 ? chip.tdp_w.value_or(0) : watts_};
  }

  Status Answer(const PlanSubject& subject) {
    report_.model = model_;
    report_.architecture = subject.file->architecture();
    report_.license = subject.file->License();
    report_.file_bytes = subject.file->file_bytes();
    report_.fetched_bytes = subject.fetched_bytes;
    report_.trained_context = subject.config.context;
    report_.request.threads = report_.target.threads;
    report_.request.base_bytes = gpu_.empty() ? subject.base_bytes : plan::kChipBaseBytes;
    report_.request.adapter_bytes =
        study_.adapters * sizeof(float) *
        plan::AdapterValues(subject.weights.weights, study_.request.rank, study_.request.targets);
    ALT_ASSIGN_OR_RETURN(report_.memory,
                         plan::PlanMemory(subject.config, subject.weights, report_.request));
    const auto allowed =
        static_cast<uint64_t>(static_cast<double>(report_.target.free_bytes) / kMemoryMargin);
    report_.fits = report_.memory.Peak() <= allowed;
    const size_t most = subject.config.context == 0 ? kMostContext : subject.config.context;
    ALT_ASSIGN_OR_RETURN(
        report_.longest_context,
        plan::LongestContext(subject.config, subject.weights, report_.request, allowed, most));
    report_.speed = plan::PlanSpeed(subject.config, subject.weights.weights, report_.target.rates,
                                    report_.speed_request);
    if (subject.tokenizer != nullptr) CountTokens(*subject.tokenizer);
    if (front_.empty()) {
      report_.sizes = plan::AdviseSizes(subject.weights, report_.memory, report_.file_bytes);
    } else {
      ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(front_));
      ALT_ASSIGN_OR_RETURN(const auto front, plan::ParseFront(text, front_));
      report_.sizes = plan::AdviseFront(subject.weights, report_.memory, front);
      report_.sizes_are_measured = true;
    }
    if (report_.rent) {
      PlanReport::Rent& rent = *report_.rent;
      rent.hours_here =
          plan::HoursOf(rent.job, report_.speed.prompt.likely, report_.speed.answer.likely);
      rent.plan = plan::PlanRent(subject.config, subject.weights.weights, report_.memory,
                                 report_.speed_request, rent.job, tables_.chips, rent.offers);
    }
    if (study_.tune) {
      report_.study = PlanReport::Study();
      PlanReport::Study& study = *report_.study;
      study.request = study_.request;
      ALT_ASSIGN_OR_RETURN(
          study.plan, plan::PlanStudy(subject.config, subject.weights.weights, report_.memory,
                                      report_.target.threads, report_.target.rates, study.request));
      study.fits = study.plan.memory.Peak() <= allowed;
    }
    return Status();
  }

  void CountTokens(const text::Tokenizer& tokenizer) {
    for (const auto& [language, sample] :
         {std::pair{"Korean", plan::KoreanSample()}, {"English", plan::EnglishSample()}}) {
      const auto tokens = plan::TokensPerThousandCharacters(tokenizer, sample);
      if (tokens.ok()) report_.pages.push_back({language, tokens.value()});
    }
  }

  Status DoesNotFit() const {
    std::string what = model_ + " with " + std::to_string(report_.request.slots) + " x " +
                       FormatCount(report_.request.context) + " tokens of context takes " +
                       FormatBytes(report_.memory.Peak()) + ", and " + report_.target.name +
                       " has " + FormatBytes(report_.target.free_bytes) + " free";
    if (report_.longest_context != 0) {
      what += "; -c " + std::to_string(report_.longest_context) + " would fit";
    }
    return Status(ErrorCode::kDoesNotFit, what);
  }

  Status StudyDoesNotFit() const {
    return Status(ErrorCode::kDoesNotFit, "training " + std::to_string(study_.request.together) +
                                              " adapters of " + model_ + " together takes " +
                                              FormatBytes(report_.study->plan.memory.Peak()) +
                                              ", and " + report_.target.name + " has " +
                                              FormatBytes(report_.target.free_bytes) + " free");
  }

  std::string model_, machine_, gpu_, job_, offers_, data_, front_;
  std::string kv_type_ = "f16";
  size_t context_ = 0;
  double watts_ = 0;
  bool rent_ = false, measure_ = false, json_ = false;
  plan::DataTables tables_;
  StudyOptions study_;
  PlanReport report_;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakePlan() { return std::make_unique<PlanCommand>(); }

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul bench MODEL: tokens a second, beside what the machine could do at most.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/machine.h"
#include "formats/atomic_file.h"
#include "kernels/probes.h"
#include "model/model_shape.h"
#include "tools/bench_compare.h"
#include "tools/bench_output.h"
#include "tools/bench_series.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/json_output.h"
#include "tools/layer_rates.h"
#include "tools/model_pull.h"
#include "tools/option_values.h"
#include "tools/roofline_page.h"
#include "tools/runtime.h"
#include "tools/series_work.h"
#include "tools/synthetic_model.h"
#include "tools/version.h"

namespace altteul::tools {
namespace {

constexpr uint64_t kBandwidthBytes = uint64_t{512} << 20;  // well beyond any last-level cache

// Far beyond every context and every use; what is below still has to find its memory.
constexpr size_t kMostPositions = size_t{1} << 24;
constexpr size_t kMostSequences = 4096;

Status Senseless(const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); }

/// Every value within bounds and none twice.
template <typename T>
Status CheckList(const char* flag, const std::vector<T>& values, T least, T most) {
  std::set<T> seen;
  for (const T value : values) {
    if (value < least || value > most) {
      return Senseless(std::string(flag) + " " + std::to_string(value) + ": from " +
                       std::to_string(least) + " to " + std::to_string(most) + " is possible");
    }
    if (!seen.insert(value).second) {
      return Senseless(std::string(flag) + " names " + std::to_string(value) + " twice");
    }
  }
  return Status();
}

class BenchCommand : public Command {
 public:
  std::string_view name() const override { return "bench"; }
  std::string_view summary() const override {
    return "tokens a second, beside the machine's limits";
  }

  void AddOptions(CLI::App& app) override {
    const auto list = [&app](const char* names, auto& values, const char* what) {
      app.add_option(names, values, what)->delimiter(',')->allow_extra_args(false);
    };
    app.add_option("model,-m,--model", model_, "GGUF file or Hugging Face folder");
    app.add_option("-p,--n-prompt", request_.n_prompt, "tokens of a prompt, 0: do not measure")
        ->check(WholeNumber(0, kMostPositions))
        ->capture_default_str();
    app.add_option("-n,--n-gen", request_.n_answer, "tokens of an answer, 0: do not measure")
        ->check(WholeNumber(0, kMostPositions))
        ->capture_default_str();
    list("--batch", request_.batches, "sequences that answer together, for example 1,2,4,8,16");
    list("-d,--depth", request_.depths,
         "tokens that the context holds before, for example 0,1024,4096; not timed");
    list("-t,--threads", threads_, "threads, several separated by commas (default: one a core)");
    app.add_option("-r,--repetitions", repetitions_, "counted runs after one that warms up")
        ->capture_default_str();
    app.add_option("--compare", compare_,
                   "a shell's command line that measures a peer and prints JSON "
                   "(bench/peers.md); it and we take turns");
    app.add_option("--rounds", rounds_, "with --compare: how often each has its turn")
        ->capture_default_str();
    app.add_option("--synthetic", synthetic_,
                   "SHAPE:TYPE instead of a model: random weights. Shapes: " + model::ShapeNames());
    app.add_option("--keep", keep_,
                   "where to keep the synthetic model (default: removed afterwards)");
    kv_options_.AddTo(app, "KV cache");
    app.add_option("--html", html_, "also write a page with the roofline chart, NAME.html");
    app.add_flag("--json", json_, "one JSON object");
    AddPullFlag(app, &may_pull_);
  }

  Status Run() override {
    ALT_RETURN_IF_ERROR(Check());
    ALT_ASSIGN_OR_RETURN(kv_, kv_options_.Read());
    if (threads_.empty()) threads_.push_back(0);
    if (synthetic_.empty()) return MeasureAndPrint(model_);

    const bool temporary = keep_.empty();
    const std::string path = temporary
                                 ? (std::filesystem::temp_directory_path() /
                                    ("altteul-synthetic-" + std::to_string(getpid()) + ".gguf"))
                                       .string()
                                 : keep_;
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime({.threads = threads_.front()}));
    ALT_RETURN_IF_ERROR(
        WriteSyntheticModel(synthetic_, path, *runtime->team, TerminalProgress("writing tensor")));
    Status measured = MeasureAndPrint(path);
    std::error_code ignored;
    if (temporary) std::filesystem::remove(path, ignored);
    return measured;
  }

 private:
  Status Check() const {
    if (model_.empty() == synthetic_.empty()) {
      return Senseless("give a model, or --synthetic SHAPE:TYPE");
    }
    if (!keep_.empty() && synthetic_.empty()) return Senseless("--keep is for --synthetic only");
    std::error_code error;
    if (!keep_.empty() && std::filesystem::exists(keep_, error)) {
      return Senseless(keep_ + ": is already there; give another name");
    }
    // Measuring may take hours, and a mistyped name must not cost a model.
    if (!html_.empty() && !html_.ends_with(".html")) {
      return Senseless("--html " + html_ + ": the name of a page ends in .html");
    }
    if (request_.n_prompt == 0 && request_.n_answer == 0) {
      return Senseless("-p 0 and -n 0 leave nothing to measure");
    }
    ALT_RETURN_IF_ERROR(CheckList<size_t>("-p", {request_.n_prompt}, 0, kMostPositions));
    ALT_RETURN_IF_ERROR(CheckList<size_t>("-n", {request_.n_answer}, 0, kMostPositions));
    ALT_RETURN_IF_ERROR(CheckList<size_t>("--batch", request_.batches, 1, kMostSequences));
    ALT_RETURN_IF_ERROR(CheckList<size_t>("--depth", request_.depths, 0, kMostPositions));
    ALT_RETURN_IF_ERROR(CheckList<int>("-t", threads_, 1, ThreadTeam::kMaxThreads));
    ALT_RETURN_IF_ERROR(CheckList<size_t>("-r", {repetitions_}, 1, 1000));
    ALT_RETURN_IF_ERROR(CheckList<size_t>("--rounds", {rounds_}, 1, 1000));
    if (!compare_.empty() && threads_.size() > 1) {
      return Senseless("--compare is for one number of threads; give one to -t");
    }
    return Status();
  }

  Status MeasureAndPrint(const std::string& path) {
    BenchReport report;
    report.model = synthetic_.empty() ? path : "random weights, " + synthetic_;
    report.command = CommandLine();
    report.version = std::string(ProgramVersion());
    report.processor = CpuModelName();
    report.kv_type = kv_options_.name;
    std::optional<formats::AtomicFile> page;  // opened now: a wrong folder is told at once
    if (!html_.empty()) {
      ALT_ASSIGN_OR_RETURN(page, formats::AtomicFile::Create(html_));
    }
    for (const int threads : threads_) {
      ALT_ASSIGN_OR_RETURN(const auto runtime,
                           MakeRuntime({.threads = threads, .may_pull = may_pull_}));
      ALT_ASSIGN_OR_RETURN(const auto model, Load(path, *runtime, kernels::Precision::kFast));
      report.isa = std::string(runtime->compute->kernels().name);
      report.bytes_per_token = BytesReadPerToken(*model);
      ALT_RETURN_IF_ERROR(MeasureThreads(*model, *runtime, &report));
    }
    if (page) {
      const std::string html = RooflineHtml(report);
      ALT_RETURN_IF_ERROR(page->Write(std::as_bytes(std::span(html))));
      ALT_RETURN_IF_ERROR(page->Commit());
    }
    if (json_) {
      PrintJson(BenchJson(report));
    } else {
      std::printf("%s", BenchText(report).c_str());
    }
    return Status();
  }

  /// What gives this report again. Threads are left out where the machine decides.
  std::string CommandLine() const {
    const auto list = [](const char* flag, const auto& values) {
      std::string out;
      for (const auto value : values) out += (out.empty() ? "" : ",") + std::to_string(value);
      return " " + std::string(flag) + " " + out;
    };
    std::string line = "altteul bench ";
    line += synthetic_.empty() ? ShellWord(model_) : "--synthetic " + ShellWord(synthetic_);
    line += " -p " + std::to_string(request_.n_prompt) + " -n " + std::to_string(request_.n_answer);
    line += list("--batch", request_.batches) + list("--depth", request_.depths);
    if (threads_.front() != 0) line += list("-t", threads_);
    line += " -r " + std::to_string(repetitions_) + " -ctk " + kv_options_.name;
    if (!compare_.empty()) {
      line += " --rounds " + std::to_string(rounds_) + " --compare " + ShellWord(compare_);
    }
    return line;
  }

  // Every matrix once, but of a separate embedding only one row.
  static uint64_t BytesReadPerToken(const model::Model& model) {
    const model::Weights& w = model.weights;
    if (w.tied) return w.resting_bytes;
    return w.resting_bytes - *RowBytes(w.embedding.type, w.embedding.cols) * (w.embedding.rows - 1);
  }

  Status MeasureThreads(const model::Model& model, Runtime& runtime, BenchReport* report) const {
    ThreadResult result;
    result.threads = runtime.team->size();
    const std::vector<SeriesSpec> specs = PlanSeries(request_);
    for (const SeriesSpec& spec : specs) result.series.push_back({.spec = spec, .runs = {}});
    report->work.clear();  // the same for every number of threads
    for (const SeriesSpec& spec : specs) report->work.push_back(WorkOf(model, kv_, spec));
    WarnOfDepth(model, specs);
    ALT_ASSIGN_OR_RETURN(const auto runner,
                         SeriesRunner::Create(model, *runtime.compute, runtime.clock, specs, kv_));
    const Turn ours = [&] { return MeasureTurn(*runner, runtime, &result); };
    if (compare_.empty()) {
      ALT_RETURN_IF_ERROR(ours().status());
    } else {
      bool told = false;
      const Turn peer = [&, turn = PeerTurn(compare_)]() -> Result<PeerReport> {
        ALT_ASSIGN_OR_RETURN(PeerReport measured, turn());
        if (!std::exchange(told, true)) WarnOfThreads(measured, result.threads);
        return measured;
      };
      ALT_ASSIGN_OR_RETURN(report->comparison,
                           TakeTurns(rounds_, ours, peer, TerminalProgress("turn")));
      report->comparison->command = compare_;
    }
    result.peaks =
        kernels::MeasurePeaks(*runtime.team, runtime.clock, runtime.compute->kernels().name);
    if (!html_.empty()) {
      ALT_ASSIGN_OR_RETURN(result.layers, MeasureLayerRates(model, runtime, specs));
    }
    report->results.push_back(std::move(result));
    return Status();
  }

  /// Each kind of linear layer at the numbers of rows that the series' passes have.
  static Result<std::vector<LayerRate>> MeasureLayerRates(const model::Model& model,
                                                          Runtime& runtime,
                                                          const std::vector<SeriesSpec>& specs) {
    std::set<size_t> row_counts;
    size_t most_head_rows = 1;
    for (const SeriesSpec& spec : specs) {
      const bool prompt = spec.kind == SeriesSpec::Kind::kPrompt;
      row_counts.insert(prompt ? std::min(spec.tokens, kPassTokens) : spec.sequences);
      most_head_rows = std::max(most_head_rows, spec.sequences);
    }
    const std::vector<size_t> ascending(row_counts.begin(), row_counts.end());
    return MeasureLayers(model, *runtime.compute, runtime.clock, ascending, most_head_rows);
  }

  /// All series, a warming run and the counted ones, by turns; then what memory gave meanwhile.
  /// Adds to `result` and gives back what this turn alone found.
  Result<PeerReport> MeasureTurn(SeriesRunner& runner, Runtime& runtime,
                                 ThreadResult* result) const {
    PeerReport turn = {.series = {}, .threads = result->threads};
    for (const SeriesRuns& series : result->series) {
      turn.series.push_back({.spec = series.spec, .runs = {}});
    }
    for (size_t run = 0; run <= repetitions_; ++run) {
      for (size_t i = 0; i < turn.series.size(); ++i) {
        ALT_ASSIGN_OR_RETURN(const double speed, runner.Measure(turn.series[i].spec));
        if (run == 0) continue;
        turn.series[i].runs.push_back(speed);
        result->series[i].runs.push_back(speed);
      }
    }
    // Before the machine's limits are measured, which takes memory of its own.
    if (result->bandwidths.empty()) result->peak_resident_bytes = PeakResidentBytes();
    ALT_ASSIGN_OR_RETURN(
        const double bandwidth,
        kernels::MeasureReadBandwidth(*runtime.team, runtime.clock, kBandwidthBytes));
    result->bandwidths.push_back(bandwidth);
    return turn;
  }

  static void WarnOfDepth(const model::Model& model, const std::vector<SeriesSpec>& specs) {
    size_t deepest = 0;
    for (const SeriesSpec& spec : specs) deepest = std::max(deepest, spec.depth + spec.tokens);
    if (model.config.context == 0 || deepest <= model.config.context) return;
    std::fprintf(stderr,
                 "note: %zu positions, and the model was trained for %zu: the speed is right, the "
                 "answers would not be\n",
                 deepest, model.config.context);
  }

  static void WarnOfThreads(const PeerReport& peer, int ours) {
    if (!peer.threads || *peer.threads == ours) return;
    std::fprintf(stderr, "warning: the peer says it used %d threads, we use %d\n", *peer.threads,
                 ours);
  }

  std::string model_, synthetic_, keep_, compare_, html_;
  KvOptions kv_options_;
  kernels::KvType kv_ = kernels::KvType::kF16;
  SeriesRequest request_;
  size_t repetitions_ = 5, rounds_ = 5;
  std::vector<int> threads_;
  bool may_pull_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeBench() { return std::make_unique<BenchCommand>(); }

}  // namespace altteul::tools

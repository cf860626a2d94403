// altteul bench MODEL: tokens a second, beside what the machine could do at most.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "base/random.h"
#include "engine/forward.h"
#include "kernels/probes.h"
#include "report/table.h"
#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/runtime.h"
#include "tools/synthetic_model.h"

namespace altteul::tools {
namespace {

using engine::Forward;
using engine::KvCache;
using nlohmann::ordered_json;
using text::TokenId;

constexpr uint64_t kBandwidthBytes = uint64_t{512} << 20;  // well beyond any last-level cache
constexpr size_t kChunkRows = 512;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 != 0 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/// Tokens a second of one kind of test, all runs.
struct Series {
  std::string name;  ///< "pp512", "tg128"
  std::vector<double> runs;

  ordered_json ToJson() const { return {{"median", Median(runs)}, {"all", runs}}; }
};

struct ThreadResult {
  int threads = 0;
  std::vector<Series> series;
  double bandwidth = 0;  ///< [bytes/s]
  kernels::MeasuredPeaks peaks;
};

class BenchCommand : public Command {
 public:
  std::string_view name() const override { return "bench"; }
  std::string_view summary() const override {
    return "tokens a second, beside the machine's limits";
  }

  void AddOptions(CLI::App& app) override {
    app.add_option("model,-m,--model", model_, "GGUF file or Hugging Face folder");
    app.add_option("-p,--n-prompt", n_prompt_, "tokens of a prompt, 0: do not measure")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("-n,--n-gen", n_answer_, "tokens of an answer, 0: do not measure")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("-t,--threads", threads_,
                   "threads, several separated by commas (default: one a core)")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Range(1, ThreadTeam::kMaxThreads));
    app.add_option("-r,--repetitions", repetitions_, "counted runs after one that warms up")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--synthetic", synthetic_,
                   "SHAPE:TYPE instead of a model: random weights. Shapes: " + SyntheticShapes());
    app.add_option("--keep", keep_,
                   "where to keep the synthetic model (default: removed afterwards)");
    app.add_option("--ctk,--cache-type", kv_type_, "KV cache: f32, f16, q8_0 (-ctk)")
        ->capture_default_str();
    app.add_flag("--json", json_, "one JSON object");
  }

  Status Run() override {
    if (model_.empty() == synthetic_.empty()) {
      return Status(ErrorCode::kInvalidArgument, "give a model, or --synthetic SHAPE:TYPE");
    }
    if (!keep_.empty() && synthetic_.empty()) {
      return Status(ErrorCode::kInvalidArgument, "--keep is for --synthetic only");
    }
    std::error_code error;
    if (!keep_.empty() && std::filesystem::exists(keep_, error)) {
      return Status(ErrorCode::kInvalidArgument, keep_ + ": is already there; give another name");
    }
    if (n_prompt_ == 0 && n_answer_ == 0) {
      return Status(ErrorCode::kInvalidArgument, "-p 0 and -n 0 leave nothing to measure");
    }
    ALT_ASSIGN_OR_RETURN(kv_, ParseKvType(kv_type_));
    if (threads_.empty()) threads_.push_back(0);
    if (synthetic_.empty()) return Measure(model_);

    const bool temporary = keep_.empty();
    const std::string path = temporary
                                 ? (std::filesystem::temp_directory_path() /
                                    ("altteul-synthetic-" + std::to_string(getpid()) + ".gguf"))
                                       .string()
                                 : keep_;
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime({.threads = threads_.front()}));
    ALT_RETURN_IF_ERROR(
        WriteSyntheticModel(synthetic_, path, *runtime->team, TerminalProgress("writing tensor")));
    const Status measured = Measure(path);
    std::error_code ignored;
    if (temporary) std::filesystem::remove(path, ignored);
    return measured;
  }

 private:
  Status Measure(const std::string& path) {
    std::vector<ThreadResult> results;
    uint64_t weight_bytes = 0;
    std::string isa;
    for (const int threads : threads_) {
      ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime({.threads = threads}));
      ALT_ASSIGN_OR_RETURN(const auto model, Load(path, *runtime, kernels::Precision::kFast));
      isa = std::string(runtime->kernels->name);
      weight_bytes = BytesReadPerToken(*model);
      ALT_ASSIGN_OR_RETURN(ThreadResult result, MeasureThreads(*model, *runtime));
      results.push_back(std::move(result));
    }
    if (json_) {
      PrintAsJson(path, isa, weight_bytes, results);
    } else {
      PrintAsText(path, isa, weight_bytes, results);
    }
    return Status();
  }

  // Every matrix once, but of a separate embedding only one row.
  static uint64_t BytesReadPerToken(const model::Model& model) {
    const model::Weights& w = model.weights;
    if (w.tied) return w.resting_bytes;
    return w.resting_bytes - *RowBytes(w.embedding.type, w.embedding.cols) * (w.embedding.rows - 1);
  }

  Result<ThreadResult> MeasureThreads(const model::Model& model, Runtime& runtime) {
    ThreadResult result;
    result.threads = runtime.team->size();
    const size_t context = std::max<size_t>({n_prompt_, n_answer_, 1}) + 1;
    ALT_ASSIGN_OR_RETURN(const auto forward,
                         Forward::Create(model, *runtime.kernels, *runtime.team,
                                         std::min(kChunkRows, context), context));
    ALT_ASSIGN_OR_RETURN(KvCache cache,
                         KvCache::Create(model.config, kv_, context, forward->max_rows()));
    Series prompt{.name = "pp" + std::to_string(n_prompt_), .runs = {}};
    Series answer{.name = "tg" + std::to_string(n_answer_), .runs = {}};
    for (size_t run = 0; run <= repetitions_; ++run) {  // the first one warms up
      if (Interrupted()) return Status(ErrorCode::kCancelled, "the measurement was interrupted");
      ALT_ASSIGN_OR_RETURN(const double pp,
                           TimePass(*forward, cache, runtime, n_prompt_, kChunkRows));
      ALT_ASSIGN_OR_RETURN(const double tg, TimePass(*forward, cache, runtime, n_answer_, 1));
      if (run == 0) continue;
      if (n_prompt_ != 0) prompt.runs.push_back(pp);
      if (n_answer_ != 0) answer.runs.push_back(tg);
    }
    if (n_prompt_ != 0) result.series.push_back(std::move(prompt));
    if (n_answer_ != 0) result.series.push_back(std::move(answer));
    ALT_ASSIGN_OR_RETURN(result.bandwidth, kernels::MeasureReadBandwidth(
                                               *runtime.team, runtime.clock, kBandwidthBytes));
    result.peaks = kernels::MeasurePeaks(*runtime.team, runtime.clock, runtime.kernels->name);
    return result;
  }

  /// Tokens a second for n random tokens, at most `step` a pass, logits behind each pass.
  Result<double> TimePass(Forward& forward, KvCache& cache, Runtime& runtime, size_t n,
                          size_t step) {
    if (n == 0) return 0.0;
    const size_t vocabulary = forward.model().config.vocabulary;
    logits_.resize(vocabulary);
    const RandomStream random(1, "bench tokens");
    std::vector<TokenId> ids(n);
    for (size_t i = 0; i < n; ++i) ids[i] = static_cast<TokenId>(random.Bits(i) % vocabulary);
    cache.TruncateTo(0);
    const double start = runtime.clock.Seconds();
    for (size_t done = 0; done < n;) {
      const size_t count = std::min({step, n - done, forward.max_rows()});
      const engine::SequenceInput input{.cache = &cache,
                                        .tokens = std::span(ids).subspan(done, count)};
      ALT_RETURN_IF_ERROR(forward.Run({&input, 1}));
      done += count;
      if (step == 1 || done == n) forward.Logits(count - 1, 1, logits_);
    }
    return static_cast<double>(n) / (runtime.clock.Seconds() - start);
  }

  static ordered_json PeaksJson(const kernels::Peaks& peaks) {
    return {{"int8_gops", peaks.int8_ops_per_s * 1e-9},
            {"bf16_gflops", peaks.bf16_flops * 1e-9},
            {"f32_gflops", peaks.f32_flops * 1e-9}};
  }

  void PrintAsJson(const std::string& path, const std::string& isa, uint64_t weight_bytes,
                   const std::vector<ThreadResult>& results) const {
    // The keys of the first thread count stand on top, so that one figure is easy to take.
    ordered_json out = {{"model", path}, {"isa", isa}, {"bytes_per_token", weight_bytes}};
    for (const Series& series : results.front().series) out[series.name] = series.ToJson();
    for (const ThreadResult& result : results) {
      ordered_json row = {{"threads", result.threads}};
      for (const Series& series : result.series) row[series.name] = series.ToJson();
      row["read_bandwidth_gb_s"] = result.bandwidth * 1e-9;
      row["peaks"] = PeaksJson(result.peaks.team);
      out["runs"].push_back(std::move(row));
    }
    PrintJson(out);
  }

  void PrintAsText(const std::string& path, const std::string& isa, uint64_t weight_bytes,
                   const std::vector<ThreadResult>& results) const {
    std::printf("%s, %s kernels, %s read a token\n", path.c_str(), isa.c_str(),
                FormatBytes(weight_bytes).c_str());
    report::Table table({"test", "threads", "tokens/s", "slowest", "fastest"});
    for (const ThreadResult& result : results) {
      for (const Series& series : result.series) {
        const auto ends = std::minmax_element(series.runs.begin(), series.runs.end());
        table.AddRow({series.name, std::to_string(result.threads),
                      FormatFixed(Median(series.runs), 1), FormatFixed(*ends.first, 1),
                      FormatFixed(*ends.second, 1)});
      }
    }
    std::printf("%s", table.ToString().c_str());
    for (const ThreadResult& result : results) {
      const double bound = result.bandwidth / static_cast<double>(weight_bytes);
      const kernels::Peaks& p = result.peaks.team;
      std::printf(
          "%d threads: this machine reads %.1f GB/s, so %.0f tokens/s at most when answering; "
          "peaks "
          "int8 %.0f GOP/s, bf16 %.0f, f32 %.0f GFLOP/s\n",
          result.threads, result.bandwidth * 1e-9, bound, p.int8_ops_per_s * 1e-9,
          p.bf16_flops * 1e-9, p.f32_flops * 1e-9);
    }
  }

  std::string model_, synthetic_, keep_;
  std::string kv_type_ = "f16";
  kernels::KvType kv_ = kernels::KvType::kF16;
  size_t n_prompt_ = 512, n_answer_ = 128, repetitions_ = 5;
  std::vector<int> threads_;
  bool json_ = false;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Command> MakeBench() { return std::make_unique<BenchCommand>(); }

}  // namespace altteul::tools

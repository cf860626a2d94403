// SPDX-License-Identifier: Apache-2.0

#include "tools/runtime.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/human_units.h"
#include "base/machine.h"
#include "compute/cpu_compute.h"
#include "tools/interrupt.h"
#include "tools/model_pull.h"
#include "tools/option_values.h"
#include "tools/terminal_text.h"
#include "tools/utf16_text.h"

namespace altteul::tools {
namespace {

constexpr std::string_view kAsManyAsFit = "auto";

CLI::Validator GpuLayers() {
  CLI::Validator number = WholeNumber(-2, kMostCount);  // below 0 are auto and all, as numbers
  const auto check = [number](std::string text) -> std::string {
    if (text == kAsManyAsFit || text == "all" || number(text).empty()) return "";
    return text + ": a number of layers, all or auto";
  };
  return {check, ""};
}

}  // namespace

void ComputeOptions::AddTo(CLI::App& app) {
  app.add_option("-t,--threads", threads, "threads, 0 or -1: one a core (default)")
      ->check(WholeNumber(-1, ThreadTeam::kMaxThreads, "0 and -1 mean one a core"));
  app.add_option("--ngl,--n-gpu-layers", gpu_layers,
                 "layers on a GPU, as -ngl N: a number, all or auto")
      ->check(GpuLayers());
}

LogSink StandardErrorLog() {
  return [](LogLevel level, std::string_view sentence) {
    static std::mutex mutex;
    static std::set<std::string, std::less<>> said;
    const std::lock_guard lock(mutex);
    if (!said.emplace(sentence).second) return;
    std::fprintf(stderr, "%s%s\n", level == LogLevel::kWarning ? "warning: " : "",
                 TerminalLines(sentence).c_str());
  };
}

ProgressSink TerminalProgress(std::string what) { return TimedProgress(std::move(what), {}); }

ProgressSink TimedProgress(std::string what, std::function<double()> seconds_left) {
  const bool watched = isatty(STDERR_FILENO) != 0;
  const SteadyClock clock;
  return [what = std::move(what), seconds_left = std::move(seconds_left), watched, clock,
          start = clock.Seconds()](uint64_t done, uint64_t total) {
    if (watched) {
      const double spent = clock.Seconds() - start;
      std::fprintf(stderr, "\r%s %llu/%llu", what.c_str(), static_cast<unsigned long long>(done),
                   static_cast<unsigned long long>(total));
      double left = 0;
      if (done != 0) left = spent / static_cast<double>(done) * static_cast<double>(total - done);
      if (seconds_left) left = seconds_left();
      if (left > 0 && done < total) {
        std::fprintf(stderr, ", %s left ", FormatDuration(left).c_str());
      }
      std::fputs(done == total ? "\r\033[K" : "\033[K", stderr);
    }
    return !Interrupted();
  };
}

Result<const kernels::KernelTable*> KernelsFromEnvironment() {
  const char* wanted = std::getenv("ALTTEUL_ISA");
  auto found = kernels::SelectKernels(wanted == nullptr ? "" : wanted, DetectCpuFeatures());
  if (!found.ok()) return Status(found.status().code(), "ALTTEUL_ISA: " + found.status().message());
  return found;
}

Result<std::unique_ptr<Runtime>> MakeRuntime(const ComputeOptions& options) {
  auto runtime = std::make_unique<Runtime>();
  ALT_ASSIGN_OR_RETURN(const kernels::KernelTable* kernels, KernelsFromEnvironment());
  const int threads = options.threads <= 0 ? OnlineCores() : options.threads;
  if (threads > OnlineCores()) {
    std::fprintf(stderr, "warning: %d threads on %d cores wait for each other\n", threads,
                 OnlineCores());
  }
  runtime->team = std::make_unique<ThreadTeam>(std::min(threads, ThreadTeam::kMaxThreads));
  runtime->compute = std::make_unique<compute::CpuCompute>(*kernels, *runtime->team);
  if (options.gpu_layers != "0" && options.gpu_layers != kAsManyAsFit) {
    std::fprintf(stderr, "-ngl %s: this build has no GPU backend, all layers stay on the CPU\n",
                 options.gpu_layers.c_str());
  }
  runtime->may_pull = options.may_pull;
  return runtime;
}

Result<std::unique_ptr<const model::Model>> Load(const std::string& name, Runtime& runtime,
                                                 kernels::Precision precision) {
  ALT_ASSIGN_OR_RETURN(const std::string path, ModelPath(name, runtime.may_pull));
  auto model =
      model::LoadModel(path, {.precision = precision, .go_on = [] { return !Interrupted(); }},
                       *runtime.compute, StandardErrorLog());
  // Between the steps of a small model nobody asked.
  if (model.ok() && Interrupted()) {
    return Status(ErrorCode::kCancelled, path + ": loading was interrupted");
  }
  return model;
}

Result<kernels::KvType> ParseKvType(const std::string& name) {
  std::string names;
  for (const auto type : {kernels::KvType::kF32, kernels::KvType::kF16, kernels::KvType::kBF16,
                          kernels::KvType::kQ8_0, kernels::KvType::kQ4_0}) {
    if (kernels::KvTypeName(type) == name) return type;
    names += (names.empty() ? "" : ", ") + std::string(kernels::KvTypeName(type));
  }
  return Status(ErrorCode::kInvalidArgument,
                "'" + name + "' is no type of KV cache; these are: " + names);
}

void KvOptions::AddTo(CLI::App& app, const std::string& what) {
  app.add_option("--ctk,--cache-type,--cache-type-k", name,
                 what + ": f32, f16, bf16, q8_0, q4_0 (-ctk)")
      ->capture_default_str();
  app.add_option("--ctv,--cache-type-v", values_name,
                 "the same, since keys and values have one type")
      ->group("");  // llama.cpp's users give both
}

Result<kernels::KvType> KvOptions::Read() const {
  if (!values_name.empty() && values_name != name) {
    return Status(ErrorCode::kInvalidArgument,
                  "-ctv " + values_name + ": keys and values have one type here, which is " + name +
                      "; -ctk sets both");
  }
  return ParseKvType(name);
}

// Read, not mapped: a pipe ("-f <(command)") is welcome too.
Result<std::string> ReadTextFile(const std::string& path) {
  const auto failed = [&path](const char* verb) {
    if (Interrupted()) return Status(ErrorCode::kCancelled, path + ": reading was interrupted");
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError;
    return Status(code, path + ": cannot " + verb + ": " + std::strerror(errno));
  };
  struct Closer {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  const std::unique_ptr<std::FILE, Closer> file(path == "-" ? stdin
                                                            : std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return failed("open");
  std::string text;
  std::array<char, 65536> chunk;
  while (const size_t n = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    text.append(chunk.data(), n);
  }
  if (std::ferror(file.get()) != 0) return failed("read");
  if (auto converted = Utf8OfUtf16(text)) {
    std::fprintf(stderr, "note: %s is UTF-16 text; read as UTF-8\n", path.c_str());
    return std::move(*converted);
  }
  return text;
}

bool DropByteOrderMark(std::string* text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (!text->starts_with(kMark)) return false;
  text->erase(0, kMark.size());
  return true;
}

void WarnOfDroppedBytes(size_t n_bytes) {
  if (n_bytes == 0) return;
  std::fprintf(stderr,
               "warning: the vocabulary has no token for %zu byte%s of the text; left out\n",
               n_bytes, n_bytes == 1 ? "" : "s");
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/machine_file.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

#include "base/cpu_load.h"
#include "base/machine.h"
#include "formats/atomic_file.h"

namespace altteul::tools {
namespace {

namespace fs = std::filesystem;

Status Write(const std::string& path, const plan::MachineRates& rates) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error)
    return Status(ErrorCode::kIoError, path + ": cannot make its folder: " + error.message());
  ALT_ASSIGN_OR_RETURN(auto file, formats::AtomicFile::Create(path));
  const std::string text = plan::MachineRatesToJson(rates);
  ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(text))));
  return file.Commit();
}

/// What the file says, if it is of this machine.
Result<plan::MachineRates> Read(const std::string& path, const MachineIdentity& machine) {
  ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  ALT_ASSIGN_OR_RETURN(plan::MachineRates rates, plan::ParseMachineRates(text, path));
  if (rates.processor != machine.processor || rates.isa != machine.isa ||
      rates.threads != machine.threads) {
    return Status(ErrorCode::kNotFound, path + ": is of another machine");
  }
  return rates;
}

}  // namespace

std::string CacheFolderOf(const Environment& environment) {
  const char* caches = environment("XDG_CACHE_HOME");
  if (caches != nullptr && *caches == '/') return std::string(caches) + "/altteul";
  const char* home = environment("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.cache/altteul";
}

Result<plan::MachineRates> RatesIn(const std::string& path, const MachineIdentity& machine,
                                   bool again,
                                   const std::function<Result<plan::MachineRates>()>& measure,
                                   const LogSink& log) {
  if (!again && !path.empty()) {
    auto kept = Read(path, machine);
    if (kept.ok()) return kept;
  }
  ALT_ASSIGN_OR_RETURN(plan::MachineRates rates, measure());
  if (!rates.load.disturbance.empty()) {
    log(LogLevel::kWarning,
        "the machine was busy while it was measured (" + rates.load.disturbance +
            "): what follows is for a machine as busy; the rates are not kept, and the next call "
            "measures again");
    return rates;
  }
  const Status written =
      path.empty() ? Status(ErrorCode::kIoError, "no HOME to keep it in") : Write(path, rates);
  if (!written.ok()) {
    log(LogLevel::kWarning, "not kept, so it is measured each time: " + written.message());
  }
  return rates;
}

Result<plan::MachineRates> RatesOfThisMachine(Runtime& runtime, bool again) {
  const std::string folder =
      CacheFolderOf([](const char* name) -> const char* { return std::getenv(name); });
  const MachineIdentity machine = {.processor = CpuModelName(),
                                   .isa = std::string(runtime.compute->kernels().name),
                                   .threads = runtime.team->size()};
  const std::string name = "/machine-" + machine.isa + "-" + std::to_string(machine.threads);
  const auto measure = [&] {
    std::fprintf(stderr, "measuring this machine, about five seconds, once\n");
    return plan::MeasureMachine(*runtime.compute, runtime.clock,
                                TerminalProgress("measuring, round"), {},
                                [&] { return ReadCpu(runtime.clock); });
  };
  return RatesIn(folder.empty() ? "" : folder + name + ".json", machine, again, measure,
                 StandardErrorLog());
}

}  // namespace altteul::tools

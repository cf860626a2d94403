#include "tools/machine_file.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

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
Result<plan::MachineRates> Read(const std::string& path, const Runtime& runtime) {
  ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  ALT_ASSIGN_OR_RETURN(plan::MachineRates rates, plan::ParseMachineRates(text, path));
  if (rates.processor != CpuModelName() || rates.isa != runtime.kernels->name ||
      rates.threads != runtime.team->size()) {
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

Result<plan::MachineRates> RatesOfThisMachine(Runtime& runtime, bool again) {
  const std::string folder =
      CacheFolderOf([](const char* name) -> const char* { return std::getenv(name); });
  const std::string path = folder + "/machine-" + std::string(runtime.kernels->name) + "-" +
                           std::to_string(runtime.team->size()) + ".json";
  if (!again && !folder.empty()) {
    auto kept = Read(path, runtime);
    if (kept.ok()) return kept;
  }
  std::fprintf(stderr, "measuring this machine, about five seconds, once\n");
  ALT_ASSIGN_OR_RETURN(plan::MachineRates rates,
                       plan::MeasureMachine(*runtime.kernels, *runtime.team, runtime.clock,
                                            TerminalProgress("measuring, round")));
  const Status written =
      folder.empty() ? Status(ErrorCode::kIoError, "no HOME to keep it in") : Write(path, rates);
  if (!written.ok()) {
    std::fprintf(stderr, "warning: not kept, so it is measured each time: %s\n",
                 written.message().c_str());
  }
  return rates;
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul doctor: what this machine is, what it can do, and what stands in the way.

#include <cstdio>
#include <memory>
#include <string>

#include "base/control_groups.h"
#include "base/human_units.h"
#include "base/machine.h"
#include "kernels/kernel_table.h"
#include "kernels/probes.h"
#include "report/table.h"
#include "tools/command.h"
#include "tools/json_output.h"
#include "tools/runtime.h"

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kBandwidthBytes = uint64_t{512} << 20;

class DoctorCommand : public Command {
 public:
  std::string_view name() const override { return "doctor"; }
  std::string_view summary() const override { return "what this machine is and can do"; }

  void AddOptions(CLI::App& app) override {
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    ordered_json facts = {{"processor", CpuModelName()},
                          {"cores", OnlineCores()},
                          {"threads", runtime->team->size()},
                          {"kernels", std::string(runtime->compute->kernels().name)}};
    // What the group gives in all, however many threads share it.
    if (const GroupLimits group = ReadGroupLimits(); group.has_cores) {
      facts["cores_of_group"] = group.cores;
    }
    const CpuFeatures features = DetectCpuFeatures();
    facts["kernels_possible"] = ordered_json::array();
    for (const kernels::KernelTable* table : kernels::BuiltKernels()) {
      if (kernels::CanRun(*table, features)) {
        facts["kernels_possible"].push_back(std::string(table->name));
      }
    }
    const MemoryFacts memory = DetectMemory();
    facts["memory_bytes"] = memory.total_bytes;
    facts["memory_available_bytes"] = memory.available_bytes;
    if (!memory.limited_by.empty()) facts["memory_limited_by"] = memory.limited_by;
    facts["gpu"] = "none: this build has no GPU backend";

    // Measuring must not push a small machine into swapping.
    if (memory.available_bytes > 2 * kBandwidthBytes) {
      ALT_ASSIGN_OR_RETURN(
          const double bandwidth,
          kernels::MeasureReadBandwidth(*runtime->team, runtime->clock, kBandwidthBytes));
      facts["read_bandwidth_gb_s"] = bandwidth * 1e-9;
    }
    const kernels::Peaks peaks =
        kernels::MeasurePeaks(*runtime->team, runtime->clock, runtime->compute->kernels().name)
            .team;
    facts["int8_gops"] = peaks.int8_ops_per_s * 1e-9;
    facts["bf16_gflops"] = peaks.bf16_flops * 1e-9;
    facts["f32_gflops"] = peaks.f32_flops * 1e-9;
    Print(facts, memory);
    return Status();
  }

 private:
  void Print(const ordered_json& facts, const MemoryFacts& memory) const {
    if (json_) {
      PrintJson(facts);
      return;
    }
    report::Table table({"what", "value"});
    for (const auto& item : facts.items()) {
      std::string value = item.value().is_string() ? item.value().get<std::string>()
                          : item.value().is_number_float()
                              ? FormatFixed(item.value().get<double>(), 1)
                              : item.value().dump();
      if (item.key().ends_with("_bytes")) value = FormatBytes(item.value().get<uint64_t>());
      table.AddRow({item.key(), value});
    }
    std::printf("%s\n", table.ToString().c_str());
    if (facts["kernels"] == "reference") {
      std::printf(
          "Only the slow reference kernels run here: no AVX2, or ALTTEUL_ISA asks for them.\n");
    }
    std::printf("A model of up to about %s can be run now (weights, with a fifth left over).\n",
                FormatBytes(memory.available_bytes / 5 * 4).c_str());
  }

  bool json_ = false;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeDoctor() { return std::make_unique<DoctorCommand>(); }

}  // namespace altteul::tools

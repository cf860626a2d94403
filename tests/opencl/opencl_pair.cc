// SPDX-License-Identifier: Apache-2.0

#include "opencl/opencl_pair.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "base/machine.h"

namespace altteul::tests {
namespace {

// The largest tapes of the tests.
constexpr compute::TapeLimits kLimits = {.max_rows = 33, .widest = 2048, .widest_glu = 512};

std::string TextOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Which platform: PoCL, or the one that a person names.
std::string Platform() {
  const char* wanted = std::getenv("ALTTEUL_TEST_OPENCL");
  return wanted == nullptr ? "Portable Computing Language" : wanted;
}

}  // namespace

void ExpectSameBits(const std::vector<float>& device, const std::vector<float>& processor,
                    const std::string& what) {
  ASSERT_EQ(device.size(), processor.size());
  size_t n_different = 0, first = 0;
  for (size_t i = 0; i < device.size(); ++i) {
    const bool same = std::bit_cast<uint32_t>(device[i]) == std::bit_cast<uint32_t>(processor[i]) ||
                      (std::isnan(device[i]) && std::isnan(processor[i]));
    if (!same && n_different++ == 0) first = i;
  }
  EXPECT_EQ(n_different, 0U) << what << ": of " << device.size() << " values, the first is "
                             << first << ", " << std::hexfloat << device[first]
                             << " on the device and " << processor[first] << " on the processor";
}

std::vector<TableOfNorms> FastTables() {
  std::vector<TableOfNorms> tables;
  for (const kernels::KernelTable* table : kernels::BuiltKernels()) {
    kernels::PanelKind panel = kernels::PanelKind::kP32;
    if (!kernels::CanRun(*table, DetectCpuFeatures()) || !table->fast_panel(DType::kQ4_0, &panel)) {
      continue;
    }
    const bool is_avx512 = table->name.starts_with("avx512");
    tables.push_back({table, table->name == "neon" ? 4U : is_avx512 ? 16U : 8U});
  }
  return tables;
}

Pair::Pair(TableOfNorms table) : team_(2), cpu_(*table.kernels, team_), name_(table.kernels->name) {
  Result<std::unique_ptr<OpenClDevice>> device =
      OpenClDevice::Open(Platform(), TextOf(ALT_SOURCE_DIR "/tests/opencl/linear.cl"));
  status_ = device.status();
  if (!device.ok()) return;
  device_ = std::make_unique<OpenClCompute>(std::move(device).value(), cpu_, table.lanes);
}

Held Pair::Hold(const Layer& layer) {
  Held held = Hold(std::span(layer.bytes));
  if (!layer.bias.empty()) held.push_back(std::move(Hold(layer.bias).front()));
  return held;
}

Held Pair::Hold(std::span<const std::byte> weights) {
  Result<std::unique_ptr<compute::Owned>> owner = device_->Hold(weights);
  EXPECT_TRUE(owner.ok()) << owner.status().message();
  Held held;
  held.push_back(std::move(owner).value());
  return held;
}

void Pair::ExpectSame(size_t n_rows, const std::vector<Array>& arrays, const Write& write,
                      const std::string& what) {
  std::vector<Array> on_device = arrays, on_cpu = arrays;
  const Status device = Play(*device_, n_rows, on_device, write);
  ASSERT_TRUE(device.ok()) << what << ": " << device.message();
  ASSERT_TRUE(Play(cpu_, n_rows, on_cpu, write).ok());
  for (size_t i = 0; i < arrays.size(); ++i) {
    ExpectSameBits(on_device[i].values, on_cpu[i].values,
                   name_ + ", " + what + ", array " + std::to_string(i));
  }
}

Status Pair::Play(compute::Compute& on, size_t n_rows, std::vector<Array>& arrays,
                  const Write& write) {
  ALT_ASSIGN_OR_RETURN(const std::unique_ptr<compute::Player> player, on.NewPlayer(kLimits));
  Tape tape;
  tape.Clear(n_rows);
  std::vector<Floats> lent;
  for (Array& array : arrays) lent.push_back(tape.Lend(array.values, array.loan));
  write(tape, lent);
  Status played = player->Play(tape);
  Status finished = player->Finish();
  return played.ok() ? finished : played;
}

}  // namespace altteul::tests

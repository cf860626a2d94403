// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <string>

#include "kernels/kernel_table.h"
#include "kernels/reference/reference.h"

#if defined(__x86_64__)
#include "kernels/x86/kernels_x86.h"
#elif defined(__aarch64__)
#include "kernels/arm/kernels_neon.h"
#endif

namespace altteul::kernels {
namespace {

struct Built {
  const KernelTable* table;
  bool (*can_run)(const CpuFeatures& has);
};

// Slowest first.
constexpr std::array kBuilt = {
    Built{&kReferenceKernels, [](const CpuFeatures&) { return true; }},
#if defined(__x86_64__)
    Built{&kAvx2Kernels, [](const CpuFeatures& has) { return has.avx2; }},
    Built{&kAvxVnniKernels, [](const CpuFeatures& has) { return has.avx_vnni; }},
    Built{&kAvx512VnniKernels,
          [](const CpuFeatures& has) { return has.avx512 && has.avx512_vnni; }},
    Built{&kAvx512Kernels,
          [](const CpuFeatures& has) { return has.avx512 && has.avx512_vnni && has.avx512_bf16; }},
#elif defined(__aarch64__)
    Built{&kNeonKernels, [](const CpuFeatures& has) { return has.neon_dot; }},
#endif
};

}  // namespace

const KernelTable kReferenceKernels = {
    .name = "reference",
    .fast_panel = FastPanelReference,
    .embed = EmbedRows,
    .prepare = PrepareReference,
    .linear = LinearReference,
    .rms_norm = RmsNormReference,
    .rope = RopeReference,
    .glu = GluReference,
    .add = AddReference,
    .softcap = SoftcapReference,
    .add_product = AddProductReference,
    .store_kv = StoreKvReference,
    .attend = AttendReference,
    .merge_segments = MergeSegmentsReference,
};

PanelKind HalfPanel(const KernelTable& kernels) {
  PanelKind panel = PanelKind::kP32;
  kernels.fast_panel(DType::kBF16, &panel);
  return panel;
}

std::span<const KernelTable* const> BuiltKernels() {
  static const auto tables = [] {
    std::array<const KernelTable*, kBuilt.size()> list{};
    for (size_t i = 0; i < kBuilt.size(); ++i) list[i] = kBuilt[i].table;
    return list;
  }();
  return tables;
}

bool CanRun(const KernelTable& table, const CpuFeatures& features) {
  for (const Built& built : kBuilt) {
    if (built.table == &table) return built.can_run(features);
  }
  return false;
}

Result<const KernelTable*> SelectKernels(std::string_view wanted, const CpuFeatures& features) {
  const KernelTable* best = nullptr;
  std::string names;
  for (const Built& built : kBuilt) {
    names += (names.empty() ? "" : ", ") + std::string(built.table->name);
    if (!wanted.empty() && built.table->name != wanted) continue;
    if (built.can_run(features)) {
      best = built.table;
    } else if (!wanted.empty()) {
      return Status(ErrorCode::kUnsupported, "this processor (" + CpuModelName() +
                                                 ") cannot run the instruction set '" +
                                                 std::string(wanted) + "'");
    }
  }
  if (best == nullptr) {
    return Status(ErrorCode::kInvalidArgument,
                  "unknown instruction set '" + std::string(wanted) + "'; this build has " + names);
  }
  return best;
}

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

// The table of NEON with dot products (Armv8.2 and most later cores). Compiled for any aarch64:
// only the functions it names are not.

#include "kernels/arm/kernels_neon.h"
#include "kernels/kernel_table.h"
#include "kernels/simd/linear_slices.h"

namespace altteul::kernels {

using StepsNeon = LinearSteps<kLinearNeon, PanelKind::kP32>;

const KernelTable kNeonKernels = {
    .name = "neon",
    .fast_panel = StepsNeon::FastPanel,
    .embed = EmbedRows,
    .prepare = StepsNeon::Prepare,
    .linear = StepsNeon::Linear,
    .rms_norm = RmsNormNeon,
    .rope = RopeNeon,
    .glu = GluNeon,
    .add = AddNeon,
    .softcap = SoftcapNeon,
    .add_product = AddProductNeon,
    .store_kv = StoreKvNeon,
    .attend = AttendNeon,
    .merge_segments = MergeSegmentsNeon,
};

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

// The table of AVX2 with FMA and F16C. Compiled for any x86-64: only the functions it names are
// not.

#include "kernels/simd/linear_slices.h"
#include "kernels/x86/float_kernels_x86.h"
#include "kernels/x86/kernels_x86.h"

namespace altteul::kernels {

using StepsAvx2 = LinearSteps<kLinearAvx2, PanelKind::kP32>;

const KernelTable kAvx2Kernels = {
    .name = "avx2",
    .fast_panel = StepsAvx2::FastPanel,
    .embed = EmbedRows,
    .prepare = StepsAvx2::Prepare,
    .linear = StepsAvx2::Linear,
    .rms_norm = RmsNormAvx2,
    .rope = RopeAvx2,
    .glu = GluAvx2,
    .add = AddAvx2,
    .softcap = SoftcapAvx2,
    .add_product = AddProductAvx2,
    .store_kv = StoreKvAvx2,
    .attend = AttendAvx2,
    .merge_segments = MergeSegmentsAvx2,
};

}  // namespace altteul::kernels

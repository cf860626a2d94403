// SPDX-License-Identifier: Apache-2.0

// The table of AVX2 with AVX-VNNI: processors that multiply bytes as AVX-512 VNNI does, on 256
// bits.

#include "kernels/simd/linear_slices.h"
#include "kernels/x86/float_kernels_x86.h"
#include "kernels/x86/kernels_x86.h"

namespace altteul::kernels {

using StepsAvxVnni = LinearSteps<kLinearAvxVnni, PanelKind::kP32>;

const KernelTable kAvxVnniKernels = {
    .name = "avxvnni",
    .fast_panel = StepsAvxVnni::FastPanel,
    .embed = EmbedRows,
    .prepare = StepsAvxVnni::Prepare,
    .linear = StepsAvxVnni::Linear,
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

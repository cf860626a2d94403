// SPDX-License-Identifier: Apache-2.0

// The table of AVX-512 with VNNI and BF16. Compiled for any x86-64: only the functions it names are
// not.

#include "kernels/simd/linear_slices.h"
#include "kernels/x86/float_kernels_x86.h"
#include "kernels/x86/kernels_x86.h"

namespace altteul::kernels {

using StepsAvx512 = LinearSteps<kLinearAvx512, PanelKind::kP16>;

const KernelTable kAvx512Kernels = {
    .name = "avx512",
    .fast_panel = StepsAvx512::FastPanel,
    .embed = EmbedRows,
    .prepare = StepsAvx512::Prepare,
    .linear = StepsAvx512::Linear,
    .rms_norm = RmsNormAvx512,
    .rope = RopeAvx512,
    .glu = GluAvx512,
    .add = AddAvx512,
    .softcap = SoftcapAvx512,
    .add_product = AddProductAvx512,
    .store_kv = StoreKvAvx512,
    .attend = AttendAvx512,
    .merge_segments = MergeSegmentsAvx512,
};

}  // namespace altteul::kernels

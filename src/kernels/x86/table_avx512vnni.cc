// SPDX-License-Identifier: Apache-2.0

// The table of AVX-512 with VNNI and without BF16 (Cascade Lake, Ice Lake).
// Compiled for any x86-64: only the functions it names are not.

#include "kernels/simd/linear_slices.h"
#include "kernels/x86/float_kernels_x86.h"
#include "kernels/x86/kernels_x86.h"

namespace altteul::kernels {

using StepsAvx512Vnni = LinearSteps<kLinearAvx512Vnni, PanelKind::kP32>;

const KernelTable kAvx512VnniKernels = {
    .name = "avx512vnni",
    .fast_panel = StepsAvx512Vnni::FastPanel,
    .embed = EmbedRows,
    .prepare = StepsAvx512Vnni::Prepare,
    .linear = StepsAvx512Vnni::Linear,
    .rms_norm = RmsNormAvx512,
    .rope = RopeAvx512,
    .glu = GluAvx512,
    .add = AddAvx512,
    .softcap = SoftcapAvx512,
    .add_product = AddProductAvx512,
    .store_kv = StoreKvAvx512Vnni,
    .attend = AttendAvx512Vnni,
    .merge_segments = MergeSegmentsAvx512Vnni,
};

}  // namespace altteul::kernels

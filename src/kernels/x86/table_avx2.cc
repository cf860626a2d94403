// The table of AVX2 with FMA and F16C. Compiled for any x86-64: only the functions it names are
// not.

#include "kernels/x86/float_kernels_x86.h"
#include "kernels/x86/kernels_x86.h"

namespace altteul::kernels {

const KernelTable kAvx2Kernels = {
    .name = "avx2",
    .fast_panel = FastPanelAvx2,
    .embed = EmbedRows,
    .prepare = PrepareAvx2,
    .linear = LinearAvx2,
    .rms_norm = RmsNormAvx2,
    .rope = RopeAvx2,
    .glu = GluAvx2,
    .add = AddAvx2,
    .softcap = SoftcapAvx2,
    .store_kv = StoreKvAvx2,
    .attend = AttendAvx2,
};

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

#include "base/thread_team.h"
#include "kernels/linear.h"

namespace altteul::kernels {

void EmbedRows(const EmbedArgs& args, std::span<std::byte> scratch, int thread, int n_threads) {
  const size_t width = args.table->cols;
  const Share share = ShareOf(args.n_rows, 1, thread, n_threads);
  for (size_t i = share.begin; i < share.end; ++i) {
    float* out = args.out + i * width;
    DecodeRow(*args.table, static_cast<size_t>(args.ids[i]), out, scratch);
    for (size_t c = 0; c < width; ++c) out[c] *= args.scale;
  }
}

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

#include "kernels/reference/elementwise.inl"

#include "kernels/reference/reference.h"

namespace altteul::kernels {

void RmsNormReference(const RmsNormArgs& args, int thread, int n_threads) {
  RmsNormPlain<float>(args, thread, n_threads);
}

void RopeReference(const RopeArgs& args, int thread, int n_threads) {
  RopePlain<float>(args, thread, n_threads);
}

void GluReference(const GluArgs& args, int thread, int n_threads) {
  GluPlain<float>(args, thread, n_threads);
}

void AddReference(const AddArgs& args, int thread, int n_threads) {
  const Share rows = ShareOf(args.n_rows, 1, thread, n_threads);
  for (size_t i = rows.begin * args.width; i < rows.end * args.width; ++i) args.x[i] += args.y[i];
}

void SoftcapReference(const SoftcapArgs& args, int thread, int n_threads) {
  SoftcapPlain<float>(args, thread, n_threads);
}

}  // namespace altteul::kernels

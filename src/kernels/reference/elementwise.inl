// SPDX-License-Identifier: Apache-2.0

// The small steps in plain loops, templated over the scalar: float is what the reference table
// runs, double is the oracle of the tests. The norm sums in double in both, since a plain float sum
// over a row of thousands would be the least precise of all versions.

#pragma once

#include <cmath>
#include <cstddef>

#include "base/thread_team.h"
#include "kernels/elementwise.h"
#include "kernels/share.h"

namespace altteul::kernels {

template <typename Scalar>
void RmsNormPlain(const RmsNormArgs& args, int thread, int n_threads) {
  const Share share = ShareOf(args.n_rows, 1, thread, n_threads);
  for (size_t row = share.begin; row < share.end; ++row) {
    const float* in = args.in + row * args.width;
    float* out = args.out + row * args.width;
    double sum = 0.0;
    for (size_t i = 0; i < args.width; ++i) sum += static_cast<double>(in[i]) * in[i];
    const double mean = sum / static_cast<double>(args.width);
    const auto inverse = static_cast<Scalar>(1.0 / std::sqrt(mean + args.eps));
    for (size_t i = 0; i < args.width; ++i) {
      const Scalar weight = static_cast<Scalar>(args.weight[i]) + args.weight_offset;
      out[i] = static_cast<float>(static_cast<Scalar>(in[i]) * inverse * weight);
    }
  }
}

template <typename Scalar>
void RopePlain(const RopeArgs& args, int thread, int n_threads) {
  const size_t n_pairs = args.n_rotated / 2;
  const Share share = ShareOf(args.n_rows * args.n_heads, 1, thread, n_threads);
  for (size_t at = share.begin; at < share.end; ++at) {
    float* x = args.x + at * args.head_dim;
    const size_t token = at / args.n_heads;
    for (size_t i = 0; i < n_pairs; ++i) {
      const bool halves = args.pairs == RopePairs::kHalves;
      float& first = x[halves ? i : 2 * i];
      float& second = x[halves ? i + n_pairs : 2 * i + 1];
      const Scalar a = first;
      const Scalar b = second;
      const Scalar c = args.cos[token * n_pairs + i];
      const Scalar s = args.sin[token * n_pairs + i];
      first = static_cast<float>(a * c - b * s);
      second = static_cast<float>(a * s + b * c);
    }
  }
}

template <typename Scalar>
Scalar Activate(Activation activation, Scalar x) {
  if (activation == Activation::kSilu) return x / (Scalar{1} + std::exp(-x));
  // x/2 (1 + tanh u) = x / (1 + e^-2u), which does not cancel for negative x.
  const Scalar two_u = static_cast<Scalar>(1.5957691216057308) *  // 2 sqrt(2 / pi)
                       (x + static_cast<Scalar>(0.044715) * x * x * x);
  return x / (Scalar{1} + std::exp(-two_u));
}

template <typename Scalar>
void GluPlain(const GluArgs& args, int thread, int n_threads) {
  const Share cols = ShareOf(args.width, kShareOutputs, thread, n_threads);
  for (size_t row = 0; row < args.n_rows; ++row) {
    for (size_t i = row * args.width + cols.begin; i < row * args.width + cols.end; ++i) {
      args.out[i] = static_cast<float>(Activate<Scalar>(args.activation, args.gate[i]) *
                                       static_cast<Scalar>(args.up[i]));
    }
  }
}

template <typename Scalar>
void SoftcapPlain(const SoftcapArgs& args, int thread, int n_threads) {
  const Share share = ShareOf(args.n_rows * args.width, 1, thread, n_threads);
  const Scalar cap = args.cap;
  for (size_t i = share.begin; i < share.end; ++i) {
    args.x[i] = static_cast<float>(cap * std::tanh(static_cast<Scalar>(args.x[i]) / cap));
  }
}

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

// The small steps over Vec. Include after float_avx512.h or float_avx2.h. A value's arithmetic does
// not depend on its place in a vector, so rows may be cut among threads anywhere; only the norm
// sums, row by row.

#pragma once

#include "base/share.h"
#include "kernels/share.h"
#include "kernels/simd/float_math.inl"

namespace altteul::kernels {
namespace {

/// Values that one thread takes at least: 16 cache lines, so that few lines are shared.
constexpr size_t kGrain = 256;

/// out[i] = f(x[i], y[i]) for i in the range.
template <typename F>
inline void ForEach(Share range, const float* x, const float* y, float* out, const F& f) {
  size_t i = range.begin;
  for (; i + kLanes <= range.end; i += kLanes) Store(out + i, f(Load(x + i), Load(y + i)));
  if (i < range.end) {
    const size_t n = range.end - i;
    StorePart(out + i, f(LoadPart(x + i, n), LoadPart(y + i, n)), n);
  }
}

/// Four chains of fused multiply-adds, vectors dealt in turn; then (0 + 1) + (2 + 3), then the
/// lanes. The order depends on n only.
inline Vec SumOfSquares(const float* x, size_t n) {
  Vec sums[4] = {Zero(), Zero(), Zero(), Zero()};
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (size_t v = 0; v < 4; ++v) {
      const Vec part = Load(x + i + v * kLanes);
      sums[v] = Fma(part, part, sums[v]);
    }
  }
  for (; i < n; i += kLanes) {
    const Vec part = n - i >= kLanes ? Load(x + i) : LoadPart(x + i, n - i);
    sums[0] = Fma(part, part, sums[0]);
  }
  return SumOfLanes(Add(Add(sums[0], sums[1]), Add(sums[2], sums[3])));
}

inline void RmsNorm(const RmsNormArgs& args, int thread, int n_threads) {
  const Share share = ShareOf(args.n_rows, 1, thread, n_threads);
  const Vec offset = Set1(args.weight_offset);
  for (size_t row = share.begin; row < share.end; ++row) {
    const float* in = args.in + row * args.width;
    const Vec mean = Div(SumOfSquares(in, args.width), Set1(static_cast<float>(args.width)));
    // A true square root and division: the approximate ones differ between processors.
    const Vec inverse = Div(Set1(1.0f), Sqrt(Add(mean, Set1(args.eps))));
    ForEach({0, args.width}, in, args.weight, args.out + row * args.width,
            [&](Vec x, Vec weight) { return Mul(Mul(x, inverse), Add(weight, offset)); });
  }
}

/// One head, pairs (i, i + n_pairs).
inline void RotateHalves(float* x, const float* cos, const float* sin, size_t n_pairs) {
  for (size_t i = 0; i < n_pairs; i += kLanes) {
    const size_t n = n_pairs - i < kLanes ? n_pairs - i : kLanes;
    const auto load = [n](const float* p) { return n == kLanes ? Load(p) : LoadPart(p, n); };
    const auto store = [n](float* p, Vec v) { n == kLanes ? Store(p, v) : StorePart(p, v, n); };
    const Vec a = load(x + i);
    const Vec b = load(x + n_pairs + i);
    const Vec c = load(cos + i);
    const Vec s = load(sin + i);
    store(x + i, Fnma(b, s, Mul(a, c)));
    store(x + n_pairs + i, Fma(a, s, Mul(b, c)));
  }
}

/// One head, pairs (2i, 2i + 1).
inline void RotateInterleaved(float* x, const float* cos, const float* sin, size_t n_pairs) {
  constexpr size_t kPairs = kLanes / 2;
  for (size_t i = 0; i < n_pairs; i += kPairs) {
    const size_t n = n_pairs - i < kPairs ? n_pairs - i : kPairs;
    const bool whole = n == kPairs;
    const Vec ab = whole ? Load(x + 2 * i) : LoadPart(x + 2 * i, 2 * n);
    const Vec c = whole ? LoadTwice(cos + i) : LoadTwicePart(cos + i, n);
    const Vec s = whole ? LoadTwice(sin + i) : LoadTwicePart(sin + i, n);
    const Vec rotated = Fma(SwapNeighbours(ab), NegateEven(s), Mul(ab, c));
    whole ? Store(x + 2 * i, rotated) : StorePart(x + 2 * i, rotated, 2 * n);
  }
}

inline void Rope(const RopeArgs& args, int thread, int n_threads) {
  const size_t n_pairs = args.n_rotated / 2;
  const Share share = ShareOf(args.n_rows * args.n_heads, 1, thread, n_threads);
  for (size_t at = share.begin; at < share.end; ++at) {
    float* x = args.x + at * args.head_dim;
    const float* cos = args.cos + at / args.n_heads * n_pairs;
    const float* sin = args.sin + at / args.n_heads * n_pairs;
    if (args.pairs == RopePairs::kHalves) {
      RotateHalves(x, cos, sin, n_pairs);
    } else {
      RotateInterleaved(x, cos, sin, n_pairs);
    }
  }
}

inline void Glu(const GluArgs& args, int thread, int n_threads) {
  const Share cols = ShareOf(args.width, kShareOutputs, thread, n_threads);
  for (size_t row = 0; row < args.n_rows; ++row) {
    const Share share = {row * args.width + cols.begin, row * args.width + cols.end};
    if (args.activation == Activation::kSilu) {
      ForEach(share, args.gate, args.up, args.out,
              [](Vec gate, Vec up) { return Mul(Silu(gate), up); });
    } else {
      ForEach(share, args.gate, args.up, args.out,
              [](Vec gate, Vec up) { return Mul(GeluTanh(gate), up); });
    }
  }
}

inline void AddTo(const AddArgs& args, int thread, int n_threads) {
  const Share rows = ShareOf(args.n_rows, 1, thread, n_threads);
  ForEach({rows.begin * args.width, rows.end * args.width}, args.x, args.y, args.x,
          [](Vec x, Vec y) { return Add(x, y); });
}

inline void Softcap(const SoftcapArgs& args, int thread, int n_threads) {
  const Vec cap = Set1(args.cap);
  ForEach(ShareOf(args.n_rows * args.width, kGrain, thread, n_threads), args.x, args.x, args.x,
          [&](Vec x, Vec /*x*/) { return Mul(cap, Tanh(Div(x, cap))); });
}

}  // namespace
}  // namespace altteul::kernels

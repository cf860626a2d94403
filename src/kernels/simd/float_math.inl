// SPDX-License-Identifier: Apache-2.0

// exp, tanh and the activations over Vec. Include after float_avx512.h or float_avx2.h.
//
// The polynomials are our own minimax fits (Remez exchange in 40 digits, weighted for relative
// error), then rounded to f32: the fit errs by 3e-9 for exp and 4e-9 for tanh, so that f32 rounding
// (6e-8) decides.

#pragma once

namespace altteul::kernels {
namespace {

constexpr float kExpFloor = -87.0f;  ///< below it exp is 0: e^-87 is still a normal f32

/// e^x for x <= 88, within 2 units in the last place; 1 at 0, 0 below kExpFloor, NaN for NaN.
inline Vec Exp(Vec x) {
  const Vec n = RoundToEven(Mul(x, Set1(0x1.715476p+0f)));  // x / ln 2
  // r = x - n ln 2 in [-0.3466, 0.3466], ln 2 as the sum of two f32.
  Vec r = Fnma(n, Set1(0x1.62e430p-1f), x);
  r = Fnma(n, Set1(-0x1.05c610p-29f), r);
  // e^r = 1 + r + r^2 Q(r)
  Vec q = Set1(0x1.6a2434p-10f);
  q = Fma(q, r, Set1(0x1.1239e2p-7f));
  q = Fma(q, r, Set1(0x1.5558f2p-5f));
  q = Fma(q, r, Set1(0x1.555492p-3f));
  q = Fma(q, r, Set1(0x1.fffffcp-2f));
  const Vec e = Add(Fma(Mul(r, r), q, r), Set1(1.0f));
  return SelectLess(x, Set1(kExpFloor), Zero(), ScaleByPowerOf2(e, n));
}

/// tanh x within 4 units in the last place: a polynomial near 0, where 1 - e^-2x would cancel.
inline Vec Tanh(Vec x) {
  const Vec z = Mul(x, x);
  // tanh x = x + x^3 T(x^2) for |x| < 0.625
  Vec t = Set1(-0.00570498699798f);
  t = Fma(t, z, Set1(0.0206390872493f));
  t = Fma(t, z, Set1(-0.0537397150875f));
  t = Fma(t, z, Set1(0.133314421982f));
  t = Fma(t, z, Set1(-0.33333281942f));
  const Vec near = Fma(Mul(x, z), t, x);
  const Vec magnitude = Abs(x);
  const Vec e = Exp(Mul(magnitude, Set1(-2.0f)));
  const Vec far = Div(Sub(Set1(1.0f), e), Add(Set1(1.0f), e));
  return SelectLess(magnitude, Set1(0.625f), near, WithSignOf(far, x));
}

/// 1 / (1 + e^-t), from e^-|t| so that nothing overflows.
inline Vec Sigmoid(Vec t) {
  const Vec e = Exp(Sub(Zero(), Abs(t)));
  return Div(SelectLess(t, Zero(), e, Set1(1.0f)), Add(Set1(1.0f), e));
}

inline Vec Silu(Vec x) { return Mul(x, Sigmoid(x)); }

/// x/2 (1 + tanh u) with u = sqrt(2/pi) (x + 0.044715 x^3). Written as x sigmoid(2u), which is the
/// same and does not cancel for negative x.
inline Vec GeluTanh(Vec x) {
  const Vec slope = Fma(Mul(x, x), Set1(0.0713548162726f), Set1(1.59576912161f));  // 2u / x
  return Mul(x, Sigmoid(Mul(x, slope)));
}

}  // namespace
}  // namespace altteul::kernels

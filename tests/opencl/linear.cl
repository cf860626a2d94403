// SPDX-License-Identifier: Apache-2.0

// A linear layer and its neighbours in OpenCL C 1.2: norm, quantization of activations, product of
// weights as they rest, gated unit, addition. The processor's arithmetic, operation by operation,
// so that its bits come out: kernels/linear.h has the rule of the product, kernels/simd/ the rest.
//
// What OpenCL leaves open is not used: products and sums are fused where fma() says so and nowhere
// else; division, square root and exp are our own (OpenCL allows 2.5, 3 and 3 units in the last
// place). Memory is words of 32 bits, so that no pointer changes its type. Where there is a barrier
// every item of a group comes to it.

#pragma OPENCL FP_CONTRACT OFF

// ---- arithmetic that is rounded once ----
//
// Division and square root begin with the device's own, which may be several units off, correct that
// by the residual, and choose among what came out and its neighbours: residuals are exact, and the
// smallest one is the nearest number's. (Correcting twice leaves one quotient in 2^23 wrong,
// 1 / (2 - 2^-23), and some roots.) Significands only, so that nothing on the way is subnormal.

/// a / b to the nearest. @pre the result is no subnormal number
float Divide(float a, float b) {
  if (!isfinite(a) || !isfinite(b) || b == 0.0f) return a / b;
  int a_exponent, b_exponent;
  const float x = frexp(a, &a_exponent), d = frexp(b, &b_exponent);
  const float reciprocal = 1.0f / d;
  float quotient = x * reciprocal;
  quotient = fma(fma(-d, quotient, x), reciprocal, quotient);
  float nearest = quotient;
  for (int step = -1; step <= 1; step += 2) {
    const float other = as_float(as_int(quotient) + step);
    if (fabs(fma(-d, other, x)) < fabs(fma(-d, nearest, x))) nearest = other;
  }
  return ldexp(nearest, a_exponent - b_exponent);
}

/// The square root to the nearest. @pre x is not negative
float Root(float x) {
  if (!isfinite(x) || x == 0.0f) return x;
  int exponent;
  float square = frexp(x, &exponent);
  if ((exponent & 1) != 0) {
    square *= 0.5f;
    ++exponent;
  }
  float root = sqrt(square);
  root = fma(fma(-root, root, square), 0.5f / root, root);
  float nearest = root;
  for (int step = -1; step <= 1; step += 2) {
    const float other = as_float(as_int(root) + step);
    if (fabs(fma(-other, other, square)) < fabs(fma(-nearest, nearest, square))) nearest = other;
  }
  return ldexp(nearest, exponent / 2);
}

/// x / 127. Small numbers are whole multiples of 2^-149, the smallest that there is: Divide() would
/// round them twice. @pre x is not negative
float Over127(float x) {
  if (!(x < 0x1p-119f)) return Divide(x, 127.0f);
  return ldexp(convert_float((convert_uint(ldexp(x, 149)) + 63) / 127), -149);
}

/// A 16-bit float to 32 bits. The second half is of subnormal numbers, multiples of 2^-24.
float HalfToFloat(uint half_bits) {
  const uint sign = (half_bits & 0x8000u) << 16, magnitude = half_bits & 0x7fffu;
  const uint rebias = magnitude >= 0x7c00u ? 224u << 23 : 112u << 23;
  const uint normal = (magnitude << 13) + rebias;
  const uint subnormal = as_uint(convert_float(magnitude) * 0x1p-24f);
  return as_float(sign | (magnitude < 0x400u ? subnormal : normal));
}

// ---- weights at rest: docs/formats/resting_weights.md ----

#define GROUP_ROWS 16

enum Type { Q4_0, Q8_0, Q4_K };  // in the order of OpenClCompute's table

/// 32 columns of one row times activations: weights are scale * code + min.
typedef struct {
  int sum;  ///< of codes times activations, exact
  float scale, min;
} Block;

int Dot4(uint codes, uint activations) {
  const char4 a = as_char4(codes), x = as_char4(activations);
  return a.s0 * x.s0 + a.s1 * x.s1 + a.s2 * x.s2 + a.s3 * x.s3;
}

/// The 16-bit float of a row in a unit of 16 rows.
float HalfOfRow(global const uint* unit, uint row) {
  return HalfToFloat(unit[row / 2] >> (row % 2 * 16) & 0xffffu);
}

/// Tile: 4 units of nibbles, columns 4u .. 4u + 3 in the low ones and 16 more in the high ones.
Block BlockQ4_0(global const uint* tile, uint row, global const uint* x) {
  Block block = {0, HalfOfRow(tile + 4 * GROUP_ROWS, row), 0.0f};
  for (uint unit = 0; unit < 4; ++unit) {
    const uint codes = tile[unit * GROUP_ROWS + row];
    block.sum += Dot4(codes & 0x0f0f0f0fu, x[unit]) + Dot4(codes >> 4 & 0x0f0f0f0fu, x[4 + unit]);
    block.sum -= 8 * (Dot4(0x01010101u, x[unit]) + Dot4(0x01010101u, x[4 + unit]));
  }
  return block;
}

/// Tile: 8 units of signed codes.
Block BlockQ8_0(global const uint* tile, uint row, global const uint* x) {
  Block block = {0, HalfOfRow(tile + 8 * GROUP_ROWS, row), 0.0f};
  for (uint unit = 0; unit < 8; ++unit) {
    block.sum += Dot4(tile[unit * GROUP_ROWS + row], x[unit]);
  }
  return block;
}

/// Byte i of the 12 that hold eight 6-bit scales and eight 6-bit minimums.
uint PackedQ4_K(global const uint* packed, uint row, uint i) {
  return packed[i / 4 * GROUP_ROWS + row] >> (i % 4 * 8) & 0xffu;
}

/// Tile: 32 units of nibbles (two blocks in eight), 3 of packed scales, then d and dmin.
Block BlockQ4_K(global const uint* tile, uint at, uint row, global const uint* x) {
  global const uint* packed = tile + 32 * GROUP_ROWS;
  global const uint* d = packed + 3 * GROUP_ROWS;
  uint scale = PackedQ4_K(packed, row, at) & 63u, min = PackedQ4_K(packed, row, at + 4);
  if (at < 4) {
    min &= 63u;
  } else {
    scale = (min & 15u) | PackedQ4_K(packed, row, at - 4) >> 6 << 4;
    min = min >> 4 | PackedQ4_K(packed, row, at) >> 6 << 4;
  }
  Block block = {0, HalfOfRow(d, row) * convert_float(scale),
                 -(HalfOfRow(d + GROUP_ROWS / 2, row) * convert_float(min))};
  for (uint unit = 0; unit < 8; ++unit) {
    const uint codes = tile[(at / 2 * 8 + unit) * GROUP_ROWS + row] >> (at % 2 * 4);
    block.sum += Dot4(codes & 0x0f0f0f0fu, x[unit]);
  }
  return block;
}

// ---- the steps ----
//
// Each array comes as a buffer and the word in it at which the array begins.

/// Activations in the form that products read: items are blocks of 32 columns of all rows.
/// codes [n_blocks][8 words], scales and offsets [n_blocks], see PreparedRows.
kernel void Quantize(global const float* in, ulong in_at, uint n_blocks, global uint* codes,
                     global float* scales, global float* offsets) {
  const uint block = get_global_id(0);
  if (block >= n_blocks) return;
  const ulong first = in_at + (ulong)block * 32;
  int magnitude = 0;  // as bits, which are ordered like the numbers, with infinities and NaN above
  for (uint i = 0; i < 32; ++i) magnitude = max(magnitude, as_int(in[first + i]) & 0x7fffffff);
  const float largest = as_float(magnitude);
  const float factor = Divide(127.0f, largest);
  const bool is_usable = isfinite(largest) && isfinite(factor);
  int sum = 0;
  for (uint word = 0; word < 8; ++word) {
    uint four = 0;
    for (uint i = 0; i < 4; ++i) {
      const float scaled = in[first + word * 4 + i] * factor;
      const int code = is_usable ? convert_int_rte(scaled) : 0;
      sum += code;
      four |= (as_uint(code) & 0xffu) << (8 * i);
    }
    codes[block * 8 + word] = four;
  }
  const float scale = Over127(largest);
  scales[block] = scale;
  offsets[block] = scale * convert_float(sum);
}

/// out = W x + bias, or out += that. Items are (row, token); a group is 16 rows of one token.
kernel void Product(uint type, global const uint* weights, ulong weights_at, uint n_rows,
                    uint n_blocks, global const uint* codes, global const float* scales,
                    global const float* offsets, global const float* bias, ulong bias_at,
                    global float* out, ulong out_at, uint out_stride, uint adds) {
  const uint row = get_global_id(0), token = get_global_id(1);
  if (row >= n_rows) return;
  const uint lane = row % GROUP_ROWS;
  const uint tile_blocks = type == Q4_K ? 8 : 1;
  const uint tile_words = type == Q4_0 ? 72 : type == Q8_0 ? 136 : 576;
  global const uint* tile =
      weights + weights_at + (ulong)(row / GROUP_ROWS) * (n_blocks / tile_blocks) * tile_words;
  float sum = 0.0f, sum_of_mins = 0.0f;
  for (uint i = 0; i < n_blocks; ++i) {
    const ulong at = (ulong)token * n_blocks + i;
    global const uint* x = codes + at * 8;
    const Block block = type == Q4_0   ? BlockQ4_0(tile, lane, x)
                        : type == Q8_0 ? BlockQ8_0(tile, lane, x)
                                       : BlockQ4_K(tile, i % 8, lane, x);
    sum = fma(convert_float(block.sum), block.scale * scales[at], sum);
    sum_of_mins = fma(block.min, offsets[at], sum_of_mins);
    if ((i + 1) % tile_blocks == 0) tile += tile_words;
  }
  float y = type == Q4_K ? sum + sum_of_mins : sum;
  if (bias != 0) y += bias[bias_at + row];
  const ulong to = out_at + (ulong)token * out_stride + row;
  out[to] = adds != 0 ? out[to] + y : y;
}

/// out = x / sqrt(mean(x^2) + eps) * (weight + offset), in place or not. A group is one row and has
/// 4 * lanes items (at most 64): each is a chain of fused multiply-adds over every 4 * lanes-th
/// value; values behind the last whole round go to the first `lanes` chains. Then the four chains
/// of a lane, then halves of the lanes: the sum of an instruction set with vectors of `lanes`.
kernel void Norm(global const float* in, ulong in_at, global float* out, ulong out_at, uint width,
                 global const float* weight, ulong weight_at, float offset, float eps,
                 uint lanes) {
  local float sums[64];
  const uint item = get_local_id(0), n_items = 4 * lanes;
  const ulong row = (ulong)get_group_id(0) * width;
  const uint in_rounds = width / n_items * n_items;
  float sum = 0.0f;
  for (uint i = item; i < in_rounds; i += n_items) {
    const float x = in[in_at + row + i];
    sum = fma(x, x, sum);
  }
  for (uint i = in_rounds + item; item < lanes && i < width; i += lanes) {
    const float x = in[in_at + row + i];
    sum = fma(x, x, sum);
  }
  sums[item] = sum;
  // In place, values that one item has read here another writes below: global memory waits too.
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  if (item < lanes) {
    sums[item] =
        (sums[item] + sums[lanes + item]) + (sums[2 * lanes + item] + sums[3 * lanes + item]);
  }
  for (uint half_lanes = lanes / 2; half_lanes != 0; half_lanes /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < half_lanes) sums[item] += sums[half_lanes + item];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  const float mean = Divide(sums[0], convert_float(width));
  const float inverse = Divide(1.0f, Root(mean + eps));
  for (uint i = item; i < width; i += n_items) {
    out[out_at + row + i] = in[in_at + row + i] * inverse * (weight[weight_at + i] + offset);
  }
}

/// The polynomial of kernels/simd/float_math.inl. @pre x <= 0, or NaN
float Exp(float x) {
  const float n = rint(x * 0x1.715476p+0f);
  float r = fma(-n, 0x1.62e430p-1f, x);
  r = fma(-n, -0x1.05c610p-29f, r);
  float q = 0x1.6a2434p-10f;
  q = fma(q, r, 0x1.1239e2p-7f);
  q = fma(q, r, 0x1.5558f2p-5f);
  q = fma(q, r, 0x1.555492p-3f);
  q = fma(q, r, 0x1.fffffcp-2f);
  const float e = fma(r * r, q, r) + 1.0f;
  return x < -87.0f ? 0.0f : e * as_float((convert_int_sat_rte(n) + 127) << 23);
}

float Sigmoid(float t) {
  const float e = Exp(0.0f - fabs(t));
  return Divide(t < 0.0f ? e : 1.0f, 1.0f + e);
}

/// out = activation(gate) * up; items are values.
kernel void Glu(global const float* gate, ulong gate_at, global const float* up, ulong up_at,
                global float* out, ulong out_at, ulong n, uint is_gelu) {
  const ulong i = get_global_id(0);
  if (i >= n) return;
  const float x = gate[gate_at + i];
  const float slope = is_gelu != 0 ? fma(x * x, 0.0713548162726f, 1.59576912161f) : 1.0f;
  out[out_at + i] = x * Sigmoid(x * slope) * up[up_at + i];
}

/// x += y; items are values.
kernel void Add(global float* x, ulong x_at, global const float* y, ulong y_at, ulong n) {
  const ulong i = get_global_id(0);
  if (i < n) x[x_at + i] += y[y_at + i];
}

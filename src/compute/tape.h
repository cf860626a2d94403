// SPDX-License-Identifier: Apache-2.0

// What is to be computed, in its order: the engine writes steps on a tape, a compute plays it.
//
// A step names where its values lie, never how it is computed: threads, barriers, the forms that a
// product wants its inputs in and the copies that save waiting are the compute's business. It finds
// out from what each step reads and writes where one step has to wait for another.
//
// T is the number of rows of the tape, tokens of any mixture of sequences.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "compute/address.h"
#include "compute/linear.h"
#include "kernels/attention.h"
#include "kernels/elementwise.h"

namespace altteul::compute {

using kernels::SequenceRows;

/// RMSNorm's weights; none: no norm.
struct NormWeights {
  const float* weight = nullptr;  ///< [width]
  float offset = 0.0f;            ///< 1 where a file stores w and the model means 1 + w
  float eps = 0.0f;

  bool is_there() const { return weight != nullptr; }
};

/// out = scale * rows of the table.
struct EmbedStep {
  const WeightMatrix* table = nullptr;  ///< [vocabulary, width]
  std::span<const int32_t> ids = {};    ///< [T], each below table->rows
  float scale = 1.0f;
  Floats out = {};  ///< [T, width]
};

/// cos and sin of position * frequency, times the magnitude. In double: at position 100,000 an f32
/// angle would be off by 0.004.
struct RopeAnglesStep {
  std::span<const size_t> positions = {};    ///< [T]
  std::span<const double> frequencies = {};  ///< [n_pairs] radians a position
  double magnitude = 1.0;
  Floats cos = {}, sin = {};  ///< [T, n_pairs]
};

/// out = norm(in), each of a row's parts for itself. In place is allowed.
struct NormStep {
  Floats in = {}, out = {};  ///< [T, parts, width]
  size_t parts = 1;          ///< heads of a row
  size_t width = 0;
  NormWeights norm = {};
};

/// What adapters add to a product for some rows of a pass: out += B (A x). A LoRA's scale is in B.
struct AdapterRows {
  size_t first_row = 0;
  size_t n_rows = 0;
  const Linear* a = nullptr;  ///< [rank, cols]
  const Linear* b = nullptr;  ///< [rows, rank]
};

/// One of several products of the same rows.
struct Output {
  const Linear* linear = nullptr;
  Floats out = {};                             ///< [T, stride]
  size_t stride = 0;                           ///< in floats; 0: linear->w.rows
  std::span<const AdapterRows> adapters = {};  ///< ascending, without overlap

  size_t Stride() const { return stride == 0 ? linear->w.rows : stride; }
};

/// outputs = linear(norm(in)), or linear(in) where there is no norm.
struct ProductsStep {
  Floats in = {};  ///< [T, linear->w.cols]
  NormWeights norm = {};
  Floats normed = {};  ///< [T, cols] where there is a norm: norm(in)
  std::array<Output, 3> outputs = {};
  size_t n_outputs = 0;

  std::span<const Output> Outputs() const { return {outputs.data(), n_outputs}; }
};

/// x += norm(linear(in)), or x += linear(in) where there is no norm.
struct AddProductStep {
  Floats in = {};       ///< [T, linear->w.cols]
  Output product = {};  ///< its `out` [T, rows] may be left as it is where nothing is to be kept
  NormWeights norm = {};
  Floats normed = {};  ///< [T, rows] where there is a norm
  Floats x = {};       ///< [T, rows]
};

/// Rotates the heads of q or k. In place is allowed.
struct RopeStep {
  Floats in = {}, out = {};  ///< [T, n_heads, head_dim]
  size_t n_heads = 0;
  size_t head_dim = 0;
  size_t n_rotated = 0;
  kernels::RopePairs pairs = kernels::RopePairs::kHalves;
  Floats cos = {}, sin = {};  ///< [T, n_rotated / 2]
};

/// Keys and values go into the caches of their sequences.
struct StoreKvStep {
  std::span<const SequenceRows> sequences = {};
  Floats k = {}, v = {};  ///< [T, n_kv_heads, head_dim]
};

/// Attention over what the caches hold, these rows included.
struct AttendStep {
  std::span<const SequenceRows> sequences = {};
  Floats q = {};         ///< [T, n_heads, head_dim]
  Floats out = {};       ///< [T, n_heads, head_dim]
  Floats row_sums = {};  ///< [T, n_heads, 2], see AttentionArgs; may be null
  size_t n_heads = 0;
  float scale = 1.0f;
  float softcap = 0.0f;
  size_t window = 0;
};

/// out = activation(gate) * up. `out` may be `gate`.
struct GluStep {
  Floats gate = {}, up = {}, out = {};  ///< [T, width]
  size_t width = 0;
  kernels::Activation activation = kernels::Activation::kSilu;
  const Linear* reader = nullptr;  ///< what multiplies `out` next, so that it can be made ready
};

/// out = some rows of `in`, one after another.
struct GatherStep {
  Floats in = {};                     ///< [any, width]
  std::span<const size_t> rows = {};  ///< [T]
  size_t width = 0;
  Floats out = {};  ///< [T, width]
};

/// x = cap * tanh(x / cap).
struct SoftcapStep {
  Floats x = {};  ///< [T, width]
  size_t width = 0;
  float cap = 0.0f;
};

using Step = std::variant<EmbedStep, RopeAnglesStep, NormStep, ProductsStep, AddProductStep,
                          RopeStep, StoreKvStep, AttendStep, GluStep, GatherStep, SoftcapStep>;

/// Steps, and the host's memory that they may touch. What spans and pointers of steps show to must
/// stay until the tape has been played.
class Tape {
 public:
  /// Whether steps read lent memory, or leave it written, or both. kWritten: all of it, because a
  /// device does not know what stood where nothing was written. Loans of a tape do not overlap.
  enum class Loan : uint8_t { kRead, kWritten, kChanged };
  struct LentFloats {
    std::span<float> floats;
    Loan loan;
  };

  /// Begins anew.
  void Clear(size_t n_rows);

  size_t n_rows() const { return n_rows_; }
  template <typename AnyStep>
  void Add(const AnyStep& step) {
    steps_.emplace_back(step);
  }
  std::span<const Step> steps() const { return steps_; }

  /// Host memory that steps may read or write until the tape has been played. A device copies it
  /// before, after or both; the CPU works on it as it stands.
  Floats Lend(std::span<float> floats, Loan loan);
  Floats Lend(std::span<const float> floats);  ///< to be read
  std::span<const LentFloats> lent() const { return lent_; }

  /// Values that nobody asks for once the tape has been played: where there is only one row, each
  /// of the CPU's threads may compute all of it for itself, so that none waits for another.
  void SetPassing(std::span<const Floats> values);
  std::span<const Floats> passing() const { return {passing_.data(), n_passing_}; }

  static constexpr size_t kMostPassing = 4;

 private:
  size_t n_rows_ = 0;
  std::vector<Step> steps_;
  std::vector<LentFloats> lent_;
  std::array<Floats, kMostPassing> passing_;
  size_t n_passing_ = 0;
};

/// The largest that the tapes of one engine get: by it a compute measures its own memory.
struct TapeLimits {
  size_t max_rows = 0;
  size_t widest = 0;      ///< floats of a row that are read by a product, or a passing value
  size_t widest_glu = 0;  ///< of GluStep
  size_t widest_head = 0;
  size_t most_heads = 0;   ///< of an AttendStep
  size_t longest = 0;      ///< context of a sequence [positions]
  size_t widest_rank = 0;  ///< of adapters
};

}  // namespace altteul::compute

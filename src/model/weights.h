// SPDX-License-Identifier: Apache-2.0

// A model's weights at rest, ready for kernels.
//
// Linear layers whose type has a fast kernel are reordered into 16-row groups at load (same bits,
// same number of bytes), slice by slice, and the mapped pages behind them are given back. All
// others stay in the mapping. Norms and biases are copied as f32: they are small. All are examined
// on the way: a NaN or an infinity anywhere is an error of the file.

#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/sinks.h"
#include "compute/compute.h"
#include "kernels/kernel_table.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "tensor/buffer.h"

namespace altteul::model {

using compute::Linear;
using kernels::WeightMatrix;

/// What a matrix of a layer is for, in the order in which a pass reads them.
enum class MatrixRole : uint8_t { kQ, kK, kV, kO, kGate, kUp, kDown };

/// One layer. What its LayerPlan does not ask for is null, and matrices have no rows.
struct BlockWeights {
  const float* attn_norm = nullptr;       ///< [hidden]
  const float* attn_post_norm = nullptr;  ///< [hidden]
  const float* q_norm = nullptr;          ///< [key_dim]
  const float* k_norm = nullptr;          ///< [key_dim]
  const float* ffn_norm = nullptr;        ///< [hidden]
  const float* ffn_post_norm = nullptr;   ///< [hidden]
  Linear q;                               ///< [n_heads * key_dim, hidden]
  Linear k;                               ///< [n_kv_heads * key_dim, hidden]
  Linear v;                               ///< [n_kv_heads * value_dim, hidden]
  Linear o;                               ///< [hidden, n_heads * value_dim]
  Linear gate;                            ///< [inner, hidden]
  Linear up;                              ///< [inner, hidden]
  Linear down;                            ///< [hidden, inner]

  const Linear& at(MatrixRole role) const;
  Linear& at(MatrixRole role);
};

/// The one list of a layer's matrices, in the order of their roles.
struct MatrixRow {
  MatrixRole role;
  std::string_view name;  ///< "q", "down": for people
  Linear BlockWeights::*member;
};
inline constexpr MatrixRow kMatrices[] = {
    {MatrixRole::kQ, "q", &BlockWeights::q},          {MatrixRole::kK, "k", &BlockWeights::k},
    {MatrixRole::kV, "v", &BlockWeights::v},          {MatrixRole::kO, "o", &BlockWeights::o},
    {MatrixRole::kGate, "gate", &BlockWeights::gate}, {MatrixRole::kUp, "up", &BlockWeights::up},
    {MatrixRole::kDown, "down", &BlockWeights::down},
};

inline Linear& BlockWeights::at(MatrixRole role) {
  return this->*kMatrices[static_cast<size_t>(role)].member;
}
inline const Linear& BlockWeights::at(MatrixRole role) const {
  return this->*kMatrices[static_cast<size_t>(role)].member;
}

/// visit(role, linear) for each matrix that this layer has.
template <typename Block, typename Visit>
void ForEachMatrix(Block& block, const Visit& visit) {
  for (const MatrixRow& row : kMatrices) {
    if ((block.*row.member).w.rows != 0) visit(row.role, block.*row.member);
  }
}

struct Weights {
  WeightMatrix embedding;  ///< [vocabulary, hidden]
  Linear output;           ///< [vocabulary, hidden]; the embedding itself when tied
  bool tied = false;
  const float* output_norm = nullptr;  ///< [hidden]
  std::vector<BlockWeights> blocks;    ///< one a layer

  uint64_t resting_bytes = 0;                         ///< of all matrices, wherever they rest
  Buffer arena;                                       ///< 16-row groups
  Buffer small;                                       ///< norms and biases
  std::vector<std::unique_ptr<compute::Owned>> held;  ///< what the compute has of them
};

/// Bytes of the file that one loading thread examines and reorders before it gives their pages
/// back.
inline constexpr uint64_t kLoadingBytesOfThread = uint64_t{4} << 20;

struct WeightOptions {
  kernels::Precision precision = kernels::Precision::kFast;
  /// Asked every few milliseconds while weights are read, by the calling thread; false ends that.
  std::function<bool()> go_on = {};
};

/// Binds every tensor that the configuration asks for, and hands the compute what it will read.
/// `file` and `compute` must outlive the result.
/// @param log  told of tensors in the file that nothing uses
/// @return kCorruptFile for a missing tensor, one of another shape (name, both shapes) or one with
///         a value that is not finite (name, row); kUnsupported for a type that is no weight and
///         for experts; kOutOfMemory, kCancelled
Result<Weights> LoadWeights(const Checkpoint& file, const ModelConfig& config,
                            const WeightOptions& options, compute::Compute& compute,
                            const LogSink& log);

/// What LoadWeights would make, without touching a tensor's bytes.
struct WeightPlan {
  /// Matrices with the types, forms and panels that they will have; `data` shows into the file, and
  /// vectors are null.
  Weights weights;
  std::set<std::string> tensors;  ///< names of what is bound
  uint64_t arena_bytes = 0;       ///< matrices that rest in 16-row groups
  uint64_t small_bytes = 0;       ///< norms and biases
  uint64_t mapped_bytes = 0;      ///< matrices that are read where the file has them
  uint64_t looked_up_bytes = 0;   ///< of an embedding that is no head: a row a token is read
};

/// @param kernels  that would compute it, Precision::kFast; null: as for Precision::kF32
/// @return as LoadWeights, but for what tensors hold
Result<WeightPlan> PlanWeights(const Checkpoint& file, const ModelConfig& config,
                               const kernels::KernelTable* kernels);

}  // namespace altteul::model

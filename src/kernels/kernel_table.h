// SPDX-License-Identifier: Apache-2.0

// The steps of a forward pass for one instruction set. A folder with the same file names fills this
// table; the CPU's player (compute/cpu_walk.cc) calls it, and whoever computes on the host beside
// passes.
//
// Every step takes (thread, n_threads) and does that thread's share; shares never change a result.
// Steps that share alike may follow one another over the same data without a barrier:
//   row steps     embed, rms_norm, add, merge_segments, prepare by rows: ShareOf(n_rows, 1, t, n)
//   head steps    rope, store_kv: the same over (row, head) pairs, heads of a row side by side
//   column steps  linear (its outputs), glu, prepare by columns: of every row the columns
//                 ShareOf(cols, kShareOutputs, t, n)
// No step ends in a barrier: the caller places them. No step allocates, locks, logs or fails.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/machine.h"
#include "base/status.h"
#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "kernels/product.h"

namespace altteul::kernels {

/// How precisely linear layers are computed.
enum class Precision : uint8_t {
  kFast,  ///< the panel that suits the weights' type: what users run
  kF32,   ///< weights decoded to f32, f32 activations: the reference side of an evaluation
};

struct KernelTable {
  std::string_view name;  ///< "reference", "avx2", "avxvnni", "avx512vnni", "avx512", "neon"

  /// The panel that this instruction set's fast kernels use for a type; nothing where it has none,
  /// so that the matrix rests as the file has it and is computed in P32.
  bool (*fast_panel)(DType type, PanelKind* panel);

  /// @param scratch  this thread's own, LinearScratchBytes(table->cols)
  void (*embed)(const EmbedArgs& args, std::span<std::byte> scratch, int thread, int n_threads);

  /// Fills the asked forms of rows x.f32.
  void (*prepare)(const PreparedRows& x, PreparedForms forms, ShareBy by, int thread,
                  int n_threads);

  /// @param scratch  this thread's own, LinearScratchBytes(w->cols)
  void (*linear)(const LinearArgs& args, std::span<std::byte> scratch, int thread, int n_threads);

  void (*rms_norm)(const RmsNormArgs& args, int thread, int n_threads);
  void (*rope)(const RopeArgs& args, int thread, int n_threads);
  void (*glu)(const GluArgs& args, int thread, int n_threads);
  void (*add)(const AddArgs& args, int thread, int n_threads);
  void (*softcap)(const SoftcapArgs& args, int thread, int n_threads);

  /// For encoding weights; on the caller's thread alone.
  void (*add_product)(const AddProductArgs& args);

  void (*store_kv)(const StoreKvArgs& args, int thread, int n_threads);

  /// @param scratch  this thread's own, AttentionScratchBytes(head_dim)
  void (*attend)(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                 int n_threads);

  /// The output of attend() where args.sums are given, otherwise nothing. A row step.
  void (*merge_segments)(const AttentionArgs& args, int thread, int n_threads);
};

/// What 16-bit floats are multiplied in: P16 where that is faster than P32.
PanelKind HalfPanel(const KernelTable& kernels);

/// The tables that this build has, slowest first. The reference is always there.
std::span<const KernelTable* const> BuiltKernels();

/// True when a machine with these features can run the table.
bool CanRun(const KernelTable& table, const CpuFeatures& features);

/// The fastest table this machine can run, or the one named by `wanted` (a name of
/// BuiltKernels(); empty: the fastest).
/// @return kInvalidArgument for an unknown name, kUnsupported when the machine lacks it
Result<const KernelTable*> SelectKernels(std::string_view wanted, const CpuFeatures& features);

extern const KernelTable kReferenceKernels;

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

// One thread of the processor on its way through a tape. Private to cpu_player.cc.

#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "base/thread_team.h"
#include "compute/step_order.h"
#include "compute/tape.h"
#include "kernels/kernel_table.h"

namespace altteul::compute {

// Passes of so few rows may share the segments of a context among threads.
inline constexpr size_t kRowsOfSums = 8;

/// Turns an address of a tape into one that the host can use.
class AddressMap {
 public:
  virtual ~AddressMap() = default;
  virtual void* Find(const void* address) const = 0;
};

/// The memory of one thread.
struct CpuThreadSpace {
  std::array<float*, Tape::kMostPassing> passing;  ///< [widest] each
  kernels::PreparedRows prepared;                  ///< of one row
  std::span<std::byte> scratch;
};
/// What a player computes with beside what tapes name.
struct CpuWorkspace {
  kernels::PreparedRows prepared;      ///< [max_rows, widest] what a product reads
  kernels::PreparedRows prepared_glu;  ///< [max_rows, widest_glu], made while others read that
  kernels::PreparedRows prepared_low;  ///< [max_rows, widest_rank] A x of adapters
  float* low = nullptr;                ///< the same in f32
  size_t low_stride = 0;               ///< widest_rank
  kernels::SegmentSums sums;           ///< of kRowsOfSums rows
  std::vector<CpuThreadSpace> own;     ///< [n_threads]
};

/// One thread on its way through a tape.
class CpuWalk {
 public:
  /// @param map  of addresses that are not the host's own; null: all are
  /// @param work, tape  must stay
  CpuWalk(const kernels::KernelTable& kernels, const AddressMap* map, const CpuWorkspace& work,
          ThreadTeam& team, const Tape& tape, int thread)
      : kernels_(kernels),
        map_(map),
        work_(work),
        own_(work.own[static_cast<size_t>(thread)]),
        tape_(tape),
        n_rows_(tape.n_rows()),
        thread_(thread),
        n_threads_(team.size()),
        is_alone_(n_rows_ == 1 && n_threads_ > 1 && !tape.passing().empty()),
        order_(team) {}

  size_t n_barriers() const { return order_.n_barriers(); }

  void operator()(const EmbedStep& step);
  void operator()(const RopeAnglesStep& step);
  void operator()(const NormStep& step);
  void operator()(const ProductsStep& step);
  void operator()(const AddProductStep& step);
  void operator()(const RopeStep& step);
  void operator()(const StoreKvStep& step);
  void operator()(const AttendStep& step);
  void operator()(const GluStep& step);
  void operator()(const GatherStep& step);
  void operator()(const SoftcapStep& step);

 private:
  /// Where a step takes whole rows, and which of them are this thread's.
  struct Rows {
    float* at;
    int thread;
    int n_threads;
  };

  // --- addresses ---

  template <typename T>
  T* Here(T* address) const {
    if (map_ == nullptr || address == nullptr) return address;
    return static_cast<T*>(map_->Find(address));
  }
  float* Here(Floats floats) const { return Here(floats.place()); }
  WeightMatrix Here(WeightMatrix matrix) const {
    matrix.data = Here(matrix.data);
    return matrix;
  }

  // --- what a step reads and writes ---

  /// SIZE_MAX for what is no passing value.
  size_t PassingIndex(Floats floats) const;
  /// This thread's own copy, null where the value is shared.
  float* OwnCopy(Floats floats) const;
  const float* Read(Floats floats, size_t width, Sharing sharing);
  float* Write(Floats floats, size_t width, Sharing sharing);
  /// Of a step that takes whole rows: of a single row every thread may have a copy.
  const float* ReadRows(Floats floats, size_t width);
  Rows WriteRows(Floats floats, size_t width);

  // --- parts of steps ---

  void Norm(const float* in, float* out, const NormWeights& norm, size_t n_rows, size_t width,
            int thread, int n_threads) const;
  kernels::PreparedRows Prepare(Floats in, const NormWeights& norm, Floats normed,
                                std::span<const Output> readers);
  kernels::PreparedRows ReadReady(Floats in, size_t cols);
  void Multiply(const Output& output, const kernels::PreparedRows& x, float* out,
                bool add_to_out) const;
  void Adapt(const Output& output, const kernels::PreparedRows& x, float* out);
  bool SharesSegments(std::span<const SequenceRows> sequences) const;

  const kernels::KernelTable& kernels_;
  const AddressMap* const map_;
  const CpuWorkspace& work_;
  const CpuThreadSpace& own_;
  const Tape& tape_;
  const size_t n_rows_;
  const int thread_, n_threads_;
  const bool is_alone_;  // takes single rows whole, in copies of its own
  std::array<bool, Tape::kMostPassing> is_own_ = {};  // a passing value is in such copies now
  Floats ready_;  // what work_.prepared_glu was made of; null: nothing that still holds
  StepOrder order_;
};

}  // namespace altteul::compute

// SPDX-License-Identifier: Apache-2.0

// What this machine reaches with our own kernels: measured once, in seconds, and kept. From it and
// a model's header follow tokens a second before the model is there (speed_plan.h).
//
// Three things are measured: products with weights of each type, for one row of activations out of
// memory and for many rows out of the cache; attention, by a model of zeros that has nearly nothing
// else; and what a layer costs beside both.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/cpu_load.h"
#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compute/compute.h"
#include "kernels/probes.h"
#include "model/config.h"
#include "tensor/dtype.h"

namespace altteul::plan {

struct TypeRate {
  DType type = DType::kF32;
  double bytes_per_s = 0;  ///< of weights, for one row of activations
  double ops_per_s = 0;    ///< for kManyRows rows; a multiply-add counts two
};

struct AttentionRate {
  kernels::KvType kv = kernels::KvType::kF16;
  size_t head_dim = 0;
  double bytes_per_s = 0;  ///< of keys and values, for one query
  double ops_per_s = 0;    ///< for the queries of a prompt
};

struct MachineRates {
  std::string processor;  ///< CpuModelName()
  std::string isa;        ///< KernelTable::name
  int threads = 0;
  double read_bytes_per_s = 0;
  kernels::Peaks peaks;
  std::vector<TypeRate> types;           ///< each once
  std::vector<AttentionRate> attention;  ///< each (kv, head_dim) once
  double layer_seconds = 0;  ///< of one row, beside products and attention: mostly waiting
  double value_seconds = 0;  ///< of many rows: for each value that row steps write
  /// How far rounds lay apart: highest over lowest of three, the median over all figures. Other
  /// work that comes and goes shows here.
  double spread = 1;
  /// What else the machine did meanwhile; with a disturbance these are no rates to keep.
  CpuLoad load;

  const TypeRate* Find(DType type) const;
  /// Of the nearest head size that was measured. @pre something was
  const AttentionRate& Attention(kernels::KvType kv, size_t head_dim) const;
};

inline constexpr size_t kManyRows = 512;

/// Types of KV cache that are measured; others count as the first.
inline constexpr kernels::KvType kMeasuredKv[] = {kernels::KvType::kF16, kernels::KvType::kQ8_0,
                                                  kernels::KvType::kQ4_0};

/// Values that the row steps of one layer write for one row.
double RowValues(const model::ModelConfig& config);

/// How much is measured with. Smaller figures than these are for tests: what they give is no rate.
struct ProbeSizes {
  int rounds = 3;  ///< of everything: a moment in which others work spoils one of them
  uint64_t stream_bytes = uint64_t{128} << 20;  ///< beyond the caches that a core can fill
  size_t many_rows = kManyRows;
  size_t one_depth = 8192;   ///< positions that one query sees: beyond the caches too
  size_t many_depth = 1024;  ///< before the queries of a prompt
  size_t queries = 128;      ///< of these
};

/// Takes about two seconds a round, and 300 MB.
/// @param compute, clock  must outlive the call
/// @param read_cpu  asked before each round and at the end; empty: nothing is said of the load
/// @return kOutOfMemory, kCancelled, kIoError (of the folder for temporary files)
Result<MachineRates> MeasureMachine(compute::Compute& compute, const Clock& clock,
                                    const ProgressSink& progress, const ProbeSizes& sizes = {},
                                    const CpuReader& read_cpu = {});

// The rates as a file of ours (machine_rates_json.cc).

std::string MachineRatesToJson(const MachineRates& rates);
/// @param name  for messages
/// @return kCorruptFile for anything that MachineRatesToJson() did not write, also of an older form
Result<MachineRates> ParseMachineRates(std::string_view json, const std::string& name);

/// Rates of a machine of which only three figures are known: what share of its bandwidth and its
/// arithmetic our kernels reach is taken from a machine that was measured.
/// @param read_bytes_per_s, int8_ops_per_s  of the other machine
MachineRates ScaledRates(const MachineRates& measured, double read_bytes_per_s,
                         double int8_ops_per_s, int threads);

}  // namespace altteul::plan

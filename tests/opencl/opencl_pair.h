// SPDX-License-Identifier: Apache-2.0

// An OpenCL device beside the processor: both play the same tapes, and must leave the same bits.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compute/cpu_compute.h"
#include "opencl/layers.h"
#include "opencl/opencl_compute.h"

namespace altteul::tests {

using compute::Floats;
using compute::NormWeights;
using compute::Tape;

/// NaN equals NaN.
/// @param what  for the message
void ExpectSameBits(const std::vector<float>& device, const std::vector<float>& processor,
                    const std::string& what);

/// A table that this machine can run and that has products in P8, and the lanes of its norms.
struct TableOfNorms {
  const kernels::KernelTable* kernels;
  uint32_t lanes;

  friend void PrintTo(const TableOfNorms& table, std::ostream* out) { *out << table.kernels->name; }
};
std::vector<TableOfNorms> FastTables();

/// What a tape is lent, and how.
struct Array {
  std::vector<float> values;
  Tape::Loan loan = Tape::Loan::kWritten;
};
inline Array Read(std::vector<float> values) { return {std::move(values), Tape::Loan::kRead}; }
inline Array Changed(std::vector<float> values) {
  return {std::move(values), Tape::Loan::kChanged};
}
/// What is not written keeps this.
inline Array Written(size_t n) { return {std::vector<float>(n, 12345.0f), Tape::Loan::kWritten}; }

/// Weights of a device: while it lives, steps may name them.
using Held = std::vector<std::unique_ptr<compute::Owned>>;

/// One instruction set and one device: PoCL, or the platform that ALTTEUL_TEST_OPENCL names a part
/// of.
class Pair {
 public:
  explicit Pair(TableOfNorms table);

  /// kNotFound where there is no such device. @pre for everything below: it is OK
  const Status& status() const { return status_; }
  OpenClCompute& device() { return *device_; }

  Held Hold(const Layer& layer);
  Held Hold(const std::vector<float>& values) { return Hold(std::as_bytes(std::span(values))); }
  Held Hold(std::span<const std::byte> weights);

  using Write = std::function<void(Tape& tape, const std::vector<Floats>& lent)>;

  /// Plays what `write` writes on both, with arrays of their own, and compares those afterwards.
  /// @param what  for the message
  void ExpectSame(size_t n_rows, const std::vector<Array>& arrays, const Write& write,
                  const std::string& what);

  /// Plays a tape that is lent `arrays`.
  static Status Play(compute::Compute& on, size_t n_rows, std::vector<Array>& arrays,
                     const Write& write);

 private:
  ThreadTeam team_;
  compute::CpuCompute cpu_;
  std::unique_ptr<OpenClCompute> device_;
  Status status_;
  const std::string name_;
};

}  // namespace altteul::tests

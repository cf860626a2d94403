// SPDX-License-Identifier: Apache-2.0

// Encodes matrices that read the same inputs.

#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/calibrated_encoder.h"
#include "compress/moments.h"
#include "compress/second_order.h"
#include "compress/work_place.h"
#include "compute/compute.h"
#include "model/checkpoint.h"

namespace altteul::compress {

/// A group is encoded by Prepare(), then Encode() for each of its tasks.
class GroupEncoder {
 public:
  /// A matrix or some rows of one.
  struct Task {
    std::string name;
    TensorView view;
    DType to;
    Buffer targets = {};  ///< its rows, once they were moved
  };
  using RowsDone = std::function<void(size_t first_row, size_t n_rows)>;

  /// @param file  whose pages are given back behind the rows that were read; outlives this, as do
  ///              options, compute and place
  /// @param tell  asked now and then whether to go on
  GroupEncoder(const model::Checkpoint& file, const CalibrationOptions& options,
               compute::Compute& compute, const WorkPlace& place, std::function<Status()> tell);

  /// The metric for what was seen of the inputs. Where it is too large to be in memory with what
  /// leads to targets, all rows of the tasks are moved to their targets first.
  /// @return kOutOfMemory, kCorruptFile for moments that are not finite, kIoError, as `tell`
  Result<Metric> Prepare(Moments moments, std::vector<Task>& tasks) const;

  /// @param metric  as Prepare() made it for this task
  /// @param out     the rows in task.to
  /// @param done    told which rows of `out` are not needed for now
  /// @return kOutOfMemory, as `tell`
  Status Encode(const Metric& metric, Task& task, std::span<std::byte> out,
                const RowsDone& done) const;

 private:
  Status Move(const Metric& metric, Task& task) const;
  void ReleaseRows(const TensorView& tensor, size_t first, size_t n) const;

  const model::Checkpoint& file_;
  const CalibrationOptions& options_;
  compute::Compute& compute_;
  const WorkPlace& place_;
  std::function<Status()> tell_;
};

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// Whether something else computed while we measured. A machine that is shared for five seconds by a
// build gives rates that are wrong forever after, if they are kept.
//
// The kernel counts what tells it: how long our threads were ready to run and did not, what the
// host of a virtual machine took, what other processes used. Readings are taken before, between and
// after what is measured, and judged together.

#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"

namespace altteul {

/// What the kernel counted up to one moment, in seconds; what it does not say is not there.
struct CpuReading {
  double at = 0;                        ///< Clock::Seconds()
  double own_s = 0;                     ///< all threads of this process computed
  std::optional<double> waited_s = {};  ///< they were ready to and had to wait (schedstat)
  std::optional<double> busy_s = {};    ///< all processors computed, for whomever (/proc/stat)
  std::optional<double> stolen_s = {};  ///< the host computed something else meanwhile
  std::optional<double> all_s = {};     ///< all processors, idle ones too
  std::optional<double> pressed_s =
      {};  ///< somebody had to wait for a processor (/proc/pressure/cpu)
  std::optional<double> runnable = {};  ///< threads that compute or wait now, ours too
};

/// @param root  before every path, for tests: the folder that has proc/
CpuReading ReadCpu(const Clock& clock, const std::string& root = "");

/// Takes a reading; a test gives its own.
using CpuReader = std::function<CpuReading()>;

/// What readings around something say of it.
struct CpuLoad {
  /// Of the time in which our threads wanted to compute, what they did; 1 where that is not known.
  double own_share = 1;
  double stolen_share = 0;     ///< of the time of all processors
  double others_cores = 0;     ///< that other processes used, on average
  double others_runnable = 0;  ///< the fewest threads of others that were ready at a reading
  double pressed_share = 0;    ///< of the time, in which somebody waited for a processor

  /// What was wrong, with its numbers, as the end of a sentence; empty: nothing.
  std::string disturbance = {};
};

/// @param readings       in order; fewer than two tell nothing
/// @param threads        of ours that compute
/// @param cores          that they may run on
/// @param cores_of_group the time that the control group gives [s/s]; 0: no limit. What it takes
///                       away it always takes away, so that is no disturbance.
CpuLoad LoadBetween(std::span<const CpuReading> readings, int threads, int cores,
                    double cores_of_group);

}  // namespace altteul

// SPDX-License-Identifier: Apache-2.0

// What this machine reaches, measured once and kept in
// $XDG_CACHE_HOME/altteul/machine-<kernels>-<threads>.json (or ~/.cache).
//
// Rates that were measured while something else computed are used once, are said to be such, and
// are not kept: the next call measures again.

#pragma once

#include <functional>
#include <string>

#include "base/sinks.h"
#include "base/status.h"
#include "plan/machine_rates.h"
#include "tools/hub_environment.h"
#include "tools/runtime.h"

namespace altteul::tools {

/// The folder of what can be made again; empty where the environment names none.
std::string CacheFolderOf(const Environment& environment);

/// What a file of rates must be of.
struct MachineIdentity {
  std::string processor;
  std::string isa;
  int threads = 0;
};

/// @param path     of the file; empty: there is none, and nothing is kept
/// @param again    measures even if the file is there. A file of another machine, a broken one or
///                 one of an older form counts as none; one that cannot be written is a warning.
/// @param measure  asked when nothing is there; what it measured under load replaces no file
/// @return as `measure`
Result<plan::MachineRates> RatesIn(const std::string& path, const MachineIdentity& machine,
                                   bool again,
                                   const std::function<Result<plan::MachineRates>()>& measure,
                                   const LogSink& log);

/// RatesIn() of this machine, with its own threads and kernels.
/// @return as plan::MeasureMachine()
Result<plan::MachineRates> RatesOfThisMachine(Runtime& runtime, bool again);

}  // namespace altteul::tools

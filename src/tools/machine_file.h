// What this machine reaches, measured once and kept in
// $XDG_CACHE_HOME/altteul/machine-<kernels>-<threads>.json (or ~/.cache).

#pragma once

#include "base/status.h"
#include "plan/machine_rates.h"
#include "tools/hub_environment.h"
#include "tools/runtime.h"

namespace altteul::tools {

/// The folder of what can be made again; empty where the environment names none.
std::string CacheFolderOf(const Environment& environment);

/// @param again  measures even if a file is there. A file of another processor, a broken one or one
///               of an older form counts as none; one that cannot be written is a warning.
/// @return as plan::MeasureMachine()
Result<plan::MachineRates> RatesOfThisMachine(Runtime& runtime, bool again);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// Other programs, run to their end: a shell's command line in, what it printed out. The child has a
// process group of its own, so that stopping it stops all that it started.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace altteul {

struct CommandResult {
  int exit_code = 0;   ///< 128 + the signal when a signal ended it, as a shell says it
  std::string output;  ///< all of its standard output
};

/// Runs `/bin/sh -c command` with an empty standard input and our standard error; waits until its
/// standard output is closed and it has ended. The signals that we ignore mean their default to it.
/// @param most_bytes  of output; the command is ended when it prints more
/// @param stop        asked ten times a second; true ends the command. May be empty
/// @return kCancelled when `stop` said so, kRefused for too much output, kIoError when the system
///         does not let us start it. An exit code other than 0 is a result, not an error.
Result<CommandResult> RunCommand(const std::string& command, uint64_t most_bytes,
                                 const std::function<bool()>& stop);

}  // namespace altteul

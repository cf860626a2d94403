// SPDX-License-Identifier: Apache-2.0

// Ctrl-C: long work asks, finishes its step, cleans up and says so.

#pragma once

namespace altteul::tools {

/// SIGINT and SIGTERM set a flag; a second one ends the process at once. SIGPIPE and SIGXFSZ become
/// ordinary write errors.
void InstallInterruptHandler();

/// True once a signal came.
bool Interrupted();
int InterruptSignal();  ///< SIGINT or SIGTERM, 0 when not interrupted

/// Forgets the signal: a chat goes on after an interrupted answer.
void ClearInterrupt();

}  // namespace altteul::tools

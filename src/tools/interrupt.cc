// SPDX-License-Identifier: Apache-2.0

#include "tools/interrupt.h"

#include <csignal>
#include <cstdlib>

namespace altteul::tools {
namespace {

volatile std::sig_atomic_t interrupted = 0;

extern "C" void OnSignal(int number) {
  if (interrupted != 0) std::_Exit(128 + number);
  interrupted = number;
}

}  // namespace

void InstallInterruptHandler() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);  // no SA_RESTART: a waiting read returns
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool Interrupted() { return interrupted != 0; }
int InterruptSignal() { return interrupted; }
void ClearInterrupt() { interrupted = 0; }

}  // namespace altteul::tools

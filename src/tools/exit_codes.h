// SPDX-License-Identifier: Apache-2.0

// The one table from error codes to exit codes and headlines.

#pragma once

#include <string_view>

#include "base/status.h"

namespace altteul::tools {

struct ExitRow {
  ErrorCode code;
  int exit_code;
  std::string_view headline;  ///< what is shown before the detail
  std::string_view advice;    ///< what to do next; may be empty
};

const ExitRow& ExitRowOf(ErrorCode code);

inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;  ///< 128 + SIGINT

}  // namespace altteul::tools

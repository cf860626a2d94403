// SPDX-License-Identifier: Apache-2.0

#include "tools/exit_codes.h"

#include <array>

namespace altteul::tools {
namespace {

constexpr std::array kRows = {
    ExitRow{ErrorCode::kOk, 0, "", ""},
    ExitRow{ErrorCode::kInvalidArgument, kExitUsage, "That cannot work",
            "See 'altteul VERB --help'."},
    ExitRow{ErrorCode::kNotFound, 3, "Not found", ""},
    ExitRow{ErrorCode::kDoesNotFit, 4, "Does not fit", ""},
    ExitRow{ErrorCode::kNetwork, 5, "Network trouble", ""},  // the message says where waiting helps
    ExitRow{ErrorCode::kCorruptFile, 6, "Broken file",
            "Compare its size and checksum with the source, or fetch it again."},
    ExitRow{ErrorCode::kRefused, 7, "Refused", ""},
    ExitRow{ErrorCode::kOutOfMemory, 8, "Not enough memory",
            "A smaller model, a smaller context (-c) or a smaller KV type (-ctk q8_0) needs less."},
    ExitRow{ErrorCode::kQualityGate, 9, "Worse than allowed", ""},
    ExitRow{ErrorCode::kBudgetSpent, 10, "Budget spent", ""},
    ExitRow{ErrorCode::kUnsupported, 1, "Not supported", ""},
    ExitRow{ErrorCode::kIoError, 1, "The system refused", ""},
    ExitRow{ErrorCode::kCancelled, kExitInterrupted, "Interrupted", ""},
};

}  // namespace

const ExitRow& ExitRowOf(ErrorCode code) {
  for (const ExitRow& row : kRows) {
    if (row.code == code) return row;
  }
  return kRows.back();
}

}  // namespace altteul::tools

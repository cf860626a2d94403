// SPDX-License-Identifier: Apache-2.0

// The roofline of a machine and where a model's series lie below it (Williams, Waterman and
// Patterson, "Roofline", CACM 52(4), 2009): how much is computed for each byte that is read,
// against operations a second.

#pragma once

#include <string>

#include "tools/bench_output.h"

namespace altteul::tools {

/// A page with one chart and table for each number of threads, and the comparison with a peer where
/// there is one.
std::string RooflineHtml(const BenchReport& report);

}  // namespace altteul::tools

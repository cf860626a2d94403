// SPDX-License-Identifier: Apache-2.0

// One HTML page that shows what compressing a model cost: before beside after, what each size would
// have cost, which tensors are sensitive, answers side by side, and what it was all made from.

#pragma once

#include <string>

#include "tools/compress_report.h"

namespace altteul::tools {

/// Sections for which the record has nothing are left out.
std::string CompressionHtml(const CompressionRecord& record);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// An importance matrix of llama.cpp in place of calibration, as `altteul compress --imatrix` takes
// it.

#pragma once

#include <string>

#include "base/status.h"
#include "compress/recode.h"
#include "compress/type_rules.h"
#include "model/checkpoint.h"
#include "tools/compress_report.h"

namespace altteul::tools {

/// Puts the importances of columns into `facts`, whose grids are known. Tensors that the file does
/// not have are told on standard error.
/// @return as formats::ReadImatrix(), compress::MatchImportance(), DigestFile()
Result<ImatrixRecord> ReadImportances(const std::string& path, const model::Checkpoint& source,
                                      const compress::TypeRules& rules,
                                      compress::TensorFacts* facts);

}  // namespace altteul::tools

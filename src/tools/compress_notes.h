// SPDX-License-Identifier: Apache-2.0

// What a compressed file says of how it was made.

#pragma once

#include "compress/calibration_text.h"
#include "compress/recode.h"
#include "tools/compress_options.h"
#include "tools/compress_report.h"

namespace altteul::tools {

/// As far as it is known before the work. @param record  with version, source, calibration, imatrix
compress::FileNotes NotesOf(const CompressOptions& options, const CompressionRecord& record,
                            const compress::CalibrationText& text);

/// How many swaps were tried and taken, in place of the zeros that stood for both.
void NoteSwaps(const SwapsRecord& swaps, compress::FileNotes* notes);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_notes.h"

#include "tools/file_digest.h"
#include "tools/refine_mix.h"

namespace altteul::tools {

compress::FileNotes NotesOf(const CompressOptions& options, const CompressionRecord& record,
                            const compress::CalibrationText& text) {
  compress::FileNotes notes;
  const auto note = [&notes](const char* key, auto value) { notes.emplace_back(key, value); };
  note("general.quantized_by", "Altteul " + record.version);
  note("altteul.source.sha256", JoinDigests(record.source_files));
  options.AppendTo(notes);
  if (options.RefinesMix()) {
    // Known later; the file's size is known now.
    for (const char* key : {kSwapsNote, kSwapsTakenNote}) note(key, uint64_t{0});
  }
  if (record.imatrix) note("altteul.imatrix.sha256", record.imatrix->sha256);
  if (!record.calibration) return notes;
  note("altteul.calibration.sha256", record.calibration->sha256);
  if (options.text.is_own_text()) note("altteul.calibration.seed", options.text.seed());
  note("altteul.calibration.tokens", uint64_t{text.fitted.size()});
  note("altteul.calibration.held_out_tokens", uint64_t{text.held_out.size()});
  note("altteul.calibration.context", uint64_t{options.calibration.context});
  note("altteul.calibration.damping", options.calibration.damping);
  note("altteul.calibration.descents", uint64_t(options.calibration.steps.descents));
  note("altteul.calibration.feedback", options.calibration.steps.feedback);
  note("altteul.calibration.asymmetric", options.calibration.asymmetric);
  return notes;
}

void NoteSwaps(const SwapsRecord& swaps, compress::FileNotes* notes) {
  for (auto& note : *notes) {
    if (note.first == kSwapsNote) note.second = uint64_t{swaps.mix.tried.size()};
    if (note.first == kSwapsTakenNote) note.second = uint64_t{swaps.mix.n_taken()};
  }
}

}  // namespace altteul::tools

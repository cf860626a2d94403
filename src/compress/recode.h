// SPDX-License-Identifier: Apache-2.0

// Writes a model again with other element types: tensors that were encoded by calibration as they
// are, all others with each value rounded to the nearest code.
//
// Every metadata value of a GGUF file and every tensor that keeps its type is copied bit for bit. A
// Hugging Face folder is written as a GGUF file holds it (model/gguf_form.h). The same input and
// rules give the same bytes, whatever the number of threads. The file appears whole or not at all.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compress/column_importance.h"
#include "compress/encoded_tensor.h"
#include "compress/grids.h"
#include "compress/type_rules.h"
#include "model/checkpoint.h"

namespace altteul::compress {

struct RecodeReport {
  struct Tensor {
    std::string name;
    Shape shape;
    DType from, to;
    uint64_t from_bytes = 0, to_bytes = 0;
    std::string note;  ///< TypeRules::Choice::note, or that it was kept exactly
    TypeRules::Reason reason = TypeRules::Reason::kNone;
    DType wanted = to;            ///< TypeRules::Choice::wanted
    uint64_t values_outside = 0;  ///< with Reason::kRange: that `wanted` could not have held
    bool on_grid = false;         ///< every value is a level of the new type, and was kept
  };
  std::vector<Tensor> tensors;
  uint64_t file_bytes = 0;     ///< of the new file
  uint64_t source_bytes = 0;   ///< of the old one
  double bits_per_weight = 0;  ///< of all tensors of the new file
  double source_bits_per_weight = 0;
  std::vector<std::string> left_out;  ///< the source's tensors that no weight uses
  std::vector<std::string> unused;    ///< that no weight uses either, and were copied
};

/// Where a file comes from, as metadata that is written into it: key, value. Keys of ours begin
/// with "altteul."; if there are notes at all, those that the source has are left out, because they
/// tell how the source was made.
using FileNotes =
    std::vector<std::pair<std::string, std::variant<std::string, uint64_t, double, bool>>>;

/// What is known of tensors that are encoded without calibration.
struct TensorFacts {
  ColumnImportances importances = {};
  Grids grids = {};
};

/// What can be said before the work begins.
/// @return kInvalidArgument when `out` is the source itself or lies in it; as CheckThatItRuns,
///         model::GgufFormOf and the readers of tokenizers
Status CheckRecode(const model::Checkpoint& source, const std::string& out);

/// What Recode() would write: the size of the file, and the alignment of each tensor in it [bytes].
struct RecodePlan {
  uint64_t file_bytes = 0;
  uint64_t alignment = 0;
};
Result<RecodePlan> PlanRecode(const model::Checkpoint& source, const TypeRules& rules,
                              const FileNotes& notes = {});

/// What is read and what is written is examined row by row: no NaN or infinity comes into a file.
/// @param calibrated  tensors that are encoded already, in the types that the rules give them and
///                    with their rows in the source's order
/// @return as CheckRecode, but for tokenizers; kCorruptFile with tensor and row for what is not
///         finite; kIoError with path and reason, kCancelled. Then nothing is left of the file
Result<RecodeReport> Recode(const model::Checkpoint& source, const TypeRules& rules,
                            const EncodedTensors& calibrated, const std::string& out,
                            ThreadTeam& team, const ProgressSink& progress,
                            const FileNotes& notes = {}, const TensorFacts& facts = {});

}  // namespace altteul::compress

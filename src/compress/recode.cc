// SPDX-License-Identifier: Apache-2.0

#include "compress/recode.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "compress/grid_encoder.h"
#include "compress/plain_encoder.h"
#include "compress/source_exam.h"
#include "compress/type_reach.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "kernels/codecs/codec.h"
#include "kernels/codecs/finite.h"
#include "model/gguf_form.h"
#include "tensor/buffer.h"

namespace altteul::compress {
namespace {

using formats::GgufWriter;

constexpr size_t kSliceElements = size_t{1} << 20;  // encoded at once, all threads together

// llama.cpp's number for "mostly this type" (general.file_type); 1024 marks a guess.
uint32_t FileType(DType type) {
  constexpr std::pair<DType, uint32_t> kTypes[] = {
      {DType::kF32, 0},     {DType::kF16, 1},      {DType::kQ4_0, 2},   {DType::kQ4_1, 3},
      {DType::kQ8_0, 7},    {DType::kQ5_0, 8},     {DType::kQ5_1, 9},   {DType::kIQ2_XXS, 19},
      {DType::kIQ2_XS, 20}, {DType::kIQ3_XXS, 23}, {DType::kIQ1_S, 24}, {DType::kIQ4_NL, 25},
      {DType::kIQ3_S, 26},  {DType::kIQ2_S, 28},   {DType::kIQ1_M, 31}, {DType::kBF16, 32}};
  for (const auto& row : kTypes) {
    if (row.first == type) return row.second;
  }
  return 1024;
}

/// Gives the pages of rows [first, first + n) back, unless they lie in heads of which other rows
/// are still to come.
void ReleaseRows(const model::Checkpoint& source, const model::GgufForm::Tensor& tensor,
                 uint64_t first, uint64_t n) {
  if (!tensor.in_source || tensor.interleaved_dim != 0) return;
  const size_t row_bytes = tensor.view.bytes.size() / tensor.view.shape.rows();
  source.ReleasePages(tensor.view.bytes.subspan(first * row_bytes, n * row_bytes));
}

/// Whether all numbers of a row in this type are finite. What is no number of weights always is.
bool IsFiniteRow(DType type, std::span<const std::byte> row) {
  return kernels::FindCodec(type) == nullptr ||
         kernels::AllFinite(type, row.data(), row.size() / TraitsOf(type).block_bytes);
}

/// For what an encoder made; that it never does is what tests show.
Status NoNumbers(const model::Checkpoint& source, const model::GgufForm::Tensor& tensor,
                 uint64_t row, DType type) {
  return Status(ErrorCode::kUnsupported, source.path() + ": tensor " + tensor.name + " " +
                                             tensor.view.shape.ToString() + ", row " +
                                             std::to_string(row) + ": not finite in " +
                                             std::string(TraitsOf(type).name));
}

/// Rows that have their new type already: bytes of the tensor itself, or encoded ones in its order.
Status WriteRows(const model::Checkpoint& source, const model::GgufForm::Tensor& tensor,
                 std::span<const std::byte> bytes, const EncodedTensor* encoded,
                 GgufWriter& writer) {
  const uint64_t rows = tensor.view.shape.rows();
  const size_t row_bytes = bytes.size() / rows;
  const size_t rows_a_slice = std::max<size_t>(1, kSliceElements / tensor.view.shape.cols());
  const DType type = encoded == nullptr ? tensor.view.type : encoded->type();
  std::vector<std::byte> slice;
  for (uint64_t row = 0; row < rows; row += rows_a_slice) {
    const uint64_t n = std::min<uint64_t>(rows_a_slice, rows - row);
    for (uint64_t r = row; r < row + n; ++r) {
      if (IsFiniteRow(type, bytes.subspan(r * row_bytes, row_bytes))) continue;
      return encoded == nullptr ? NotFinite(source, tensor.name, tensor.view, r)
                                : NoNumbers(source, tensor, r, type);
    }
    if (tensor.interleaved_dim == 0) {
      ALT_RETURN_IF_ERROR(writer.WriteTensorData(bytes.subspan(row * row_bytes, n * row_bytes)));
      ReleaseRows(source, tensor, row, n);
      if (encoded != nullptr) encoded->ReleasePages(row * row_bytes, n * row_bytes);
      continue;
    }
    slice.clear();
    for (uint64_t r = row; r < row + n; ++r) {
      const auto from = bytes.subspan(tensor.SourceRow(r) * row_bytes, row_bytes);
      slice.insert(slice.end(), from.begin(), from.end());
    }
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(slice));
  }
  return Status();
}

/// Rows -> blocks, as they are known to lie in them or else each column for itself.
class TensorRows {
 public:
  /// @param facts  outlive this
  TensorRows(const model::GgufForm::Tensor& tensor, DType to, const TensorFacts& facts)
      : tensor_(tensor),
        to_(to),
        is_on_grid_(IsOnGrid(facts.grids, tensor.name, to)),
        decoder_(*kernels::FindCodec(tensor.view.type)),
        cols_(tensor.view.shape.cols()),
        from_row_(*RowBytes(tensor.view.type, cols_)) {
    const auto known = facts.importances.find(tensor.name);
    if (known != facts.importances.end()) importance_ = known->second;
  }

  enum class Fault { kNone, kSource, kResult, kOffGrid };
  struct Outcome {
    Fault fault = Fault::kNone;
    uint64_t row = UINT64_MAX;  ///< of the source
  };

  /// Rows [first, first + n) of the file, on one thread.
  /// @param values  [n, cols], for what is decoded
  /// @return the first row that is not finite, there or here, or does not lie on the grid
  Outcome Encode(size_t first, size_t n, std::span<float> values, std::span<std::byte> out) const {
    PlainEncoder plain(to_, importance_);
    std::optional<GridEncoder> exact;
    if (is_on_grid_) exact.emplace(to_, tensor_.view.type);
    const size_t to_row = out.size() / std::max<size_t>(n, 1);
    for (size_t r = 0; r < n; ++r) {
      const uint64_t source_row = tensor_.SourceRow(first + r);
      const auto bytes = tensor_.view.bytes.subspan(source_row * from_row_, from_row_);
      if (!IsFiniteRow(tensor_.view.type, bytes)) return {Fault::kSource, source_row};
      const std::span<float> row = values.subspan(r * cols_, cols_);
      const std::span<std::byte> blocks = out.subspan(r * to_row, to_row);
      decoder_.decode(bytes.data(), cols_, row.data());
      if (!exact) plain.Encode(row, blocks.data());
      if (exact && !exact->Encode(row, blocks.data())) return {Fault::kOffGrid, source_row};
      if (!IsFiniteRow(to_, blocks)) return {Fault::kResult, source_row};
    }
    return {};
  }

 private:
  const model::GgufForm::Tensor& tensor_;
  DType to_;
  bool is_on_grid_;
  const kernels::Codec& decoder_;
  size_t cols_, from_row_;
  std::span<const float> importance_;
};

Status StatusOf(const TensorRows::Outcome& outcome, const model::Checkpoint& source,
                const model::GgufForm::Tensor& tensor, DType to) {
  switch (outcome.fault) {
    case TensorRows::Fault::kNone:
      return Status();
    case TensorRows::Fault::kSource:
      return NotFinite(source, tensor.name, tensor.view, outcome.row);
    case TensorRows::Fault::kResult:
      return NoNumbers(source, tensor, outcome.row, to);
    case TensorRows::Fault::kOffGrid:
      break;
  }
  return Status(ErrorCode::kIoError, source.path() + ": tensor " + tensor.name +
                                         " has changed since its grid was looked for");
}

Status EncodeRows(const model::Checkpoint& source, const model::GgufForm::Tensor& named, DType to,
                  const TensorFacts& facts, ThreadTeam& team, GgufWriter& writer) {
  const size_t cols = named.view.shape.cols();
  const size_t rows = named.view.shape.rows();
  const size_t to_row = *RowBytes(to, cols);
  const size_t rows_a_slice = std::max<size_t>(1, kSliceElements / cols);
  const TensorRows encoder(named, to, facts);
  const size_t most = std::min(rows, rows_a_slice);
  const std::string purpose = std::to_string(most) + " rows of " + named.name;
  ALT_ASSIGN_OR_RETURN(Buffer decoded, Buffer::Allocate(most * cols * sizeof(float), purpose));
  ALT_ASSIGN_OR_RETURN(Buffer blocks, Buffer::Allocate(most * to_row, purpose));
  const std::span<float> values = ValuesOf<float>(decoded);
  const std::span<std::byte> encoded = blocks.mutable_bytes();

  for (size_t row = 0; row < rows; row += rows_a_slice) {
    const size_t n = std::min(rows_a_slice, rows - row);
    std::vector<TensorRows::Outcome> outcomes(static_cast<size_t>(team.size()));
    team.Run([&](int thread) {
      const Share share = ShareOf(n, 1, thread, team.size());
      const size_t count = share.end - share.begin;
      outcomes[static_cast<size_t>(thread)] =
          encoder.Encode(row + share.begin, count, values.subspan(share.begin * cols, count * cols),
                         encoded.subspan(share.begin * to_row, count * to_row));
    });
    for (const TensorRows::Outcome& outcome : outcomes) {
      ALT_RETURN_IF_ERROR(StatusOf(outcome, source, named, to));
    }
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(encoded.first(n * to_row)));
    ReleaseRows(source, named, row, n);
  }
  return Status();
}

Status WriteTensor(const model::Checkpoint& source, const model::GgufForm::Tensor& tensor, DType to,
                   const EncodedTensors& calibrated, const TensorFacts& facts, ThreadTeam& team,
                   GgufWriter& writer) {
  const auto found = calibrated.find(tensor.name);
  if (found != calibrated.end()) {
    ALT_CHECK(found->second.type() == to);
    ALT_RETURN_IF_ERROR(WriteRows(source, tensor, found->second.bytes(), &found->second, writer));
    found->second.ReleasePages();
    return Status();
  }
  if (tensor.view.type == to) {
    ALT_RETURN_IF_ERROR(WriteRows(source, tensor, tensor.view.bytes, nullptr, writer));
  } else {
    ALT_RETURN_IF_ERROR(EncodeRows(source, tensor, to, facts, team, writer));
  }
  if (tensor.in_source) source.ReleasePages(tensor.view.bytes);
  return Status();
}

void SayWhatIsExact(const Grids& grids, RecodeReport::Tensor& row) {
  const auto say = [&row](const char* what) {
    row.note += (row.note.empty() ? "" : "; ") + std::string(what);
  };
  row.on_grid = row.from != row.to && IsOnGrid(grids, row.name, row.to);
  if (row.on_grid) say("lies on its grid already, kept exactly");
  if (row.from == row.to && TraitsOf(row.to).block_elements > 1) say("kept exactly");
}

bool SameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error);
}

/// Whether a file `out` would stand in `folder` or somewhere below it.
bool LiesIn(const std::string& folder, const std::string& out) {
  std::error_code error;
  std::filesystem::path parent = std::filesystem::absolute(out, error).parent_path();
  for (; parent.has_relative_path(); parent = parent.parent_path()) {
    if (SameFile(folder, parent.string())) return true;
  }
  return false;
}

void SetFileType(const TypeRules& rules, GgufWriter& writer) {
  writer.SetNumber<uint32_t>("general.file_type", FileType(rules.type()));
  writer.SetNumber<uint32_t>("general.quantization_version", 2);
}

void SetNotes(const FileNotes& notes, GgufWriter& writer) {
  if (!notes.empty()) writer.RemoveKeys("altteul.");
  for (const auto& note : notes) {
    const std::string& key = note.first;
    std::visit(
        [&](const auto& value) {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, std::string>) {
            writer.SetString(key, value);
          } else {
            writer.SetNumber<Value>(key, value);
          }
        },
        note.second);
  }
}

Status Plan(const model::Checkpoint& source, const model::GgufForm& form, const TypeRules& rules,
            GgufWriter& writer, RecodeReport& report) {
  uint64_t elements = 0, from_bytes = 0, to_bytes = 0;
  for (const model::GgufForm::Tensor& tensor : form.tensors) {
    ALT_ASSIGN_OR_RETURN(const TypeRules::Choice choice, rules.For(tensor.name, tensor.view));
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(tensor.name, choice.type, tensor.view.shape));
    RecodeReport::Tensor row{.name = tensor.name,
                             .shape = tensor.view.shape,
                             .from = tensor.view.type,
                             .to = choice.type,
                             .from_bytes = tensor.view.bytes.size(),
                             .note = choice.note,
                             .reason = choice.reason,
                             .wanted = choice.wanted};
    row.to_bytes = *RowBytes(choice.type, row.shape.cols()) * row.shape.rows();
    elements += row.shape.Elements();
    from_bytes += row.from_bytes;
    to_bytes += row.to_bytes;
    report.tensors.push_back(std::move(row));
  }
  if (elements == 0) {
    return Status(ErrorCode::kCorruptFile, source.path() + ": holds no tensors");
  }
  report.bits_per_weight = 8.0 * static_cast<double>(to_bytes) / static_cast<double>(elements);
  report.source_bits_per_weight =
      8.0 * static_cast<double>(from_bytes) / static_cast<double>(elements);
  return Status();
}

void CountWhatIsOutside(const model::GgufForm& form, ThreadTeam& team, RecodeReport& report) {
  for (size_t i = 0; i < report.tensors.size(); ++i) {
    RecodeReport::Tensor& row = report.tensors[i];
    if (row.reason != TypeRules::Reason::kRange) continue;
    const TensorView& view = form.tensors[i].view;
    row.values_outside = CountLarger(view, ReachOf(row.wanted).largest, team);
    // All are too small, then; but zeros, which are none.
    if (row.values_outside == 0) row.values_outside = CountLarger(view, 0, team);
  }
}

Status CheckPlace(const model::Checkpoint& source, const std::string& out) {
  if (SameFile(source.path(), out)) {
    return Status(ErrorCode::kInvalidArgument, out + ": is the source itself");
  }
  if (source.gguf() == nullptr && LiesIn(source.path(), out)) {
    return Status(ErrorCode::kInvalidArgument, out + ": lies in the folder " + source.path() +
                                                   " that is read; give a place outside of it");
  }
  return Status();
}

/// Whoever opens the result needs the words too.
Status CheckTokenizer(const model::Checkpoint& source) {
  ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, source.ReadTokenizer({}));
  const Status made = text::MakeTokenizer(std::move(spec), {}).status();
  return made.ok() ? made : Status(made.code(), source.path() + ": " + made.message());
}

}  // namespace

Status CheckRecode(const model::Checkpoint& source, const std::string& out) {
  ALT_RETURN_IF_ERROR(CheckPlace(source, out));
  ALT_RETURN_IF_ERROR(CheckThatItRuns(source));
  ALT_RETURN_IF_ERROR(CheckTokenizer(source));
  return model::GgufFormOf(source).status();
}

Result<RecodePlan> PlanRecode(const model::Checkpoint& source, const TypeRules& rules,
                              const FileNotes& notes) {
  ALT_ASSIGN_OR_RETURN(model::GgufForm form, model::GgufFormOf(source));
  GgufWriter& writer = form.metadata;
  SetFileType(rules, writer);
  SetNotes(notes, writer);
  RecodeReport report;
  ALT_RETURN_IF_ERROR(Plan(source, form, rules, writer, report));
  RecodePlan plan;
  ALT_ASSIGN_OR_RETURN(plan.file_bytes, writer.PlannedBytes());
  plan.alignment = writer.alignment();
  return plan;
}

Result<RecodeReport> Recode(const model::Checkpoint& source, const TypeRules& rules,
                            const EncodedTensors& calibrated, const std::string& out,
                            ThreadTeam& team, const ProgressSink& progress, const FileNotes& notes,
                            const TensorFacts& facts) {
  ALT_RETURN_IF_ERROR(CheckPlace(source, out));
  ALT_RETURN_IF_ERROR(CheckThatItRuns(source));
  ALT_ASSIGN_OR_RETURN(model::GgufForm form, model::GgufFormOf(source));
  GgufWriter& writer = form.metadata;
  SetFileType(rules, writer);
  SetNotes(notes, writer);
  RecodeReport report;
  report.source_bytes = source.file_bytes();
  report.left_out = form.left_out;
  ALT_ASSIGN_OR_RETURN(report.unused, FindUnused(source));
  ALT_RETURN_IF_ERROR(Plan(source, form, rules, writer, report));
  for (RecodeReport::Tensor& row : report.tensors) SayWhatIsExact(facts.grids, row);
  CountWhatIsOutside(form, team, report);
  ALT_RETURN_IF_ERROR(writer.Begin(out));
  report.file_bytes = writer.file_bytes();

  for (size_t i = 0; i < report.tensors.size(); ++i) {
    if (progress && !progress(i, report.tensors.size())) {
      return Status(ErrorCode::kCancelled, "compressing was interrupted; nothing was written");
    }
    ALT_RETURN_IF_ERROR(WriteTensor(source, form.tensors[i], report.tensors[i].to, calibrated,
                                    facts, team, writer));
  }
  ALT_RETURN_IF_ERROR(writer.Finish());
  if (progress) progress(report.tensors.size(), report.tensors.size());
  return report;
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "compress/source_exam.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/codecs/codec.h"
#include "kernels/codecs/finite.h"
#include "model/family.h"
#include "model/gguf_form.h"
#include "model/tensor_values.h"
#include "model/weights.h"

namespace altteul::compress {
namespace {

constexpr uint64_t kSliceElements = uint64_t{1} << 20;  // read at once, then given back

/// Rows of one tensor on one thread, decoded one after the other.
class RowValues {
 public:
  explicit RowValues(const TensorView& tensor)
      : tensor_(tensor),
        codec_(*kernels::FindCodec(tensor.type)),
        row_bytes_(tensor.bytes.size() / tensor.shape.rows()),
        values_(tensor.shape.cols()) {}

  bool AreFinite(uint64_t row) const {
    return kernels::AllFinite(tensor_.type, Bytes(row),
                              row_bytes_ / TraitsOf(tensor_.type).block_bytes);
  }
  const std::vector<float>& Of(uint64_t row) {
    codec_.decode(Bytes(row), values_.size(), values_.data());
    return values_;
  }

 private:
  const std::byte* Bytes(uint64_t row) const { return tensor_.bytes.data() + row * row_bytes_; }

  const TensorView& tensor_;
  const kernels::Codec& codec_;
  const size_t row_bytes_;
  std::vector<float> values_;
};

float LargestOf(const std::vector<float>& values) {
  constexpr size_t kLanes = 16;  // a constant number, because compilers vectorise such a loop
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t k = 0; k < kLanes; ++k) {
      const float magnitude = std::fabs(values[i + k]);
      lanes[k] = magnitude > lanes[k] ? magnitude : lanes[k];
    }
  }
  for (; i < values.size(); ++i) lanes[0] = std::max(lanes[0], std::fabs(values[i]));
  return *std::max_element(lanes, lanes + kLanes);
}

struct Finding {
  float largest = 0;
  uint64_t bad_row = UINT64_MAX;
};

/// Rows [first, end) of a tensor, shared among the threads.
Finding ExamineRows(const TensorView& tensor, uint64_t first, uint64_t end, ThreadTeam& team) {
  std::vector<Finding> found(static_cast<size_t>(team.size()));
  std::vector<RowValues> values(found.size(), RowValues(tensor));
  team.Run([&](int thread) {
    RowValues& rows = values[static_cast<size_t>(thread)];
    Finding mine;
    const Share share = ShareOf(end - first, 1, thread, team.size());
    for (uint64_t row = first + share.begin; row < first + share.end; ++row) {
      if (!rows.AreFinite(row)) {
        mine.bad_row = row;
        break;
      }
      mine.largest = std::max(mine.largest, LargestOf(rows.Of(row)));
    }
    found[static_cast<size_t>(thread)] = mine;
  });
  Finding all;
  for (const Finding& each : found) {
    all.largest = std::max(all.largest, each.largest);
    all.bad_row = std::min(all.bad_row, each.bad_row);
  }
  return all;
}

Finding ExamineTensor(const model::Checkpoint& source, const model::GgufForm::Tensor& tensor,
                      ThreadTeam& team) {
  const TensorView& view = tensor.view;
  const uint64_t rows = view.shape.rows();
  const uint64_t row_bytes = view.bytes.size() / rows;
  const uint64_t rows_a_slice = std::max<uint64_t>(1, kSliceElements / view.shape.cols());
  Finding all;
  for (uint64_t row = 0; row < rows && all.bad_row == UINT64_MAX; row += rows_a_slice) {
    const uint64_t end = std::min(rows, row + rows_a_slice);
    const Finding found = ExamineRows(view, row, end, team);
    all.largest = std::max(all.largest, found.largest);
    all.bad_row = found.bad_row;
    if (tensor.in_source) {
      source.ReleasePages(view.bytes.subspan(row * row_bytes, (end - row) * row_bytes));
    }
  }
  return all;
}

}  // namespace

Status CheckThatItRuns(const model::Checkpoint& source) {
  // Towers for pictures and sounds are left out. All else is written, so each must be of a kind
  // that is known here.
  ALT_ASSIGN_OR_RETURN(const model::GgufForm form, model::GgufFormOf(source));
  for (const model::GgufForm::Tensor& tensor : form.tensors) {
    const std::string& name = tensor.name;
    const TensorView& view = tensor.view;
    if (view.shape.n_dims <= 2) continue;
    return Status(ErrorCode::kUnsupported,
                  source.path() + ": tensor " + name + " " + view.shape.ToString() + " has " +
                      std::to_string(view.shape.n_dims) +
                      " axes, as stacked experts and convolutions have; no layer known here "
                      "multiplies with it, so nothing could run what would be written");
  }
  ALT_ASSIGN_OR_RETURN(const model::ModelConfig config, model::ReadConfig(source));
  return model::PlanWeights(source, config, nullptr).status();
}

Result<std::vector<std::string>> FindUnused(const model::Checkpoint& source) {
  ALT_ASSIGN_OR_RETURN(const model::GgufForm form, model::GgufFormOf(source));
  ALT_ASSIGN_OR_RETURN(const model::ModelConfig config, model::ReadConfig(source));
  ALT_ASSIGN_OR_RETURN(const model::WeightPlan plan, model::PlanWeights(source, config, nullptr));
  std::vector<std::string> unused;
  for (const model::GgufForm::Tensor& tensor : form.tensors) {
    // What turns the heads is read with the configuration.
    if (plan.tensors.count(tensor.name) != 0 || tensor.name.starts_with("rope_f")) continue;
    unused.push_back(tensor.name);
  }
  return unused;
}

Result<Magnitudes> ExamineSource(const model::Checkpoint& source, ThreadTeam& team,
                                 const ProgressSink& progress) {
  ALT_ASSIGN_OR_RETURN(const model::GgufForm form, model::GgufFormOf(source));
  Magnitudes magnitudes;
  size_t done = 0;
  for (const model::GgufForm::Tensor& tensor : form.tensors) {
    if (progress && !progress(done++, form.tensors.size())) {
      return Status(ErrorCode::kCancelled, "the look at the source was interrupted");
    }
    if (kernels::FindCodec(tensor.view.type) == nullptr) continue;  // whole numbers
    const Finding found = ExamineTensor(source, tensor, team);
    if (found.bad_row != UINT64_MAX) {
      return NotFinite(source, tensor.name, tensor.view, found.bad_row);
    }
    magnitudes.emplace(tensor.name, found.largest);
  }
  if (progress) progress(form.tensors.size(), form.tensors.size());
  return magnitudes;
}

uint64_t CountLarger(const TensorView& tensor, float limit, ThreadTeam& team) {
  std::atomic<uint64_t> count = 0;
  std::vector<RowValues> values(static_cast<size_t>(team.size()), RowValues(tensor));
  team.Run([&](int thread) {
    RowValues& rows = values[static_cast<size_t>(thread)];
    const Share share = ShareOf(tensor.shape.rows(), 1, thread, team.size());
    uint64_t mine = 0;
    for (uint64_t row = share.begin; row < share.end; ++row) {
      for (const float value : rows.Of(row)) mine += std::fabs(value) > limit ? 1 : 0;
    }
    count += mine;
  });
  return count;
}

Status NotFinite(const model::Checkpoint& source, const std::string& name, const TensorView& tensor,
                 uint64_t row) {
  std::string where = ", row " + std::to_string(row);
  if (tensor.shape.n_dims < 2) {
    const kernels::Codec& codec = *kernels::FindCodec(tensor.type);
    std::vector<float> values(tensor.shape.Elements());
    codec.decode(tensor.bytes.data(), values.size(), values.data());
    const auto bad = std::find_if_not(values.begin(), values.end(),
                                      [](float value) { return std::isfinite(value); });
    where = ", value " + std::to_string(bad - values.begin());
  }
  const size_t row_bytes = tensor.bytes.size() / tensor.shape.rows();
  return model::NotFiniteInF32(
      source.path() + ": tensor " + name + " " + tensor.shape.ToString() + where, tensor.type,
      tensor.bytes.subspan(static_cast<size_t>(row) * row_bytes, row_bytes),
      ", so no answer of what would be written could make sense");
}

}  // namespace altteul::compress

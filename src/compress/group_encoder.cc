// SPDX-License-Identifier: Apache-2.0

#include "compress/group_encoder.h"

#include <utility>

#include "compress/encode_tensor.h"
#include "compress/work_kinds.h"

namespace altteul::compress {

GroupEncoder::GroupEncoder(const model::Checkpoint& file, const CalibrationOptions& options,
                           compute::Compute& compute, const WorkPlace& place,
                           std::function<Status()> tell)
    : file_(file), options_(options), compute_(compute), place_(place), tell_(std::move(tell)) {}

Result<Metric> GroupEncoder::Prepare(Moments moments, std::vector<Task>& tasks) const {
  const size_t width = moments.n;
  place_.BeginWork();
  ALT_ASSIGN_OR_RETURN(Metric metric,
                       MakeMetric(std::move(moments), options_.damping, compute_, place_.folder));
  place_.EndWork(WorkKind::Metric(width), 1);
  if (!metric.h.is_on_disk()) return metric;
  for (Task& task : tasks) ALT_RETURN_IF_ERROR(Move(metric, task));
  ALT_RETURN_IF_ERROR(metric.ForgetTargets());
  return metric;
}

Status GroupEncoder::Move(const Metric& metric, Task& task) const {
  const size_t elements = task.view.shape.Elements();
  const size_t row_bytes = task.view.shape.cols() * sizeof(float);
  ALT_ASSIGN_OR_RETURN(task.targets,
                       RoomFor(elements * sizeof(float), "targets of " + task.name, place_.folder));
  place_.BeginWork();
  ALT_RETURN_IF_ERROR(MoveTensor(
      task.view, metric, ValuesOf<float>(task.targets), compute_, [&](size_t first, size_t n) {
        place_.EndWork(WorkKind::Moves(task.view.shape.cols()), static_cast<double>(n));
        ReleaseRows(task.view, first, n);
        task.targets.ReleasePages(first * row_bytes, n * row_bytes);
        return tell_();
      }));
  task.view.type = DType::kF32;
  task.view.bytes = task.targets.bytes();
  return Status();
}

Status GroupEncoder::Encode(const Metric& metric, Task& task, std::span<std::byte> out,
                            const RowsDone& done) const {
  place_.BeginWork();
  ALT_RETURN_IF_ERROR(EncodeTensor(
      task.view, {.type = task.to, .metric = &metric, .steps = options_.steps}, out, compute_,
      [&](size_t first, size_t n) {
        place_.EndWork(WorkKind::Rows(task.to, task.view.shape.cols()), static_cast<double>(n));
        done(first, n);
        if (task.targets.size() == 0) {
          ReleaseRows(task.view, first, n);
        } else {
          const size_t row_bytes = task.targets.size() / task.view.shape.rows();
          task.targets.ReleasePages(first * row_bytes, n * row_bytes);
        }
        return tell_();
      }));
  task.targets = Buffer();
  return Status();
}

void GroupEncoder::ReleaseRows(const TensorView& tensor, size_t first, size_t n) const {
  const size_t row_bytes = tensor.bytes.size() / tensor.shape.rows();
  file_.ReleasePages(tensor.bytes.subspan(first * row_bytes, n * row_bytes));
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "compute/cpu_walk.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace altteul::compute {

using kernels::PanelKind;
using kernels::PreparedForms;
using kernels::PreparedRows;

namespace {

// Rows that take several small steps before the next ones do, while the cache holds them.
constexpr size_t kRowsAtOnce = 8;

PreparedRows RowsOf(const float* x, size_t n_rows, size_t cols, const PreparedRows& buffers) {
  PreparedRows rows = buffers;
  rows.n_rows = n_rows;
  rows.cols = cols;
  rows.f32 = x;
  return rows;
}

void AddForm(const Linear& reader, PreparedForms& forms) {
  forms.q8 |= reader.w.panel == PanelKind::kP8;
  forms.bf16 |= reader.w.panel == PanelKind::kP16;
}

PreparedForms FormsFor(std::span<const Output> outputs) {
  PreparedForms forms;
  for (const Output& output : outputs) {
    AddForm(*output.linear, forms);
    for (const AdapterRows& adapter : output.adapters) AddForm(*adapter.a, forms);
  }
  return forms;
}

}  // namespace

// --- addresses and accesses ----------------------------------------------------------------------

size_t CpuWalk::PassingIndex(Floats floats) const {
  const auto passing = tape_.passing();
  const auto found = std::find(passing.begin(), passing.end(), floats);
  return found == passing.end() ? SIZE_MAX : static_cast<size_t>(found - passing.begin());
}

float* CpuWalk::OwnCopy(Floats floats) const {
  if (!is_alone_) return nullptr;
  const size_t i = PassingIndex(floats);
  return i != SIZE_MAX && is_own_[i] ? own_.passing[i] : nullptr;
}

const float* CpuWalk::Read(Floats floats, size_t width, Sharing sharing) {
  if (const float* own = OwnCopy(floats)) return own;
  const float* at = Here(floats);
  order_.Reads(at, n_rows_ * width * sizeof(float), sharing);
  return at;
}

float* CpuWalk::Write(Floats floats, size_t width, Sharing sharing) {
  if (is_alone_) {
    const size_t i = PassingIndex(floats);
    if (i != SIZE_MAX) is_own_[i] = false;
  }
  if (floats == ready_) ready_ = {};
  float* at = Here(floats);
  order_.Writes(at, n_rows_ * width * sizeof(float), sharing);
  return at;
}

const float* CpuWalk::ReadRows(Floats floats, size_t width) {
  return Read(floats, width, is_alone_ ? kAnyhow : ByItems(n_rows_));
}

CpuWalk::Rows CpuWalk::WriteRows(Floats floats, size_t width) {
  const size_t i = is_alone_ ? PassingIndex(floats) : SIZE_MAX;
  if (i == SIZE_MAX) return {Write(floats, width, ByItems(n_rows_)), thread_, n_threads_};
  is_own_[i] = true;
  return {own_.passing[i], 0, 1};
}

// --- steps ---------------------------------------------------------------------------------------

void CpuWalk::operator()(const EmbedStep& step) {
  const WeightMatrix table = Here(*step.table);
  const Rows out = WriteRows(step.out, table.cols);
  order_.Begin();
  kernels_.embed({.table = &table,
                  .ids = step.ids.data(),
                  .n_rows = n_rows_,
                  .scale = step.scale,
                  .out = out.at},
                 own_.scratch, out.thread, out.n_threads);
}

void CpuWalk::operator()(const RopeAnglesStep& step) {
  const size_t n_pairs = step.frequencies.size();
  float* cos = Write(step.cos, n_pairs, ByItems(n_rows_));
  float* sin = Write(step.sin, n_pairs, ByItems(n_rows_));
  order_.Begin();
  const Share share = ShareOf(n_rows_, 1, thread_, n_threads_);
  for (size_t row = share.begin; row < share.end; ++row) {
    const auto position = static_cast<double>(step.positions[row]);
    for (size_t i = 0; i < n_pairs; ++i) {
      const double angle = position * step.frequencies[i];
      cos[row * n_pairs + i] = static_cast<float>(std::cos(angle) * step.magnitude);
      sin[row * n_pairs + i] = static_cast<float>(std::sin(angle) * step.magnitude);
    }
  }
}

void CpuWalk::operator()(const NormStep& step) {
  // The norm of a model's only KV head is a head's, not a row's.
  if (step.parts == 1 && PassingIndex(step.out) != SIZE_MAX) {
    const float* in = ReadRows(step.in, step.width);
    const Rows out = WriteRows(step.out, step.width);
    order_.Begin();
    Norm(in, out.at, step.norm, n_rows_, step.width, out.thread, out.n_threads);
    return;
  }
  const size_t n = n_rows_ * step.parts;
  const float* in = Read(step.in, step.parts * step.width, ByItems(n));
  float* out = Write(step.out, step.parts * step.width, ByItems(n));
  order_.Begin();
  Norm(in, out, step.norm, n, step.width, thread_, n_threads_);
}

void CpuWalk::Norm(const float* in, float* out, const NormWeights& norm, size_t n_rows,
                   size_t width, int thread, int n_threads) const {
  kernels_.rms_norm({.in = in,
                     .out = out,
                     .n_rows = n_rows,
                     .width = width,
                     .weight = Here(norm.weight),
                     .weight_offset = norm.offset,
                     .eps = norm.eps},
                    thread, n_threads);
}

void CpuWalk::operator()(const ProductsStep& step) {
  const PreparedRows x = Prepare(step.in, step.norm, step.normed, step.Outputs());
  std::array<float*, 3> out;
  for (size_t i = 0; i < step.n_outputs; ++i) {
    const size_t rows = step.outputs[i].linear->w.rows;
    out[i] = Write(step.outputs[i].out, step.outputs[i].Stride(), ByColumns(rows));
  }
  order_.Begin();
  for (size_t i = 0; i < step.n_outputs; ++i) Multiply(step.outputs[i], x, out[i], false);
  for (size_t i = 0; i < step.n_outputs; ++i) Adapt(step.outputs[i], x, out[i]);
}

// Rows in the forms that products read, or their norm. A few rows take both steps before the next.
PreparedRows CpuWalk::Prepare(Floats in, const NormWeights& norm, Floats normed,
                              std::span<const Output> readers) {
  const size_t cols = readers.front().linear->w.cols;
  const Rows source{const_cast<float*>(ReadRows(in, cols)), is_alone_ ? 0 : thread_,
                    is_alone_ ? 1 : n_threads_};
  const Rows target = norm.is_there() ? WriteRows(normed, cols) : source;
  ALT_CHECK(target.n_threads == source.n_threads);  // of a single row, a norm is a passing value
  const PreparedRows rows =
      RowsOf(target.at, n_rows_, cols, is_alone_ ? own_.prepared : work_.prepared);
  if (!is_alone_) order_.Writes(rows.q8, 1, ByItems(n_rows_));
  order_.Begin();
  const PreparedForms forms = FormsFor(readers);
  const Share share = ShareOf(n_rows_, 1, source.thread, source.n_threads);
  for (size_t row = share.begin; row < share.end; row += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, share.end - row);
    const size_t first = row * cols;
    if (norm.is_there()) Norm(source.at + first, target.at + first, norm, count, cols, 0, 1);
    kernels_.prepare(kernels::RowsFrom(rows, row, count), forms, kernels::ShareBy::kRows, 0, 1);
  }
  if (!is_alone_) order_.Reads(rows.q8, 1, kAnyhow);
  Read(norm.is_there() ? normed : in, cols, kAnyhow);
  return rows;
}

/// What GluStep has made ready.
PreparedRows CpuWalk::ReadReady(Floats in, size_t cols) {
  const PreparedRows rows = RowsOf(Read(in, cols, kAnyhow), n_rows_, cols, work_.prepared_glu);
  order_.Reads(rows.q8, 1, kAnyhow);
  return rows;
}

void CpuWalk::Multiply(const Output& output, const PreparedRows& x, float* out,
                       bool add_to_out) const {
  const WeightMatrix matrix = Here(output.linear->w);
  kernels_.linear({.w = &matrix,
                   .x = &x,
                   .out = out,
                   .out_stride = output.Stride(),
                   .bias = Here(output.linear->bias),
                   .add_to_out = add_to_out},
                  own_.scratch, thread_, n_threads_);
}

/// out += B (A x) for the rows that have an adapter.
void CpuWalk::Adapt(const Output& output, const PreparedRows& x, float* out) {
  if (output.adapters.empty()) return;
  const auto low_of = [&](const AdapterRows& adapter) {
    const size_t rank = adapter.a->w.rows;
    return RowsOf(
        work_.low + adapter.first_row * work_.low_stride, adapter.n_rows, rank,
        kernels::RowsFrom(RowsOf(work_.low, n_rows_, work_.low_stride, work_.prepared_low),
                          adapter.first_row, adapter.n_rows));
  };
  for (const AdapterRows& adapter : output.adapters) {
    const PreparedRows low = low_of(adapter);
    ALT_CHECK(low.cols <= work_.low_stride && adapter.first_row + adapter.n_rows <= n_rows_);
    float* to = work_.low + adapter.first_row * work_.low_stride;
    order_.Writes(to, low.n_rows * low.cols * sizeof(float), ByColumns(low.cols));
    order_.Begin();
    Multiply({.linear = adapter.a}, kernels::RowsFrom(x, adapter.first_row, adapter.n_rows), to,
             false);
  }
  for (const AdapterRows& adapter : output.adapters) {
    const PreparedRows low = low_of(adapter);
    PreparedForms forms;
    AddForm(*adapter.b, forms);
    order_.Reads(low.f32, low.n_rows * low.cols * sizeof(float), ByItems(low.n_rows));
    order_.Writes(low.q8, low.n_rows * low.cols, ByItems(low.n_rows));
    order_.Begin();
    kernels_.prepare(low, forms, kernels::ShareBy::kRows, thread_, n_threads_);
  }
  const size_t width = output.linear->w.rows;
  for (const AdapterRows& adapter : output.adapters) {
    const PreparedRows low = low_of(adapter);
    order_.Reads(low.f32, low.n_rows * low.cols * sizeof(float), kAnyhow);
    order_.Reads(low.q8, low.n_rows * low.cols, kAnyhow);
    float* to = out + adapter.first_row * output.Stride();
    order_.Writes(to, low.n_rows * output.Stride() * sizeof(float), ByColumns(width));
    order_.Begin();
    Multiply({.linear = adapter.b, .out = output.out, .stride = output.Stride()}, low, to, true);
  }
}

void CpuWalk::operator()(const AddProductStep& step) {
  const Output& product = step.product;
  const size_t width = product.linear->w.rows, cols = product.linear->w.cols;
  const bool is_ready = !ready_.is_null() && step.in == ready_ && product.adapters.empty();
  const PreparedRows x =
      is_ready ? ReadReady(step.in, cols) : Prepare(step.in, {}, {}, {&product, 1});
  // What adapters add comes first, as for a row that is alone: a sum has its order.
  const bool adds_in_place = !step.norm.is_there() && !is_alone_ && product.adapters.empty();
  float* out = Write(adds_in_place ? step.x : product.out, width, ByColumns(width));
  order_.Begin();
  Multiply(product, x, out, adds_in_place);
  Adapt(product, x, out);
  if (adds_in_place) return;
  const float* part = ReadRows(product.out, width);
  const float* normed = part;
  if (step.norm.is_there()) {
    const Rows rows = WriteRows(step.normed, width);
    order_.Begin();
    Norm(part, rows.at, step.norm, n_rows_, width, rows.thread, rows.n_threads);
    normed = ReadRows(step.normed, width);
  }
  ReadRows(step.x, width);
  const Rows x_rows = WriteRows(step.x, width);
  order_.Begin();
  kernels_.add({.x = x_rows.at, .y = normed, .n_rows = n_rows_, .width = width}, x_rows.thread,
               x_rows.n_threads);
}

void CpuWalk::operator()(const RopeStep& step) {
  const size_t n = n_rows_ * step.n_heads, width = step.n_heads * step.head_dim;
  const float* in = Read(step.in, width, ByItems(n));
  float* out = Write(step.out, width, ByItems(n));
  const float* cos = Read(step.cos, step.n_rotated / 2, kAnyhow);
  const float* sin = Read(step.sin, step.n_rotated / 2, kAnyhow);
  order_.Begin();
  if (in != out) {
    const Share share = ShareOf(n, 1, thread_, n_threads_);
    std::copy(in + share.begin * step.head_dim, in + share.end * step.head_dim,
              out + share.begin * step.head_dim);
  }
  kernels_.rope({.x = out,
                 .n_rows = n_rows_,
                 .n_heads = step.n_heads,
                 .head_dim = step.head_dim,
                 .n_rotated = step.n_rotated,
                 .pairs = step.pairs,
                 .cos = cos,
                 .sin = sin},
                thread_, n_threads_);
}

void CpuWalk::operator()(const StoreKvStep& step) {
  const kernels::KvLayout& layout = step.sequences.front().layout;
  const size_t width = layout.n_kv_heads * layout.head_dim;
  const Sharing by_heads = ByItems(n_rows_ * layout.n_kv_heads);
  const float* k = Read(step.k, width, by_heads);
  const float* v = Read(step.v, width, by_heads);
  // The sequences of a layer stand for what its caches hold.
  order_.Writes(step.sequences.data(), 1, by_heads);
  order_.Begin();
  kernels_.store_kv({.sequences = step.sequences, .k = k, .v = v}, thread_, n_threads_);
}

/// Whether rows are so few, and one of them sees so much, that threads share what it sees.
bool CpuWalk::SharesSegments(std::span<const SequenceRows> sequences) const {
  if (n_threads_ == 1 || n_rows_ > kRowsOfSums) return false;
  size_t longest = 0;
  for (const SequenceRows& rows : sequences) {
    longest = std::max(longest, rows.first_position + rows.n_rows);
  }
  return longest > kernels::kKeySegment && longest <= work_.sums.n_segments * kernels::kKeySegment;
}

void CpuWalk::operator()(const AttendStep& step) {
  const size_t head_dim = step.sequences.front().layout.head_dim;
  const size_t width = step.n_heads * head_dim;
  const bool shares = SharesSegments(step.sequences);
  kernels::AttentionArgs args = {.sequences = step.sequences,
                                 .q = Read(step.q, width, kAnyhow),
                                 .n_heads = step.n_heads,
                                 .scale = step.scale,
                                 .softcap = step.softcap,
                                 .window = step.window};
  order_.Reads(step.sequences.data(), 1, kAnyhow);
  if (!step.row_sums.is_null()) args.row_sums = Write(step.row_sums, 2 * step.n_heads, kAnyhow);
  if (shares) {
    args.sums = work_.sums;
    order_.Writes(work_.sums.data, 1, kAnyhow);
  } else {
    args.out = Write(step.out, width, kAnyhow);
  }
  order_.Begin();
  kernels_.attend(args, own_.scratch, thread_, n_threads_);
  if (!shares) return;
  order_.Reads(work_.sums.data, 1, kAnyhow);
  const Rows out = WriteRows(step.out, width);
  if (!step.row_sums.is_null()) Write(step.row_sums, 2 * step.n_heads, kAnyhow);
  args.out = out.at;
  order_.Begin();
  kernels_.merge_segments(args, out.thread, out.n_threads);
}

// Columns that a thread has just computed, made ready for the next product while they are near.
void CpuWalk::operator()(const GluStep& step) {
  const Sharing by_columns = ByColumns(step.width);
  const float* gate = Read(step.gate, step.width, by_columns);
  const float* up = Read(step.up, step.width, by_columns);
  float* out = Write(step.out, step.width, by_columns);
  order_.Writes(work_.prepared_glu.q8, 1, by_columns);
  order_.Begin();
  PreparedForms forms;
  if (step.reader != nullptr) AddForm(*step.reader, forms);
  const PreparedRows ready = RowsOf(out, n_rows_, step.width, work_.prepared_glu);
  for (size_t row = 0; row < n_rows_; row += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, n_rows_ - row), first = row * step.width;
    kernels_.glu({.gate = gate + first,
                  .up = up + first,
                  .out = out + first,
                  .n_rows = count,
                  .width = step.width,
                  .activation = step.activation},
                 thread_, n_threads_);
    if (step.reader == nullptr) continue;
    kernels_.prepare(kernels::RowsFrom(ready, row, count), forms, kernels::ShareBy::kColumns,
                     thread_, n_threads_);
  }
  if (step.reader != nullptr) ready_ = step.out;
}

void CpuWalk::operator()(const GatherStep& step) {
  const float* in = Here(step.in);
  order_.Reads(
      in, (*std::max_element(step.rows.begin(), step.rows.end()) + 1) * step.width * sizeof(float),
      kAnyhow);
  const Rows out = WriteRows(step.out, step.width);
  order_.Begin();
  const Share share = ShareOf(n_rows_, 1, out.thread, out.n_threads);
  for (size_t row = share.begin; row < share.end; ++row) {
    std::copy_n(in + step.rows[row] * step.width, step.width, out.at + row * step.width);
  }
}

void CpuWalk::operator()(const SoftcapStep& step) {
  float* x = Write(step.x, step.width, kAnyhow);
  order_.Begin();
  kernels_.softcap({.x = x, .n_rows = n_rows_, .width = step.width, .cap = step.cap}, thread_,
                   n_threads_);
}

}  // namespace altteul::compute

// SPDX-License-Identifier: Apache-2.0

#include "compute/step_addresses.h"

#include <algorithm>

namespace altteul::compute {
namespace {

size_t BytesOf(const WeightMatrix& matrix) {
  if (matrix.form == kernels::RestForm::kGroups16) {
    return kernels::GroupedBytes(matrix.type, matrix.rows, matrix.cols);
  }
  return matrix.rows * *RowBytes(matrix.type, matrix.cols);
}

class Lister {
 public:
  Lister(size_t n_rows, const std::function<void(const StepAddress&)>& visit)
      : n_rows_(n_rows), visit_(visit) {}

  void operator()(const EmbedStep& step) {
    Matrix(*step.table, "the table of an EmbedStep");
    Values(step.out, step.table->cols, "what an EmbedStep writes");
  }
  void operator()(const RopeAnglesStep& step) {
    Values(step.cos, step.frequencies.size(), "the cos of a RopeAnglesStep");
    Values(step.sin, step.frequencies.size(), "the sin of a RopeAnglesStep");
  }
  void operator()(const NormStep& step) {
    Values(step.in, step.parts * step.width, "what a NormStep reads");
    Values(step.out, step.parts * step.width, "what a NormStep writes");
    Norm(step.norm, step.width);
  }
  void operator()(const ProductsStep& step) {
    const size_t cols = step.outputs.front().linear->w.cols;
    Values(step.in, cols, "what a ProductsStep reads");
    Norm(step.norm, cols);
    if (step.norm.is_there()) Values(step.normed, cols, "the norm in a ProductsStep");
    for (const Output& output : step.Outputs()) Product(output, "a product's result");
  }
  void operator()(const AddProductStep& step) {
    const size_t rows = step.product.linear->w.rows;
    Values(step.in, step.product.linear->w.cols, "what an AddProductStep reads");
    Product(step.product, "the product in an AddProductStep");
    Norm(step.norm, rows);
    if (step.norm.is_there()) Values(step.normed, rows, "the norm in an AddProductStep");
    Values(step.x, rows, "what an AddProductStep adds to");
  }
  void operator()(const RopeStep& step) {
    Values(step.in, step.n_heads * step.head_dim, "what a RopeStep reads");
    Values(step.out, step.n_heads * step.head_dim, "what a RopeStep writes");
    Values(step.cos, step.n_rotated / 2, "the cos of a RopeStep");
    Values(step.sin, step.n_rotated / 2, "the sin of a RopeStep");
  }
  void operator()(const StoreKvStep& step) {
    const kernels::KvLayout& layout = step.sequences.front().layout;
    Values(step.k, layout.n_kv_heads * layout.head_dim, "the k of a StoreKvStep");
    Values(step.v, layout.n_kv_heads * layout.head_dim, "the v of a StoreKvStep");
    Pages(step.sequences);
  }
  void operator()(const AttendStep& step) {
    const size_t width = step.n_heads * step.sequences.front().layout.head_dim;
    Values(step.q, width, "the q of an AttendStep");
    Values(step.out, width, "what an AttendStep writes");
    if (!step.row_sums.is_null()) Values(step.row_sums, 2 * step.n_heads, "the sums of its rows");
    Pages(step.sequences);
  }
  void operator()(const GluStep& step) {
    Values(step.gate, step.width, "the gate of a GluStep");
    Values(step.up, step.width, "the up of a GluStep");
    Values(step.out, step.width, "what a GluStep writes");
  }
  void operator()(const GatherStep& step) {
    const size_t last = *std::max_element(step.rows.begin(), step.rows.end());
    Say(AddressKind::kValue, step.in.place(), (last + 1) * step.width * sizeof(float),
        "what a GatherStep reads");
    Values(step.out, step.width, "what a GatherStep writes");
  }
  void operator()(const SoftcapStep& step) { Values(step.x, step.width, "what is capped"); }

 private:
  void Say(AddressKind kind, const void* begin, size_t bytes, const char* what) {
    visit_({.kind = kind, .begin = begin, .bytes = bytes, .what = what});
  }
  void Values(Floats floats, size_t width, const char* what) {
    Say(AddressKind::kValue, floats.place(), n_rows_ * width * sizeof(float), what);
  }
  void Matrix(const WeightMatrix& matrix, const char* what) {
    Say(AddressKind::kWeight, matrix.data, BytesOf(matrix), what);
  }
  void Norm(const NormWeights& norm, size_t width) {
    if (norm.is_there()) {
      Say(AddressKind::kWeight, norm.weight, width * sizeof(float), "the weights of a norm");
    }
  }
  void OneLinear(const Linear& linear, const char* what) {
    Matrix(linear.w, what);
    if (linear.bias != nullptr) {
      Say(AddressKind::kWeight, linear.bias, linear.w.rows * sizeof(float), "a bias");
    }
  }
  void Product(const Output& output, const char* what) {
    OneLinear(*output.linear, "a matrix");
    // Behind the last row's values there need not be a whole stride.
    const size_t floats = (n_rows_ - 1) * output.Stride() + output.linear->w.rows;
    Say(AddressKind::kValue, output.out.place(), floats * sizeof(float), what);
    for (const AdapterRows& adapter : output.adapters) {
      OneLinear(*adapter.a, "the A of an adapter");
      OneLinear(*adapter.b, "the B of an adapter");
    }
  }
  void Pages(std::span<const SequenceRows> sequences) {
    for (const SequenceRows& rows : sequences) {
      const size_t end = rows.first_position + rows.n_rows;
      for (size_t position = 0; position < end; position += kernels::kKeyTile) {
        if (rows.pages[position / kernels::kKeyTile] == nullptr) continue;  // out of every window
        Say(AddressKind::kCache, rows.PageOf(position), rows.layout.page_bytes(),
            "a page of a cache");
      }
    }
  }

  const size_t n_rows_;
  const std::function<void(const StepAddress&)>& visit_;
};

}  // namespace

void ForEachAddress(const Step& step, size_t n_rows,
                    const std::function<void(const StepAddress&)>& visit) {
  std::visit(Lister(n_rows, visit), step);
}

}  // namespace altteul::compute

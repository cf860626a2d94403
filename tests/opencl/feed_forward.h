// SPDX-License-Identifier: Apache-2.0

// The feed-forward half of a transformer's layer as the engine writes it on a tape.

#pragma once

#include <string>
#include <vector>

#include "opencl/opencl_pair.h"

namespace altteul::tests {

/// Its arrays: x, normed, gate, up, inner; with a norm behind the product also down, normed down.
struct FeedForward {
  Layer gate, up, down;
  std::vector<float> norm, post_norm;
  kernels::Activation activation = kernels::Activation::kSilu;

  FeedForward(DType type, size_t hidden, size_t inner)
      : gate(ModelLayer(type, inner, hidden, "gate")),
        up(ModelLayer(type, inner, hidden, "up")),
        down(ModelLayer(type, hidden, inner, "down")),
        norm(NormalValues(hidden, "norm")) {}
  /// As Gemma has it, and with biases.
  void AddOptions() {
    for (Layer* layer : {&gate, &up, &down}) layer->AddBias();
    post_norm = NormalValues(gate.linear.w.cols, "post norm");
    activation = kernels::Activation::kGeluTanh;
  }

  size_t hidden() const { return gate.linear.w.cols; }
  size_t inner() const { return gate.linear.w.rows; }

  Held HoldOn(Pair& pair) const {
    Held all;
    const auto add = [&all](Held held) {
      for (auto& owner : held) all.push_back(std::move(owner));
    };
    for (const Layer* layer : {&gate, &up, &down}) add(pair.Hold(*layer));
    add(pair.Hold(norm));
    if (!post_norm.empty()) add(pair.Hold(post_norm));
    return all;
  }

  std::vector<Array> Arrays(size_t n_rows) const {
    const size_t outer = n_rows * hidden(), middle = n_rows * inner();
    std::vector<Array> arrays = {Changed(NormalValues(outer, "x")), Written(outer), Written(middle),
                                 Written(middle), Written(middle)};
    if (!post_norm.empty()) arrays.insert(arrays.end(), {Written(outer), Written(outer)});
    return arrays;
  }

  void Write(Tape& tape, const std::vector<Floats>& at) const {
    const NormWeights before = {norm.data(), 0.0f, 1e-5f};
    tape.Add(
        compute::ProductsStep{.in = at[0],
                              .norm = before,
                              .normed = at[1],
                              .outputs = {compute::Output{.linear = &gate.linear, .out = at[2]},
                                          compute::Output{.linear = &up.linear, .out = at[3]}},
                              .n_outputs = 2});
    tape.Add(compute::GluStep{at[2], at[3], at[4], inner(), activation, &down.linear});
    compute::AddProductStep add = {.in = at[4], .product = {.linear = &down.linear}, .x = at[0]};
    if (!post_norm.empty()) {
      add.product.out = at[5];
      add.norm = {post_norm.data(), 1.0f, 1e-6f};
      add.normed = at[6];
    }
    tape.Add(add);
  }
};

}  // namespace altteul::tests

// SPDX-License-Identifier: Apache-2.0

#include "model/config.h"

namespace altteul::model {
namespace {

const char* WithoutStep(const AttentionPlan& plan) {
  if (plan.key_dim != plan.value_dim) return "attention with values of another width than keys";
  if (plan.v_norm) return "attention with a norm of values";
  if (plan.output_gate) return "attention with an output gate";
  if (plan.sinks) return "attention with sinks";
  if (plan.values_are_keys) return "attention whose values are its keys";
  if (plan.kv_of) return "attention over another layer's keys and values";
  return nullptr;
}

const char* WithoutStep(const LayerPlan& layer) {
  if (const AttentionPlan* attention = layer.attention()) {
    if (const char* what = WithoutStep(*attention)) return what;
  }
  const DensePlan* dense = layer.dense();
  return dense != nullptr && !dense->has_gate ? "a feed-forward without a gate" : nullptr;
}

}  // namespace

std::string WithoutStep(const ModelConfig& config) {
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    const char* what = WithoutStep(config.layers[layer]);
    if (what != nullptr) return "layer " + std::to_string(layer) + ": " + what;
  }
  return "";
}

}  // namespace altteul::model

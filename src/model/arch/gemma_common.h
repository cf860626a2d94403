// SPDX-License-Identifier: Apache-2.0

// What Gemma 2 and 3 share.

#pragma once

#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "model/family.h"
#include "model/gguf_form.h"

namespace altteul::model {

/// Norms on both sides of each sub-block: the usual "post_attention_layernorm" is the one behind
/// attention here, not the one before the feed-forward.
inline constexpr std::array kGemmaTensorNames = {
    NamePair{"post_attention_layernorm", "post_attention_norm"},
    NamePair{"pre_feedforward_layernorm", "ffn_norm"},
    NamePair{"post_feedforward_layernorm", "post_ffw_norm"},
};

/// What a reader of a GGUF file takes: of the 27B model, whose number of layers is `largest`,
/// 1 / sqrt(hidden / n_heads), of all others 1 / sqrt(head_dim). GGUF has no key for it.
inline float GgufAttentionScale(size_t largest, const ModelConfig& config) {
  const AttentionPlan& plan = *config.layers[0].attention();
  const float divisor = config.n_layers() == largest
                            ? static_cast<float>(config.hidden) / static_cast<float>(plan.n_heads)
                            : static_cast<float>(plan.key_dim);
  return 1.0f / std::sqrt(divisor);
}

/// Embeddings times sqrt(hidden), GELU, norms before and after, folders' norms as 1 + w.
/// @param largest  see GgufAttentionScale
inline Status FillGemma(const Checkpoint& file, size_t largest, ModelConfig& config) {
  config.embedding_scale = std::sqrt(static_cast<float>(config.hidden));
  const float usual_scale = GgufAttentionScale(largest, config);
  for (LayerPlan& layer : config.layers) {
    layer.post_norm = true;
    layer.dense()->activation = kernels::Activation::kGeluTanh;
    if (file.hf_config() == nullptr) layer.attention()->scale = usual_scale;
  }
  if (file.hf_config() == nullptr) return Status();
  config.norm_weight_offset = 1.0f;
  const auto scalar = file.hf_config()->find("query_pre_attn_scalar");
  if (scalar != file.hf_config()->end() && !scalar->is_null()) {
    if (!scalar->is_number() || !(scalar->get<float>() > 0)) {
      return Status(ErrorCode::kCorruptFile,
                    file.path() + ": query_pre_attn_scalar is " + scalar->dump());
    }
    const float scale = 1.0f / std::sqrt(scalar->get<float>());
    for (LayerPlan& layer : config.layers) layer.attention()->scale = scale;
  }
  return Status();
}

/// tanh caps, from keys both spellings share; absent or null means none.
inline Status FillSoftcaps(const Checkpoint& file, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(const auto attention, file.Float("attn_logit_softcapping"));
  ALT_ASSIGN_OR_RETURN(const auto final_cap, file.Float("final_logit_softcapping"));
  for (LayerPlan& layer : config.layers) {
    layer.attention()->softcap = static_cast<float>(attention.value_or(0.0));
  }
  config.final_softcap = static_cast<float>(final_cap.value_or(0.0));
  return Status();
}

/// The attention scale must be what GGUF's readers take, for there is no key to say it.
inline Status CheckAttentionScale(const Checkpoint& folder, size_t largest,
                                  const ModelConfig& config) {
  const float usual = GgufAttentionScale(largest, config);
  const float scale = config.layers[0].attention()->scale;
  if (scale == usual) return Status();
  return Status(ErrorCode::kUnsupported,
                folder.path() + ": attention is scaled by " + std::to_string(scale) +
                    " (query_pre_attn_scalar); GGUF files " + "of " + config.family +
                    " of this size mean " + std::to_string(usual));
}

/// The window and the caps. A cap of 0, none, is not said.
inline Status DescribeGemma(const ModelConfig& config, GgufForm& form) {
  ALT_RETURN_IF_ERROR(DescribeWindow(config, form));
  const float softcap = config.layers[0].attention()->softcap;
  if (softcap != 0) form.SetFloat("attn_logit_softcapping", softcap);
  if (config.final_softcap != 0) form.SetFloat("final_logit_softcapping", config.final_softcap);
  return Status();
}

}  // namespace altteul::model

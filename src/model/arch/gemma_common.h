// What Gemma 2 and 3 share.

#pragma once

#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "model/family.h"

namespace altteul::model {

/// Norms on both sides of each sub-block: the usual "post_attention_layernorm" is the one behind
/// attention here, not the one before the feed-forward.
inline constexpr std::array kGemmaTensorNames = {
    NamePair{"post_attention_layernorm", "post_attention_norm"},
    NamePair{"pre_feedforward_layernorm", "ffn_norm"},
    NamePair{"post_feedforward_layernorm", "post_ffw_norm"},
};

/// Embeddings times sqrt(hidden), GELU, norms before and after, folders' norms as 1 + w.
/// @param largest  number of layers of the 27B model, whose GGUF attention scale is
///                 1 / sqrt(hidden / n_heads) instead of 1 / sqrt(head_dim); GGUF has no key for it
inline Status FillGemma(const Checkpoint& file, size_t largest, ModelConfig& config) {
  config.embedding_scale = std::sqrt(static_cast<float>(config.hidden));
  config.activation = kernels::Activation::kGeluTanh;
  for (BlockPlan& block : config.blocks) block.post_norm = true;

  if (file.hf_config() == nullptr) {
    if (config.n_layers == largest) {
      config.attention_scale =
          1.0f / std::sqrt(static_cast<float>(config.hidden) / static_cast<float>(config.n_heads));
    }
    return Status();
  }
  config.norm_weight_offset = 1.0f;
  const auto scalar = file.hf_config()->find("query_pre_attn_scalar");
  if (scalar != file.hf_config()->end() && !scalar->is_null()) {
    if (!scalar->is_number() || scalar->get<double>() <= 0) {
      return Status(ErrorCode::kCorruptFile,
                    file.path() + ": query_pre_attn_scalar is " + scalar->dump());
    }
    config.attention_scale = static_cast<float>(1.0 / std::sqrt(scalar->get<double>()));
  }
  return Status();
}

/// tanh caps, from keys both spellings share; absent or null means none.
inline Status FillSoftcaps(const Checkpoint& file, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(const auto attention, file.Float("attn_logit_softcapping"));
  ALT_ASSIGN_OR_RETURN(const auto final_cap, file.Float("final_logit_softcapping"));
  config.attention_softcap = static_cast<float>(attention.value_or(0.0));
  config.final_softcap = static_cast<float>(final_cap.value_or(0.0));
  return Status();
}

}  // namespace altteul::model

// Llama 2 and 3 (Touvron et al., arXiv 2307.09288; Dubey et al., arXiv 2407.21783) and what has
// their shape: Mistral, SmolLM2, and many others that say "llama".

#include <array>

#include "model/family.h"

namespace altteul::model {
namespace {

constexpr std::array<std::string_view, 2> kHf = {"LlamaForCausalLM", "MistralForCausalLM"};

Status Fill(const Checkpoint& file, ModelConfig& config) {
  // GGUF converters permute the rows of q and k so that a pair is (2i, 2i + 1).
  ALT_RETURN_IF_ERROR(FillRope(file, kernels::RopePairs::kInterleaved, config));
  // Mistral's folders have a window on every layer; its GGUF files carry none.
  return FillWindows(file, std::vector<bool>(config.n_layers, true), config);
}

}  // namespace

extern const Family kLlama;
const Family kLlama = {
    .gguf_architecture = "llama", .hf_architectures = kHf, .hf_tensor_names = {}, .fill = Fill};

}  // namespace altteul::model

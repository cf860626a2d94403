// Llama 2 and 3 (Touvron et al., arXiv 2307.09288; Dubey et al., arXiv 2407.21783) and what has
// their shape: Mistral, SmolLM2, and many others that say "llama".

#include <array>

#include "model/family.h"
#include "model/gguf_form.h"

namespace altteul::model {
namespace {

constexpr std::array<std::string_view, 2> kHf = {"LlamaForCausalLM", "MistralForCausalLM"};
// GGUF converters permute the rows of q and k so that a pair is (2i, 2i + 1).
constexpr kernels::RopePairs kGgufPairs = kernels::RopePairs::kInterleaved;

Status Fill(const Checkpoint& file, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillRope(file, kGgufPairs, config));
  // Mistral's folders have a window on every layer; GGUF files of llama.cpp's converter carry none.
  return FillWindows(file, std::vector<bool>(config.n_layers, true), config);
}

// (llama.cpp does not look for the window of a "llama".)
Status Describe(const Checkpoint&, const ModelConfig& config, GgufForm& form) {
  return DescribeWindow(config, form);
}

}  // namespace

extern const Family kLlama;
const Family kLlama = {.gguf_architecture = "llama",
                       .hf_architectures = kHf,
                       .hf_tensor_names = {},
                       .fill = Fill,
                       .gguf_rope_pairs = kGgufPairs,
                       .gguf_rope_freqs = true,
                       .describe = Describe};

}  // namespace altteul::model

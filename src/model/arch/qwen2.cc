// Qwen 2 and 2.5 (Yang et al., arXiv 2407.10671): Llama with biases on q, k and v.

#include <array>

#include "model/arch/qwen_windows.h"
#include "model/family.h"

namespace altteul::model {
namespace {

constexpr std::array<std::string_view, 1> kHf = {"Qwen2ForCausalLM"};

Status Fill(const Checkpoint& file, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillRope(file, kernels::RopePairs::kHalves, config));
  return FillQwenWindows(file, config);
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm&) {
  return CheckNoWindows(folder, config);
}

}  // namespace

extern const Family kQwen2;
const Family kQwen2 = {.gguf_architecture = "qwen2",
                       .hf_architectures = kHf,
                       .hf_tensor_names = {},
                       .fill = Fill,
                       .describe = Describe};

}  // namespace altteul::model

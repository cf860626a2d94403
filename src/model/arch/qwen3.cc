// Qwen 3, dense (Yang et al., arXiv 2505.09388): norms on q and k instead of biases.

#include <array>

#include "model/arch/qwen_windows.h"
#include "model/family.h"

namespace altteul::model {
namespace {

constexpr std::array<std::string_view, 1> kHf = {"Qwen3ForCausalLM"};

Status Fill(const Checkpoint& file, ModelConfig& config) {
  for (BlockPlan& block : config.blocks) block.qk_norm = true;
  ALT_RETURN_IF_ERROR(FillRope(file, kernels::RopePairs::kHalves, config));
  return FillQwenWindows(file, config);
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm&) {
  return CheckNoWindows(folder, config);
}

}  // namespace

extern const Family kQwen3;
const Family kQwen3 = {.gguf_architecture = "qwen3",
                       .hf_architectures = kHf,
                       .hf_tensor_names = {},
                       .fill = Fill,
                       .describe = Describe};

}  // namespace altteul::model

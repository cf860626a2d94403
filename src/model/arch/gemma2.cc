// Gemma 2 (Gemma Team, arXiv 2408.00118): local and global layers in turn, softcaps.

#include "model/arch/gemma_common.h"

namespace altteul::model {
namespace {

constexpr std::array<std::string_view, 1> kHf = {"Gemma2ForCausalLM"};

Status Fill(const Checkpoint& file, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillGemma(file, /*largest=*/46, config));
  ALT_RETURN_IF_ERROR(FillSoftcaps(file, config));
  ALT_RETURN_IF_ERROR(FillRope(file, kernels::RopePairs::kHalves, config));
  ALT_ASSIGN_OR_RETURN(const std::vector<bool> local,
                       LocalLayers(file, config.n_layers, /*usual_period=*/2));
  return FillWindows(file, local, config);
}

}  // namespace

extern const Family kGemma2;
const Family kGemma2 = {.gguf_architecture = "gemma2",
                        .hf_architectures = kHf,
                        .hf_tensor_names = kGemmaTensorNames,
                        .fill = Fill};

}  // namespace altteul::model

// Gemma 3, text (Gemma Team, arXiv 2503.19786): five local layers, then a global one with a rope of
// its own; norms on q and k.

#include "model/arch/gemma_common.h"

namespace altteul::model {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 1> kHf = {"Gemma3ForCausalLM"};
constexpr size_t kLargest = 62;  // layers of the 27B model
constexpr uint64_t kPeriod = 6;  // every sixth layer is global

// Local layers turn by a base of their own and are never scaled.
Result<double> LocalBase(const Checkpoint& file) {
  constexpr double kDefault = 10000.0;
  if (file.hf_config() == nullptr) return RopeBase(file, "rope.freq_base_swa", kDefault);
  // In f32, as GGUF holds it.
  const auto in_f32 = [](const json& value) { return static_cast<double>(value.get<float>()); };
  const json& config = *file.hf_config();
  const auto old_key = config.find("rope_local_base_freq");
  if (old_key != config.end() && old_key->is_number()) return in_f32(*old_key);
  const json* group = HfRopeParameters(file, "sliding_attention");
  if (group == nullptr || group == HfRopeParameters(file, "full_attention")) return kDefault;
  const auto theta = group->find("rope_theta");
  return theta != group->end() && theta->is_number() ? in_f32(*theta) : kDefault;
}

Status Fill(const Checkpoint& file, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillGemma(file, kLargest, config));
  ALT_RETURN_IF_ERROR(FillSoftcaps(file, config));
  ALT_RETURN_IF_ERROR(FillRope(file, kernels::RopePairs::kHalves, config));
  ALT_ASSIGN_OR_RETURN(const std::vector<bool> local, LocalLayers(file, config.n_layers, kPeriod));
  ALT_ASSIGN_OR_RETURN(const double local_base, LocalBase(file));
  if (!(local_base > 0)) {
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": the local rope base is " + std::to_string(local_base));
  }
  RopePlan local_rope;
  local_rope.pairs = config.ropes[0].pairs;
  local_rope.frequencies = PlainFrequencies(local_base, config.ropes[0].n_rotated());
  config.ropes.push_back(std::move(local_rope));
  for (size_t layer = 0; layer < config.n_layers; ++layer) {
    config.blocks[layer].qk_norm = true;
    if (local[layer]) config.blocks[layer].rope = 1;
  }
  return FillWindows(file, local, config);
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  ALT_RETURN_IF_ERROR(CheckAttentionScale(folder, kLargest, config));
  ALT_RETURN_IF_ERROR(CheckUsualLocalLayers(folder, config, kPeriod));
  ALT_ASSIGN_OR_RETURN(const double local_base, LocalBase(folder));
  form.SetFloat("rope.freq_base_swa", local_base);
  return DescribeGemma(config, form);
}

}  // namespace

extern const Family kGemma3;
const Family kGemma3 = {.gguf_architecture = "gemma3",
                        .hf_architectures = kHf,
                        .hf_tensor_names = kGemmaTensorNames,
                        .fill = Fill,
                        .describe = Describe};

}  // namespace altteul::model

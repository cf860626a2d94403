// SPDX-License-Identifier: Apache-2.0

#include "model/yarn.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include <nlohmann/json.hpp>

#include "model/family.h"

namespace altteul::model {
namespace {

using nlohmann::json;

double InF32(double value) { return static_cast<double>(static_cast<float>(value)); }

/// How much cos and sin grow; `scale` weighs the growth.
double Growth(double factor, double scale = 1.0) {
  return factor <= 1.0 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0;
}

/// The number under a key; nothing where it is absent or null.
std::optional<double> Number(const json& parameters, const char* key) {
  const auto found = parameters.find(key);
  if (found == parameters.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

/// The same, but 0 counts as absent, as Python's `or` has it.
std::optional<double> NumberNot0(const json& parameters, const char* key) {
  const auto number = Number(parameters, key);
  return number && *number != 0 ? number : std::nullopt;
}

Status Check(const Checkpoint& file, const Yarn& yarn) {
  struct Named {
    const char* name;
    double value;
  };
  for (const Named& each :
       {Named{"factor", yarn.factor}, Named{"original context", yarn.original_context},
        Named{"beta_fast", yarn.beta_fast}, Named{"beta_slow", yarn.beta_slow},
        Named{"magnitude", yarn.magnitude}}) {
    if (each.value > 0 && std::isfinite(each.value)) continue;
    return Status(ErrorCode::kCorruptFile, file.path() + ": yarn rope scaling has a " + each.name +
                                               " of " + std::to_string(each.value));
  }
  return Status();
}

/// The pair that turns `turns` times in the original context.
double PairOfTurns(const Yarn& yarn, double turns, double n_rotated, double base) {
  return n_rotated * std::log(yarn.original_context / (turns * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(base));
}

}  // namespace

Result<Yarn> YarnOfFolder(const Checkpoint& folder, const ModelConfig& config,
                          const json& parameters) {
  Yarn yarn;
  const auto context = static_cast<double>(config.context);
  // The config's own word goes before the one among rope's.
  yarn.original_context =
      NumberNot0(*folder.hf_config(), "original_max_position_embeddings")
          .value_or(NumberNot0(parameters, "original_max_position_embeddings").value_or(context));
  const auto factor = Number(parameters, "factor");
  if (!factor && yarn.original_context == context) {
    return Status(ErrorCode::kCorruptFile,
                  folder.path() + ": yarn rope scaling lacks the number 'factor'");
  }
  // In f32, as GGUF holds it.
  yarn.factor = InF32(factor.value_or(context / yarn.original_context));
  const auto mscale = NumberNot0(parameters, "mscale");
  const auto mscale_all = NumberNot0(parameters, "mscale_all_dim");
  const double usual = Growth(yarn.factor);
  double magnitude = usual;
  if (mscale && mscale_all)
    magnitude = Growth(yarn.factor, *mscale) / Growth(yarn.factor, *mscale_all);
  magnitude = Number(parameters, "attention_factor").value_or(magnitude);
  // As what it is of the usual one, in f32: so GGUF says it.
  yarn.magnitude = usual * InF32(magnitude / usual);
  yarn.beta_fast = NumberNot0(parameters, "beta_fast").value_or(yarn.beta_fast);
  yarn.beta_slow = NumberNot0(parameters, "beta_slow").value_or(yarn.beta_slow);
  const auto truncate = parameters.find("truncate");
  if (truncate != parameters.end() && truncate->is_boolean()) {
    yarn.whole_pairs = truncate->get<bool>();
  }
  ALT_RETURN_IF_ERROR(Check(folder, yarn));
  return yarn;
}

Result<Yarn> YarnOfGguf(const Checkpoint& file, const ModelConfig& config, double factor,
                        const LogSink& log) {
  Yarn yarn;
  yarn.factor = factor;
  yarn.least_width = true;
  ALT_ASSIGN_OR_RETURN(const auto original, file.Uint("rope.scaling.original_context_length"));
  yarn.original_context = static_cast<double>(original.value_or(config.context));
  ALT_ASSIGN_OR_RETURN(const auto blend, file.Float("rope.scaling.yarn_ext_factor"));
  if (blend && *blend >= 0) yarn.blend = *blend;  // negative: not said
  ALT_ASSIGN_OR_RETURN(const auto fast, file.Float("rope.scaling.yarn_beta_fast"));
  yarn.beta_fast = fast.value_or(yarn.beta_fast);
  ALT_ASSIGN_OR_RETURN(const auto slow, file.Float("rope.scaling.yarn_beta_slow"));
  yarn.beta_slow = slow.value_or(yarn.beta_slow);
  ALT_ASSIGN_OR_RETURN(const auto mscale_all, file.Float("rope.scaling.yarn_log_multiplier"));
  if (yarn.blend != 0) {
    yarn.magnitude = Growth(factor);
    if (mscale_all && *mscale_all != 0) yarn.magnitude /= Growth(factor, *mscale_all);
  }
  ALT_ASSIGN_OR_RETURN(const auto attention, file.Float("rope.scaling.yarn_attn_factor"));
  if (attention && *attention != 1.0 && log) {
    log(LogLevel::kWarning, file.path() + ": rope.scaling.yarn_attn_factor of " +
                                std::to_string(*attention) +
                                " is not followed: llama.cpp computes it from the factor");
  }
  ALT_RETURN_IF_ERROR(Check(file, yarn));
  return yarn;
}

void ScaleYarn(const Yarn& yarn, double base, RopePlan& rope) {
  const auto n_rotated = static_cast<double>(rope.n_rotated());
  double low = PairOfTurns(yarn, yarn.beta_fast, n_rotated, base);
  double high = PairOfTurns(yarn, yarn.beta_slow, n_rotated, base);
  if (yarn.whole_pairs) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, n_rotated - 1);
  constexpr double kLeast = 0.001;
  double width = high == low ? kLeast : high - low;
  if (yarn.least_width) width = std::max(kLeast, high - low);
  for (size_t i = 0; i < rope.frequencies.size(); ++i) {
    const double scaled = std::clamp((static_cast<double>(i) - low) / width, 0.0, 1.0);
    const double kept = (1.0 - scaled) * yarn.blend;
    const double slow = rope.frequencies[i] / yarn.factor;
    rope.frequencies[i] = slow * (1.0 - kept) + rope.frequencies[i] * kept;
  }
  rope.magnitude *= yarn.magnitude;
}

bool DescribeYarn(const Yarn& yarn, double base, const ModelConfig& config, GgufForm& form) {
  const RopePlan& rope = config.ropes[0];
  const double usual = Growth(yarn.factor);
  // llama.cpp multiplies the ropes of local layers by this factor too.
  if (yarn.magnitude != usual && config.ropes.size() > 1) return false;
  if (!(yarn.original_context <= UINT32_MAX)) return false;
  const auto original = static_cast<uint64_t>(yarn.original_context);
  const Yarn read = {.factor = yarn.factor,
                     .original_context = static_cast<double>(original),
                     .least_width = true,
                     .magnitude = usual};
  RopePlan turned;
  turned.frequencies = PlainFrequencies(base, rope.n_rotated());
  ScaleYarn(read, base, turned);
  if (turned.frequencies != rope.frequencies) return false;
  if (!form.SetUint("rope.scaling.original_context_length", original).ok()) return false;
  form.SetString("rope.scaling.type", "yarn");
  form.SetFloat("rope.scaling.factor", yarn.factor);
  if (yarn.magnitude != usual) form.SetFloat("rope.scaling.attn_factor", yarn.magnitude / usual);
  return true;
}

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

#include "model/gguf_form.h"

#include <memory>
#include <set>
#include <utility>

#include "model/family.h"
#include "model/gguf_metadata.h"
#include "model/tensor_values.h"
#include "model/unused_tensors.h"
#include "model/weights.h"

namespace altteul::model {
namespace {

// GGUF's readers check the types of small tensors, and take these in f32 only.
Status AddVector(const Checkpoint::NamedTensor& tensor, const ModelConfig& config, size_t dim,
                 GgufForm& form) {
  const size_t n = tensor.view.shape.Elements();
  ALT_ASSIGN_OR_RETURN(const std::vector<float> source, ReadVector(tensor.view, n, tensor.name));
  const bool norm = tensor.name.ends_with("norm.weight");
  GgufForm::Tensor order;
  order.interleaved_dim = dim;
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) {
    values[i] = source[order.SourceRow(i)] + (norm ? config.norm_weight_offset : 0.0f);
  }
  form.AddValues(tensor.name, std::move(values));
  return Status();
}

bool IsTurned(const std::string& name) {
  return name.find(".attn_q.") != name.npos || name.find(".attn_k.") != name.npos;
}

/// Whether the rows of q and k lie in another order in the GGUF file than in the folder.
bool IsReordered(const Family& family) {
  return family.gguf_rope_pairs == kernels::RopePairs::kInterleaved &&
         family.hf_rope_pairs == kernels::RopePairs::kHalves;
}

Status AddTensors(const Checkpoint& folder, const Family& family, const ModelConfig& config,
                  GgufForm& form) {
  ALT_ASSIGN_OR_RETURN(const WeightPlan plan, PlanWeights(folder, config, nullptr));
  for (const Checkpoint::NamedTensor& tensor : folder.tensors()) {
    if (plan.tensors.count(tensor.name) == 0) {
      form.left_out.push_back(tensor.name);
      continue;
    }
    // Reordered rows are of heads of one width (FormOfFolder).
    const bool reordered = IsReordered(family) && IsTurned(tensor.name);
    const size_t dim = reordered ? config.layers[0].attention()->key_dim : 0;
    if (tensor.view.shape.n_dims == 1) {
      ALT_RETURN_IF_ERROR(AddVector(tensor, config, dim, form));
    } else {
      form.tensors.push_back({.name = tensor.name, .view = tensor.view, .interleaved_dim = dim});
    }
  }
  return Status();
}

Result<GgufForm> FormOfFolder(const Checkpoint& folder) {
  ALT_ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig(folder));
  const Family& family = *FindFamily(folder.architecture());
  for (const LayerPlan& layer : config.layers) {
    const size_t dim = layer.attention()->key_dim;
    if (!IsReordered(family) || config.ropes[0].n_rotated() == dim) continue;
    return Status(ErrorCode::kUnsupported,
                  folder.path() + ": rope turns " + std::to_string(config.ropes[0].n_rotated()) +
                      " of " + std::to_string(dim) + " dimensions; GGUF files of " + config.family +
                      " mean all of them");
  }
  GgufForm form;
  ALT_RETURN_IF_ERROR(AddTensors(folder, family, config, form));
  ALT_RETURN_IF_ERROR(SetMetadata(folder, config, form));
  ALT_RETURN_IF_ERROR(DescribeRope(folder, config, family.gguf_rope_freqs, form));
  ALT_RETURN_IF_ERROR(family.describe(folder, config, form));
  return form;
}

}  // namespace

Status GgufForm::SetUint(std::string_view key, uint64_t value) {
  if (value > UINT32_MAX) {
    return Status(ErrorCode::kUnsupported, architecture + "." + std::string(key) + " of " +
                                               std::to_string(value) + " is beyond 32 bits");
  }
  metadata.SetNumber<uint32_t>(architecture + "." + std::string(key), static_cast<uint32_t>(value));
  return Status();
}

Status GgufForm::SetUints(std::string_view key, const std::vector<uint64_t>& values) {
  std::vector<uint32_t> narrow;
  for (const uint64_t value : values) {
    ALT_RETURN_IF_ERROR(SetUint(key, value));  // refuses what is too large
    narrow.push_back(static_cast<uint32_t>(value));
  }
  metadata.SetNumbers<uint32_t>(architecture + "." + std::string(key), narrow);
  return Status();
}

void GgufForm::SetFloat(std::string_view key, double value) {
  metadata.SetNumber<float>(architecture + "." + std::string(key), static_cast<float>(value));
}

void GgufForm::SetString(std::string_view key, std::string_view value) {
  metadata.SetString(architecture + "." + std::string(key), value);
}

void GgufForm::SetBools(std::string_view key, const std::vector<bool>& values) {
  const auto bools = std::make_unique<bool[]>(values.size());
  for (size_t i = 0; i < values.size(); ++i) bools[i] = values[i];
  metadata.SetNumbers<bool>(architecture + "." + std::string(key),
                            std::span<const bool>(bools.get(), values.size()));
}

void GgufForm::AddValues(std::string name, std::vector<float> values) {
  small.push_back(std::move(values));
  TensorView view;
  view.bytes = std::as_bytes(std::span(small.back()));
  view.shape.dims[view.shape.n_dims++] = small.back().size();
  tensors.push_back({.name = std::move(name), .view = view, .in_source = false});
}

void GgufForm::AddQuotients(std::string name, const std::vector<double>& a,
                            const std::vector<double>& b) {
  std::vector<float> values(a.size());
  for (size_t i = 0; i < a.size(); ++i) values[i] = static_cast<float>(a[i] / b[i]);
  AddValues(std::move(name), std::move(values));
}

Result<GgufForm> GgufFormOf(const Checkpoint& source) {
  if (source.gguf() == nullptr) return FormOfFolder(source);
  GgufForm form;
  form.architecture = source.architecture();
  form.metadata.CopyMetadata(*source.gguf());
  for (const Checkpoint::TakenNumber& number : source.taken_numbers()) {
    form.SetFloat(number.key, number.value);
  }
  for (const Checkpoint::NamedTensor& tensor : source.tensors()) {
    // Others refuse a file with tensors that they have no use for.
    if (!CompanionKind(tensor.name).empty()) {
      form.left_out.push_back(tensor.name);
      continue;
    }
    form.tensors.push_back({.name = tensor.name, .view = tensor.view});
  }
  return form;
}

}  // namespace altteul::model

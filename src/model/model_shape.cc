// SPDX-License-Identifier: Apache-2.0

#include "model/model_shape.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.h"

namespace altteul::model {
namespace {

// From the models' published configurations.
constexpr std::array kShapes = {
    ModelShape{"smollm2-135m", "135m", 30, 576, 1536, 9, 3, 64, 49152, 8192, 1e5f, true},
    ModelShape{"smollm2-360m", "360m", 32, 960, 2560, 15, 5, 64, 49152, 8192, 1e5f, true},
    ModelShape{"qwen2.5-0.5b", "0.5b", 24, 896, 4864, 14, 2, 64, 151936, 32768, 1e6f, true},
    ModelShape{"tinyllama-1.1b", "1.1b", 22, 2048, 5632, 32, 4, 64, 32000, 2048, 1e4f, false},
    ModelShape{"llama-3.2-1b", "1b", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 5e5f, true},
    ModelShape{"qwen2.5-1.5b", "1.5b", 28, 1536, 8960, 12, 2, 128, 151936, 32768, 1e6f, true},
    ModelShape{"smollm2-1.7b", "1.7b", 24, 2048, 8192, 32, 32, 64, 49152, 8192, 1.3e5f, true},
    ModelShape{"llama-3.2-3b", "3b", 28, 3072, 8192, 24, 8, 128, 128256, 131072, 5e5f, true},
    ModelShape{"llama-2-7b", "7b", 32, 4096, 11008, 32, 32, 128, 32000, 4096, 1e4f, false},
    ModelShape{"mistral-7b", "", 32, 4096, 14336, 32, 8, 128, 32000, 32768, 1e6f, false},
    ModelShape{"qwen2.5-7b", "", 28, 3584, 18944, 28, 4, 128, 152064, 32768, 1e6f, false},
    ModelShape{"llama-3.1-8b", "8b", 32, 4096, 14336, 32, 8, 128, 128256, 131072, 5e5f, false},
    ModelShape{"llama-2-13b", "13b", 40, 5120, 13824, 40, 40, 128, 32000, 4096, 1e4f, false},
    ModelShape{"qwen2.5-14b", "14b", 48, 5120, 13824, 40, 8, 128, 152064, 32768, 1e6f, false},
    ModelShape{"qwen2.5-32b", "32b", 64, 5120, 27648, 40, 8, 128, 152064, 32768, 1e6f, false},
    ModelShape{"llama-3.1-70b", "70b", 80, 8192, 28672, 64, 8, 128, 128256, 131072, 5e5f, false},
    ModelShape{"qwen2.5-72b", "72b", 80, 8192, 29568, 64, 8, 128, 152064, 32768, 1e6f, false},
    ModelShape{"llama-3.1-405b", "405b", 126, 16384, 53248, 128, 8, 128, 128256, 131072, 5e5f,
               false},
};

// A type for every tensor of a model.
struct TypeChoice {
  DType body;       // of matrices in layers
  bool mixed;       // values and down-projections of some layers get Q6_K, as in llama.cpp's _M
  DType embedding;  // looked up only
  DType head;       // multiplied with; of tied models the embedding too

  DType OfLayer(uint32_t layer, uint32_t layers, bool matters) const {
    // llama.cpp, src/llama-quant.cpp, use_more_bits(): the first and the last eighth, and every
    // third layer between.
    const uint32_t eighth = layers / 8;
    const bool more = layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
    return mixed && matters && more ? DType::kQ6_K : body;
  }
};

std::optional<TypeChoice> ParseTypes(std::string_view name) {
  const std::string lower = Lower(name);
  if (lower == "q4_k_m") return TypeChoice{DType::kQ4_K, true, DType::kQ4_K, DType::kQ6_K};
  if (lower == "q5_k_m") return TypeChoice{DType::kQ5_K, true, DType::kQ5_K, DType::kQ6_K};
  const auto type = DTypeFromName(lower);
  if (!type) return std::nullopt;
  const bool small = TraitsOf(*type).bits_per_element() < TraitsOf(DType::kQ8_0).bits_per_element();
  const DType edge = small ? DType::kQ8_0 : *type;
  return TypeChoice{*type, false, edge, edge};
}

std::vector<ShapedTensor> TensorsOfShape(const ModelShape& s, const TypeChoice& types) {
  const uint32_t q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
  std::vector<ShapedTensor> list = {
      {"token_embd.weight", s.tied ? types.head : types.embedding, s.vocabulary, s.hidden}};
  if (!s.tied) list.push_back({"output.weight", types.head, s.vocabulary, s.hidden});
  list.push_back({"output_norm.weight", DType::kF32, 0, s.hidden});
  for (uint32_t layer = 0; layer < s.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    const DType plain = types.OfLayer(layer, s.layers, false);
    const DType better = types.OfLayer(layer, s.layers, true);
    list.push_back({block + "attn_norm.weight", DType::kF32, 0, s.hidden});
    list.push_back({block + "attn_q.weight", plain, q, s.hidden});
    list.push_back({block + "attn_k.weight", plain, kv, s.hidden});
    list.push_back({block + "attn_v.weight", better, kv, s.hidden});
    list.push_back({block + "attn_output.weight", plain, s.hidden, q});
    list.push_back({block + "ffn_norm.weight", DType::kF32, 0, s.hidden});
    list.push_back({block + "ffn_gate.weight", plain, s.ffn, s.hidden});
    list.push_back({block + "ffn_up.weight", plain, s.ffn, s.hidden});
    list.push_back({block + "ffn_down.weight", better, s.hidden, s.ffn});
  }
  return list;
}

}  // namespace

std::span<const ModelShape> ModelShapes() { return kShapes; }

std::string ShapeNames() {
  std::string names;
  for (const ModelShape& shape : kShapes) {
    names += (names.empty() ? "" : ", ") + std::string(shape.name);
    if (!shape.alias.empty()) names += " (" + std::string(shape.alias) + ")";
  }
  return names;
}

Status ShapedModel::Declare(const std::string& title, formats::GgufWriter& writer) const {
  const ModelShape& s = *shape;
  writer.SetString("general.architecture", "llama");
  writer.SetString("general.name", title);
  writer.SetNumber<uint32_t>("llama.block_count", s.layers);
  writer.SetNumber<uint32_t>("llama.context_length", s.context);
  writer.SetNumber<uint32_t>("llama.embedding_length", s.hidden);
  writer.SetNumber<uint32_t>("llama.feed_forward_length", s.ffn);
  writer.SetNumber<uint32_t>("llama.attention.head_count", s.heads);
  writer.SetNumber<uint32_t>("llama.attention.head_count_kv", s.kv_heads);
  writer.SetNumber<uint32_t>("llama.attention.key_length", s.head_dim);
  writer.SetNumber<uint32_t>("llama.attention.value_length", s.head_dim);
  writer.SetNumber<uint32_t>("llama.rope.dimension_count", s.head_dim);
  writer.SetNumber<float>("llama.rope.freq_base", s.rope_base);
  writer.SetNumber<float>("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.SetNumber<uint32_t>("llama.vocab_size", s.vocabulary);
  writer.SetString("tokenizer.ggml.model", "none");
  writer.SetNumber<uint32_t>("general.quantization_version", 2);
  for (const ShapedTensor& tensor : tensors) {
    Shape extents;
    if (tensor.rows != 0) extents.dims[extents.n_dims++] = tensor.rows;
    extents.dims[extents.n_dims++] = tensor.cols;
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(tensor.name, tensor.type, extents));
  }
  return Status();
}

ShapedModel UniformModel(const ModelShape& shape, DType type) {
  return {&shape, TensorsOfShape(shape, {type, false, type, type})};
}

Result<ShapedModel> ParseShapedModel(std::string_view what) {
  const size_t colon = what.find(':');
  const std::string name = Lower(what.substr(0, colon));
  const auto types =
      ParseTypes(colon == std::string_view::npos ? std::string_view() : what.substr(colon + 1));
  const auto shape = std::find_if(kShapes.begin(), kShapes.end(), [&](const ModelShape& each) {
    return each.name == name || (!each.alias.empty() && each.alias == name);
  });
  if (shape == kShapes.end() || !types) {
    return Status(
        ErrorCode::kInvalidArgument,
        "'" + std::string(what) + "' is not of the form SHAPE:TYPE; shapes are " + ShapeNames());
  }
  return ShapedModel{&*shape, TensorsOfShape(*shape, *types)};
}

}  // namespace altteul::model

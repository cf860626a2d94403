// SPDX-License-Identifier: Apache-2.0

#include "support/made_gguf.h"

#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/random.h"
#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"

namespace altteul::tests {
namespace {

using formats::GgufWriter;

constexpr uint32_t kLayers = 2, kHidden = 256, kHeads = 4, kHeadDim = 64, kFfn = 512;
constexpr uint32_t kVocabulary = 100;  // no multiple of 16

constexpr std::array kTypes = {DType::kQ6_K,  DType::kQ4_0,   DType::kQ4_1, DType::kQ5_0,
                               DType::kQ5_1,  DType::kQ8_0,   DType::kQ4_K, DType::kQ5_K,
                               DType::kF16,   DType::kIQ4_NL, DType::kBF16, DType::kF32,
                               DType::kIQ4_XS};
constexpr std::array kFewBitTypes = {
    DType::kQ2_K,    DType::kQ3_K,  DType::kIQ3_S, DType::kIQ3_XXS, DType::kIQ2_S, DType::kIQ2_XS,
    DType::kIQ2_XXS, DType::kIQ1_S, DType::kTQ1_0, DType::kTQ2_0,   DType::kQ1_0,  DType::kQ2_0};

// Types without an encoder: random codes under scales that give the wanted deviation.
struct ScaledType {
  DType type;
  size_t scale_offset;               // of the f16 scale in a block
  std::optional<size_t> min_offset;  // of the f16 scale of the minimums
  float min_ratio;                   // that makes the weights' mean about 0
};
constexpr std::array kScaled = {
    ScaledType{DType::kQ4_K, 0, 2, 7.5f},
    ScaledType{DType::kQ5_K, 0, 2, 15.5f},
    ScaledType{DType::kQ6_K, 208, std::nullopt, 0},
    ScaledType{DType::kIQ4_XS, 0, std::nullopt, 0},
    ScaledType{DType::kQ2_K, 80, 82, 1.5f},
    ScaledType{DType::kQ3_K, 108, std::nullopt, 0},
    ScaledType{DType::kIQ3_S, 0, std::nullopt, 0},
    ScaledType{DType::kIQ3_XXS, 0, std::nullopt, 0},
    ScaledType{DType::kIQ2_S, 0, std::nullopt, 0},
    ScaledType{DType::kIQ2_XS, 0, std::nullopt, 0},
    ScaledType{DType::kIQ2_XXS, 0, std::nullopt, 0},
    ScaledType{DType::kIQ1_S, 0, std::nullopt, 0},
    ScaledType{DType::kTQ1_0, 52, std::nullopt, 0},
    ScaledType{DType::kTQ2_0, 64, std::nullopt, 0},
    ScaledType{DType::kQ1_0, 0, std::nullopt, 0},
    ScaledType{DType::kQ2_0, 0, std::nullopt, 0},
};

void PutHalf(float value, std::byte* at) {
  const uint16_t half = kernels::F32ToF16(value);
  std::memcpy(at, &half, sizeof half);
}

void RandomBlocks(const ScaledType& scaled, float deviation, const RandomStream& random, size_t n,
                  std::vector<std::byte>& bytes) {
  const DTypeTraits& traits = TraitsOf(scaled.type);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(random.Bits(i));
  const auto set_scales = [&](float scale) {
    for (size_t at = 0; at < bytes.size(); at += traits.block_bytes) {
      PutHalf(scale, bytes.data() + at + scaled.scale_offset);
      if (scaled.min_offset) {
        PutHalf(scale * scaled.min_ratio, bytes.data() + at + *scaled.min_offset);
      }
    }
  };
  set_scales(1.0f);
  std::vector<float> values(n);
  kernels::FindCodec(scaled.type)->decode(bytes.data(), n, values.data());
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  const double rms = std::sqrt(squares / static_cast<double>(n));
  set_scales(static_cast<float>(deviation / rms));
}

// Normal values of deviation 1.5 / sqrt(cols): attention scores of a spread that softmax notices.
std::vector<std::byte> RandomMatrix(DType type, const std::string& name, size_t rows, size_t cols) {
  const RandomStream random(31, name);
  const float deviation = 1.5f / std::sqrt(static_cast<float>(cols));
  std::vector<std::byte> bytes(rows * *RowBytes(type, cols));
  for (const ScaledType& scaled : kScaled) {
    if (scaled.type != type) continue;
    RandomBlocks(scaled, deviation, random, rows * cols, bytes);
    return bytes;
  }
  std::vector<float> values(rows * cols);
  for (size_t i = 0; i < values.size(); ++i) values[i] = deviation * random.Normal(i);
  kernels::FindCodec(type)->encode(values.data(), values.size(), bytes.data());
  return bytes;
}

struct Tensor {
  std::string name;
  DType type;
  Shape shape;
  std::vector<std::byte> bytes;
};

std::vector<Tensor> MakeTensors(std::span<const DType> types) {
  std::vector<Tensor> tensors;
  size_t n_matrices = 0;
  const auto matrix = [&](const std::string& name, size_t rows, size_t cols) {
    const DType type = types[n_matrices++ % types.size()];
    Shape shape{.n_dims = 2, .dims = {rows, cols}};
    tensors.push_back({name, type, shape, RandomMatrix(type, name, rows, cols)});
  };
  const auto norm = [&](const std::string& name) {
    const RandomStream random(32, name);
    std::vector<float> values(kHidden);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 1.0f + 0.1f * random.Normal(i);
    const auto bytes = std::as_bytes(std::span(values));
    Shape shape{.n_dims = 1, .dims = {kHidden}};
    tensors.push_back({name, DType::kF32, shape, {bytes.begin(), bytes.end()}});
  };
  matrix("token_embd.weight", kVocabulary, kHidden);
  norm("output_norm.weight");
  for (uint32_t layer = 0; layer < kLayers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    for (const char* name : {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"}) {
      norm(block + name + ".weight");
    }
    matrix(block + "attn_q.weight", kHeads * kHeadDim, kHidden);
    matrix(block + "attn_k.weight", kHeadDim, kHidden);
    matrix(block + "attn_v.weight", kHeadDim, kHidden);
    matrix(block + "attn_output.weight", kHidden, kHeads * kHeadDim);
    matrix(block + "ffn_gate.weight", kFfn, kHidden);
    matrix(block + "ffn_up.weight", kFfn, kHidden);
    matrix(block + "ffn_down.weight", kHidden, kFfn);
  }
  return tensors;
}

}  // namespace

std::span<const DType> RandomTypes() { return kTypes; }
std::span<const DType> RandomFewBitTypes() { return kFewBitTypes; }

Status WriteQuantizedModel(const std::string& path, std::span<const DType> types,
                           const std::function<void(GgufWriter&)>& change) {
  GgufWriter writer;
  writer.SetString("general.architecture", "gemma2");
  writer.SetNumber<uint32_t>("gemma2.block_count", kLayers);
  writer.SetNumber<uint32_t>("gemma2.context_length", 4096);
  writer.SetNumber<uint32_t>("gemma2.embedding_length", kHidden);
  writer.SetNumber<uint32_t>("gemma2.feed_forward_length", kFfn);
  writer.SetNumber<uint32_t>("gemma2.attention.head_count", kHeads);
  writer.SetNumber<uint32_t>("gemma2.attention.head_count_kv", 1);
  writer.SetNumber<uint32_t>("gemma2.attention.key_length", kHeadDim);
  writer.SetNumber<uint32_t>("gemma2.attention.sliding_window", 24);
  writer.SetNumber<float>("gemma2.attention.layer_norm_rms_epsilon", 1e-6f);
  writer.SetNumber<float>("gemma2.attn_logit_softcapping", 50.0f);
  writer.SetNumber<float>("gemma2.final_logit_softcapping", 30.0f);
  if (change) change(writer);
  const std::vector<Tensor> tensors = MakeTensors(types);
  for (const Tensor& tensor : tensors) {
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(tensor.name, tensor.type, tensor.shape));
  }
  ALT_RETURN_IF_ERROR(writer.Begin(path));
  for (const Tensor& tensor : tensors) ALT_RETURN_IF_ERROR(writer.WriteTensorData(tensor.bytes));
  return writer.Finish();
}

}  // namespace altteul::tests

#include "tools/synthetic_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "compress/plain_encoder.h"
#include "formats/gguf_writer.h"

namespace altteul::tools {
namespace {

struct ModelShape {
  std::string_view name;
  uint32_t layers, hidden, ffn, heads, kv_heads, head_dim, vocabulary, context;
  float rope_base;
};

// From the models' published configurations.
constexpr std::array kShapes = {
    ModelShape{"smollm2-135m", 30, 576, 1536, 9, 3, 64, 49152, 8192, 100000.0f},
    ModelShape{"smollm2-360m", 32, 960, 2560, 15, 5, 64, 49152, 8192, 100000.0f},
    ModelShape{"llama-3.2-1b", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 500000.0f},
    ModelShape{"llama-2-7b", 32, 4096, 11008, 32, 32, 128, 32000, 4096, 10000.0f},
    ModelShape{"llama-3.1-8b", 32, 4096, 14336, 32, 8, 128, 128256, 131072, 500000.0f},
};

// Random rows of which a matrix is put together: 8 MB of values look random to every cache and
// kernel, and a 7B model is written at the disk's speed.
class RowPool {
 public:
  RowPool(DType type, uint32_t cols, ThreadTeam& team) : row_bytes_(*RowBytes(type, cols)) {
    n_rows_ = std::max<size_t>(16, (size_t{2} << 20) / cols);
    bytes_.resize(n_rows_ * row_bytes_);
    const RandomStream random(20260101, "synthetic weights");
    // Variance 1 / cols keeps activations near unit size.
    const float deviation = 1.0f / std::sqrt(static_cast<float>(cols));
    team.Run([&](int thread) {
      std::vector<float> values(cols);
      compress::PlainEncoder encoder(type);
      const Share share = ShareOf(n_rows_, 1, thread, team.size());
      for (size_t row = share.begin; row < share.end; ++row) {
        for (size_t c = 0; c < cols; ++c) values[c] = deviation * random.Normal(row * cols + c);
        encoder.Encode(values, bytes_.data() + row * row_bytes_);
      }
    });
  }
  std::span<const std::byte> Row(uint64_t n) const {
    return std::span(bytes_).subspan(n % n_rows_ * row_bytes_, row_bytes_);
  }

 private:
  size_t row_bytes_;
  size_t n_rows_ = 0;
  std::vector<std::byte> bytes_;
};

struct Planned {
  std::string name;
  DType type;
  uint32_t rows, cols;  // rows 0: a norm of `cols` ones
};

std::vector<Planned> PlanTensors(const ModelShape& s, DType type) {
  const bool small = TraitsOf(type).bits_per_element() < TraitsOf(DType::kQ8_0).bits_per_element();
  const DType edge = small ? DType::kQ8_0 : type;
  const uint32_t q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
  std::vector<Planned> list = {{"token_embd.weight", edge, s.vocabulary, s.hidden},
                               {"output.weight", edge, s.vocabulary, s.hidden},
                               {"output_norm.weight", DType::kF32, 0, s.hidden}};
  for (uint32_t layer = 0; layer < s.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    list.push_back({block + "attn_norm.weight", DType::kF32, 0, s.hidden});
    list.push_back({block + "attn_q.weight", type, q, s.hidden});
    list.push_back({block + "attn_k.weight", type, kv, s.hidden});
    list.push_back({block + "attn_v.weight", type, kv, s.hidden});
    list.push_back({block + "attn_output.weight", type, s.hidden, q});
    list.push_back({block + "ffn_norm.weight", DType::kF32, 0, s.hidden});
    list.push_back({block + "ffn_gate.weight", type, s.ffn, s.hidden});
    list.push_back({block + "ffn_up.weight", type, s.ffn, s.hidden});
    list.push_back({block + "ffn_down.weight", type, s.hidden, s.ffn});
  }
  return list;
}

void SetMetadata(const ModelShape& s, const std::string& what, formats::GgufWriter& writer) {
  writer.SetString("general.architecture", "llama");
  writer.SetString("general.name", "synthetic " + what);
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
}

Status WriteTensor(const Planned& tensor, const RowPool* pool, size_t index,
                   formats::GgufWriter& writer) {
  if (tensor.rows == 0) {
    const std::vector<float> ones(tensor.cols, 1.0f);
    return writer.WriteTensorData(std::as_bytes(std::span(ones)));
  }
  const RandomStream random(20260101, "synthetic rows");
  for (uint64_t row = 0; row < tensor.rows; ++row) {
    const uint64_t pick = random.Bits(index << 32 | row);
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(pool->Row(pick)));
  }
  return Status();
}

}  // namespace

std::string SyntheticShapes() {
  std::string names;
  for (const ModelShape& shape : kShapes) {
    names += (names.empty() ? "" : ", ") + std::string(shape.name);
  }
  return names;
}

Status WriteSyntheticModel(const std::string& what, const std::string& path, ThreadTeam& team,
                           const ProgressSink& progress) {
  const size_t colon = what.find(':');
  const std::string name = what.substr(0, colon);
  const ModelShape* shape = nullptr;
  for (const ModelShape& each : kShapes) {
    if (each.name == name) shape = &each;
  }
  const auto type = DTypeFromName(colon == std::string::npos ? "" : what.substr(colon + 1));
  if (shape == nullptr || !type) {
    return Status(ErrorCode::kInvalidArgument,
                  "'" + what + "' is not of the form SHAPE:TYPE; shapes are " + SyntheticShapes());
  }
  if (!compress::CanEncodePlainly(*type)) {
    return Status(ErrorCode::kUnsupported,
                  "no encoder for " + std::string(TraitsOf(*type).name) + ", so no weights of it");
  }
  formats::GgufWriter writer;
  SetMetadata(*shape, what, writer);
  const std::vector<Planned> tensors = PlanTensors(*shape, *type);
  for (const Planned& tensor : tensors) {
    Shape extents;
    if (tensor.rows != 0) extents.dims[extents.n_dims++] = tensor.rows;
    extents.dims[extents.n_dims++] = tensor.cols;
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(tensor.name, tensor.type, extents));
  }
  ALT_RETURN_IF_ERROR(writer.Begin(path));

  std::vector<std::pair<std::pair<DType, uint32_t>, RowPool>> pools;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (progress && !progress(i, tensors.size())) {
      return Status(ErrorCode::kCancelled, "writing the synthetic model was interrupted");
    }
    const std::pair<DType, uint32_t> key{tensors[i].type, tensors[i].cols};
    const RowPool* pool = nullptr;
    for (const auto& each : pools) {
      if (each.first == key) pool = &each.second;
    }
    if (pool == nullptr && tensors[i].rows != 0) {
      pool = &pools.emplace_back(key, RowPool(key.first, key.second, team)).second;
    }
    ALT_RETURN_IF_ERROR(WriteTensor(tensors[i], pool, i, writer));
  }
  ALT_RETURN_IF_ERROR(writer.Finish());
  if (progress) progress(tensors.size(), tensors.size());
  return Status();
}

}  // namespace altteul::tools

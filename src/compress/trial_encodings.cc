// SPDX-License-Identifier: Apache-2.0

#include "compress/trial_encodings.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "compress/encode_tensor.h"
#include "compress/input_metrics.h"
#include "compress/layer_groups.h"
#include "compress/plain_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

// Mixes are compared with each other, so what sweeps would add to all of them is not needed.
constexpr EncodeSteps kTrialSteps = {.feedback = true, .descents = 0};

class TrialEncoder {
 public:
  TrialEncoder(const model::Model& original, const std::vector<WantedTypes>& wanted,
               std::span<const text::TokenId> calibration, const TrialOptions& options,
               compute::Compute& compute, const WorkPlace& place)
      : original_(original),
        wanted_(wanted),
        calibration_(calibration.first(calibration.size() / options.context * options.context)),
        options_(options),
        compute_(compute),
        place_(place),
        encoded_(wanted.size()) {}

  Result<std::vector<TrialEncodings>> Run() {
    FindKept();
    if (total_ > 0) ALT_RETURN_IF_ERROR(Walk());
    return std::move(encoded_);
  }

 private:
  const model::ModelConfig& config() const { return original_.config; }
  const TensorView& Tensor(const std::string& name) const { return *original_.file->Find(name); }
  Status Tell() const {
    constexpr uint64_t kMillion = 1'000'000;
    return TellProgress(place_.progress, done_ / kMillion, (total_ + kMillion - 1) / kMillion,
                        "the encoding of tensors for swaps was interrupted");
  }

  void FindKept() {
    for (size_t i = 0; i < wanted_.size(); ++i) {
      const Shape& shape = Tensor(wanted_[i].name).shape;
      for (const DType type : wanted_[i].types) {
        auto kept = place_.folder == nullptr ? std::nullopt
                                             : place_.folder->FindTensor(wanted_[i].name, type,
                                                                         shape, TensorUse::kTrial);
        if (kept) {
          encoded_[i].emplace(type, std::move(*kept));
        } else {
          total_ += shape.Elements();
        }
      }
    }
  }

  /// The tensors of these names of which a type is missing.
  std::vector<size_t> OpenOf(const std::vector<std::string>& names) const {
    std::vector<size_t> open;
    for (size_t i = 0; i < wanted_.size(); ++i) {
      const bool is_asked = std::find(names.begin(), names.end(), wanted_[i].name) != names.end();
      if (is_asked && encoded_[i].size() < wanted_[i].types.size()) open.push_back(i);
    }
    return open;
  }

  Status Walk() {
    ALT_ASSIGN_OR_RETURN(
        inputs_, InputMetrics::Create(original_, calibration_,
                                      {.context = options_.context, .damping = options_.damping},
                                      compute_, place_));
    if (!original_.weights.tied) ALT_RETURN_IF_ERROR(EncodeAll(OpenOf({kEmbedding}), nullptr));
    ALT_RETURN_IF_ERROR(inputs_->Begin(inputs_->n_chunks()));
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        ALT_RETURN_IF_ERROR(EncodeGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell());
      }
      ReleaseLayer(*original_.file, layer);
    }
    const std::vector<size_t> open = OpenOf({HeadOf(original_.weights)});
    if (open.empty()) return Tell();
    ALT_ASSIGN_OR_RETURN(const Metric metric, inputs_->OfHead());
    return EncodeAll(open, &metric);
  }

  Status EncodeGroup(size_t layer, const LayerGroup& group) {
    const std::vector<size_t> open = OpenOf(NamesOf(layer, group));
    if (open.empty()) return inputs_->Pass(layer, group);
    ALT_ASSIGN_OR_RETURN(const Metric metric, inputs_->Of(layer, group));
    return EncodeAll(open, &metric);
  }

  /// @param metric  null for a table that is looked up in
  Status EncodeAll(const std::vector<size_t>& open, const Metric* metric) {
    for (const size_t i : open) ALT_RETURN_IF_ERROR(Encode(i, metric));
    return Status();
  }

  /// In each type that is missing.
  Status Encode(size_t i, const Metric* metric) {
    const std::string& name = wanted_[i].name;
    const Shape& shape = Tensor(name).shape;
    for (const DType type : wanted_[i].types) {
      if (encoded_[i].count(type) != 0) continue;
      ALT_ASSIGN_OR_RETURN(EncodedTensor encoded,
                           place_.folder == nullptr
                               ? EncodedTensor::InMemory(type, shape)
                               : place_.folder->NewTensor(name, type, shape, TensorUse::kTrial));
      ALT_RETURN_IF_ERROR(Fill(name, metric, encoded));
      if (place_.folder != nullptr) {
        ALT_RETURN_IF_ERROR(place_.folder->KeepTensor(name, shape, encoded, TensorUse::kTrial));
      }
      encoded_[i].emplace(type, std::move(encoded));
    }
    return Status();
  }

  Status Fill(const std::string& name, const Metric* metric, EncodedTensor& encoded) {
    const TensorView& tensor = Tensor(name);
    const size_t to_row = *RowBytes(encoded.type(), tensor.shape.cols());
    const size_t from_row = tensor.bytes.size() / tensor.shape.rows();
    const auto done = [&](size_t first, size_t n) {
      encoded.ReleasePages(first * to_row, n * to_row);
      original_.file->ReleasePages(tensor.bytes.subspan(first * from_row, n * from_row));
      done_ += n * tensor.shape.cols();
      return Tell();
    };
    if (CanEncode(encoded.type())) {
      return EncodeTensor(tensor, {.type = encoded.type(), .metric = metric, .steps = kTrialSteps},
                          encoded.mutable_bytes(), compute_, done);
    }
    // Sixteen bits and more: nothing to choose.
    const kernels::Codec& from = *kernels::FindCodec(tensor.type);
    std::vector<PlainEncoder> encoders;
    for (int i = 0; i < compute_.team().size(); ++i) encoders.emplace_back(encoded.type());
    std::vector<std::vector<float>> rows(encoders.size(), std::vector<float>(tensor.shape.cols()));
    compute_.team().Run([&](int thread) {
      PlainEncoder& encoder = encoders[static_cast<size_t>(thread)];
      std::vector<float>& row = rows[static_cast<size_t>(thread)];
      const Share share = ShareOf(tensor.shape.rows(), 1, thread, compute_.team().size());
      for (size_t r = share.begin; r < share.end; ++r) {
        from.decode(tensor.bytes.data() + r * from_row, row.size(), row.data());
        encoder.Encode(row, encoded.mutable_bytes().data() + r * to_row);
      }
    });
    return done(0, tensor.shape.rows());
  }

  const model::Model& original_;
  const std::vector<WantedTypes>& wanted_;
  std::span<const text::TokenId> calibration_;
  const TrialOptions options_;
  compute::Compute& compute_;
  const WorkPlace& place_;

  std::vector<TrialEncodings> encoded_;  // [wanted]
  std::unique_ptr<InputMetrics> inputs_;
  uint64_t done_ = 0, total_ = 0;  // weights
};

}  // namespace

Result<std::vector<TrialEncodings>> EncodeForTrials(const model::Model& original,
                                                    const std::vector<WantedTypes>& wanted,
                                                    std::span<const text::TokenId> calibration,
                                                    const TrialOptions& options,
                                                    compute::Compute& compute,
                                                    const WorkPlace& place) {
  return TrialEncoder(original, wanted, calibration, options, compute, place).Run();
}

}  // namespace altteul::compress

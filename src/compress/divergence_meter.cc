// SPDX-License-Identifier: Apache-2.0

#include "compress/divergence_meter.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace altteul::compress {

Result<DivergenceMeter> DivergenceMeter::Create(const MixModel& mix,
                                                std::span<const text::TokenId> ids,
                                                const MeterOptions& options,
                                                compute::Compute& compute, const WorkFolder* work,
                                                const Step& step) {
  const size_t n_chunks = ids.size() / options.context;
  ALT_CHECK(n_chunks > 0);
  const model::ModelConfig& config = mix.original().config;
  DivergenceMeter meter(mix);
  meter.ids_ = ids.first(n_chunks * options.context);
  ALT_ASSIGN_OR_RETURN(
      meter.stream_,
      ActivationStream::Create(mix.model(), {.n_chunks = n_chunks, .context = options.context},
                               compute, work));
  ALT_ASSIGN_OR_RETURN(
      meter.answers_, Answers::Create(
                          n_chunks, options.context, meter.stream_->forward(), options.logits_bytes,
                          [&mix](size_t first, size_t n) { mix.ReleaseHeadRows(first, n); }, work));
  const uint64_t place_bytes = meter.stream_->All().size_bytes();
  const size_t most_places = std::max<size_t>(1, options.rest_bytes / place_bytes);
  meter.stride_ = (config.n_layers() + most_places - 1) / most_places;
  meter.n_places_ = (config.n_layers() + meter.stride_ - 1) / meter.stride_;
  ALT_ASSIGN_OR_RETURN(
      meter.rests_,
      RoomFor(meter.n_places_ * place_bytes,
              "activations before " + std::to_string(meter.n_places_) + " layers", work));
  // Nothing of the original's pass serves a mix: depth 0.
  ALT_RETURN_IF_ERROR(meter.stream_->Embed(meter.ids_));
  ALT_RETURN_IF_ERROR(meter.Pass(0, 0, step));
  for (size_t i = 0; i < n_chunks; ++i) {
    ALT_RETURN_IF_ERROR(meter.answers_->Keep(meter.stream_->forward(), i, meter.stream_->X(i)));
  }
  return meter;
}

std::span<float> DivergenceMeter::Rest(size_t place) {
  const size_t n = stream_->All().size();
  return ValuesOf<float>(rests_).subspan(place * n, n);
}

/// From before a layer to behind the last; what lies before `depth` comes to rest on the way.
Status DivergenceMeter::Pass(size_t from_layer, size_t depth, const Step& step) {
  for (size_t layer = from_layer; layer < mix_->original().config.n_layers(); ++layer) {
    const size_t place = layer / stride_;
    // Tensors of this layer have depth 1 + layer.
    if (layer % stride_ == 0 && place == n_resting_ && layer < depth) {
      std::copy(stream_->All().begin(), stream_->All().end(), Rest(place).begin());
      ++n_resting_;
    }
    ALT_RETURN_IF_ERROR(stream_->StepLayer(layer));
    mix_->ReleaseLayer(layer);
    ALT_RETURN_IF_ERROR(step());
  }
  return Status();
}

Result<std::vector<double>> DivergenceMeter::Measure(size_t depth, const Step& step) {
  // The last place that rests and lies before the change.
  size_t n_usable = depth == 0 ? 0 : (depth - 1) / stride_ + 1;
  n_usable = std::min(n_usable, n_resting_);
  const size_t from_layer = n_usable == 0 ? 0 : (n_usable - 1) * stride_;
  if (n_usable == 0) {
    ALT_RETURN_IF_ERROR(stream_->Embed(ids_));
  } else {
    const std::span<float> rest = Rest(n_usable - 1);
    std::copy(rest.begin(), rest.end(), stream_->All().begin());
  }
  ALT_RETURN_IF_ERROR(Pass(from_layer, depth, step));
  std::vector<double> divergence(n_chunks());
  for (size_t i = 0; i < n_chunks(); ++i) {
    ALT_ASSIGN_OR_RETURN(const double sum,
                         answers_->Divergence(stream_->forward(), i, stream_->X(i)));
    divergence[i] = sum / static_cast<double>(answers_->tokens_per_chunk());
    ALT_RETURN_IF_ERROR(step());
  }
  return divergence;
}

void DivergenceMeter::Settle(size_t depth) {
  const size_t n_usable = depth == 0 ? 0 : (depth - 1) / stride_ + 1;
  n_resting_ = std::min(n_resting_, n_usable);
}

}  // namespace altteul::compress

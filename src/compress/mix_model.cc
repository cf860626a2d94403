// SPDX-License-Identifier: Apache-2.0

#include "compress/mix_model.h"

#include "base/check.h"
#include "compress/survey_plan.h"

namespace altteul::compress {

MixModel::MixModel(const model::Model& original, const std::vector<TensorSurvey>& tensors)
    : original_(original), changed_(original) {
  for (const TensorSurvey& tensor : tensors) places_.push_back(PlaceOf(tensor.name));
}

MixModel::Place MixModel::PlaceOf(const std::string& name) {
  if (name == kEmbedding) {
    return {.depth = 0,
            .replace = [this](DType type,
                              const std::byte* rows) { changed_.ReplaceEmbedding(type, rows); },
            .restore = [this] { changed_.RestoreEmbedding(); }};
  }
  if (name == kHead) {
    return {
        .depth = n_depths() - 1,
        .replace = [this](DType type, const std::byte* rows) { changed_.ReplaceHead(type, rows); },
        .restore = [this] { changed_.RestoreHead(); }};
  }
  for (size_t layer = 0; layer < original_.config.n_layers(); ++layer) {
    for (const LayerGroup& group : GroupsOf(original_.config, layer)) {
      for (const LayerTensor& tensor : group.tensors) {
        if (NameOf(layer, tensor) != name) continue;
        return {.depth = 1 + layer,
                .replace =
                    [this, layer, tensor](DType type, const std::byte* rows) {
                      changed_.Replace(layer, tensor, type, rows);
                    },
                .restore = [this, layer, tensor] { changed_.Restore(layer, tensor); }};
      }
    }
  }
  ALT_CHECK(false);  // surveys are of the model's own tensors
  return {};
}

void MixModel::Put(size_t tensor, const EncodedTensor* encoded) {
  Place& place = places_[tensor];
  place.encoded = encoded;
  if (encoded == nullptr) {
    place.restore();
  } else {
    place.replace(encoded->type(), encoded->bytes().data());
  }
}

void MixModel::ReleaseLayer(size_t layer) const {
  compress::ReleaseLayer(*original_.file, layer);
  for (const Place& place : places_) {
    if (place.depth == 1 + layer && place.encoded != nullptr) place.encoded->ReleasePages();
  }
}

void MixModel::ReleaseHeadRows(size_t first, size_t n) const {
  const TensorView& head = *original_.file->Find(original_.weights.tied ? kEmbedding : kHead);
  const size_t row_bytes = head.bytes.size() / head.shape.rows();
  original_.file->ReleasePages(head.bytes.subspan(first * row_bytes, n * row_bytes));
  const size_t depth = original_.weights.tied ? 0 : n_depths() - 1;
  for (const Place& place : places_) {
    if (place.depth != depth || place.encoded == nullptr) continue;
    const size_t encoded_row = place.encoded->bytes().size() / head.shape.rows();
    place.encoded->ReleasePages(first * encoded_row, n * encoded_row);
  }
}

}  // namespace altteul::compress

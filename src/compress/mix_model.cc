// SPDX-License-Identifier: Apache-2.0

#include "compress/mix_model.h"

#include "base/check.h"

namespace altteul::compress {

MixModel::MixModel(const model::Model& original, const std::vector<TensorSurvey>& tensors,
                   compute::Compute& compute)
    : original_(original), changed_(original, compute) {
  for (const TensorSurvey& tensor : tensors) parts_.push_back(PartOf(tensor.name));
}

MixModel::Part MixModel::PartOf(const std::string& name) {
  if (name == kEmbedding) {
    return {
        .depth = 0,
        .replace = [this](DType type,
                          const std::byte* rows) { return changed_.ReplaceEmbedding(type, rows); },
        .restore = [this] { changed_.RestoreEmbedding(); }};
  }
  if (name == kHead) {
    return {.depth = n_depths() - 1,
            .replace = [this](DType type,
                              const std::byte* rows) { return changed_.ReplaceHead(type, rows); },
            .restore = [this] { changed_.RestoreHead(); }};
  }
  for (size_t layer = 0; layer < original_.config.n_layers(); ++layer) {
    for (const LayerGroup& group : GroupsOf(original_.config, layer)) {
      for (const LayerTensor& tensor : group.tensors) {
        if (NameOf(layer, tensor) != name) continue;
        return {.depth = 1 + layer,
                .replace =
                    [this, layer, tensor](DType type, const std::byte* rows) {
                      return changed_.Replace(layer, tensor, type, rows);
                    },
                .restore = [this, layer, tensor] { changed_.Restore(layer, tensor); }};
      }
    }
  }
  ALT_CHECK(false);  // surveys are of the model's own tensors
  return {};
}

Status MixModel::Put(size_t tensor, const EncodedTensor* encoded) {
  Part& part = parts_[tensor];
  if (encoded == nullptr) {
    part.restore();
  } else {
    ALT_RETURN_IF_ERROR(part.replace(encoded->type(), encoded->bytes().data()));
  }
  part.encoded = encoded;
  return Status();
}

void MixModel::ReleaseLayer(size_t layer) const {
  compress::ReleaseLayer(*original_.file, layer);
  for (const Part& part : parts_) {
    if (part.depth == 1 + layer && part.encoded != nullptr) part.encoded->ReleasePages();
  }
}

void MixModel::ReleaseHeadRows(size_t first, size_t n) const {
  const TensorView& head = *original_.file->Find(HeadOf(original_.weights));
  const size_t row_bytes = head.bytes.size() / head.shape.rows();
  original_.file->ReleasePages(head.bytes.subspan(first * row_bytes, n * row_bytes));
  const size_t depth = original_.weights.tied ? 0 : n_depths() - 1;
  for (const Part& part : parts_) {
    if (part.depth != depth || part.encoded == nullptr) continue;
    const size_t encoded_row = part.encoded->bytes().size() / head.shape.rows();
    part.encoded->ReleasePages(first * encoded_row, n * encoded_row);
  }
}

}  // namespace altteul::compress

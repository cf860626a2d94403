// SPDX-License-Identifier: Apache-2.0

#include "compress/tensors_to_encode.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "compress/layer_groups.h"
#include "compress/row_encoder.h"

namespace altteul::compress {

Status TensorsToEncode::Find(const TypeChoice& choose) {
  const std::string head = HeadOf(original_.weights);
  ALT_RETURN_IF_ERROR(FindTensor(head, choose));
  FindSquares({head});
  for (size_t layer = 0; layer < original_.config.n_layers(); ++layer) {
    for (const LayerGroup& group : GroupsOf(original_.config, layer)) {
      const Names names = NamesOf(layer, group);
      for (const std::string& name : names) ALT_RETURN_IF_ERROR(FindTensor(name, choose));
      FindSquares(names);
    }
  }
  return Status();
}

Status TensorsToEncode::FindTensor(const std::string& name, const TypeChoice& choose) {
  const TensorView& tensor = Tensor(name);
  ALT_ASSIGN_OR_RETURN(const DType to, choose(name, tensor));
  if (to == tensor.type || !CanEncode(to)) return Status();
  std::optional<EncodedTensor> kept;
  if (place_.folder != nullptr) kept = place_.folder->FindTensor(name, to, tensor.shape);
  if (kept) encoded_[name] = std::move(*kept);
  if (!kept) missing_[name] = to;
  return Status();
}

void TensorsToEncode::FindSquares(const Names& names) {
  if (squares_ == nullptr) return;
  const auto kept = FindMeans(place_.folder, names.front(), Tensor(names.front()).shape.cols());
  for (const std::string& name : names) {
    if (kept) squares_->means[name] = *kept;
  }
  if (!kept) unseen_.insert(names.front());
}

bool TensorsToEncode::AnyMissing(const Names& names) const {
  return std::any_of(names.begin(), names.end(),
                     [this](const std::string& name) { return IsMissing(name); });
}

const EncodedTensor* TensorsToEncode::Encoded(const std::string& name) const {
  const auto found = encoded_.find(name);
  return found == encoded_.end() ? nullptr : &found->second;
}

bool TensorsToEncode::IsOpen(size_t layer) const {
  const std::vector<LayerGroup> groups = GroupsOf(original_.config, layer);
  return std::any_of(groups.begin(), groups.end(), [&](const LayerGroup& group) {
    const Names names = NamesOf(layer, group);
    return AnyMissing(names) || IsUnseen(names);
  });
}

size_t TensorsToEncode::FirstLayer() const {
  size_t layer = 0;
  while (layer < original_.config.n_layers() && !IsOpen(layer)) ++layer;
  return layer;
}

size_t TensorsToEncode::EndLayer() const {
  const std::string head = HeadOf(original_.weights);
  size_t end = original_.config.n_layers();
  // A head of its own, and any whose inputs are asked for, reads behind the last layer. One that is
  // the embedding has a walk of its own.
  if ((IsMissing(head) && !original_.weights.tied) || IsUnseen({head})) return end;
  while (end > 0 && !IsOpen(end - 1)) --end;
  return end;
}

Result<EncodedTensor> TensorsToEncode::NewTensor(const std::string& name) const {
  const DType to = missing_.at(name);
  const Shape& shape = Tensor(name).shape;
  return place_.folder == nullptr ? EncodedTensor::InMemory(to, shape)
                                  : place_.folder->NewTensor(name, to, shape);
}

Status TensorsToEncode::Keep(const std::string& name, EncodedTensor tensor) {
  if (place_.folder != nullptr) {
    ALT_RETURN_IF_ERROR(place_.folder->KeepTensor(name, Tensor(name).shape, tensor));
  }
  encoded_[name] = std::move(tensor);
  missing_.erase(name);
  return Status();
}

Status TensorsToEncode::KeepSquares(const Names& names, const SquareSums& sums) {
  const std::vector<float> means = sums.Means();
  ALT_RETURN_IF_ERROR(KeepMeans(place_.folder, names.front(), means));
  for (const std::string& name : names) squares_->means[name] = means;
  unseen_.erase(names.front());
  return Status();
}

void TensorsToEncode::ReleasePages() const {
  for (const auto& tensor : encoded_) tensor.second.ReleasePages();
}

}  // namespace altteul::compress

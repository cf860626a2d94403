// SPDX-License-Identifier: Apache-2.0

// What calibration has left to do: tensors that are still to be encoded, and inputs that are still
// to be squared and summed. What a work folder holds of either is done already.

#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "compress/calibrated_encoder.h"
#include "compress/encoded_tensor.h"
#include "compress/input_squares.h"
#include "compress/work_place.h"
#include "model/model.h"

namespace altteul::compress {

class TensorsToEncode {
 public:
  using Names = std::vector<std::string>;

  /// @param original  outlives this, as `place` and `squares` do
  /// @param squares   may be null: nobody asks for them
  TensorsToEncode(const model::Model& original, const WorkPlace& place, InputSquares* squares)
      : original_(original), place_(place), squares_(squares) {}

  /// Takes what is there, and notes all else.
  /// @return as `choose`
  Status Find(const TypeChoice& choose);

  bool IsDone() const { return missing_.empty() && unseen_.empty(); }

  /// What they shall be.
  const std::map<std::string, DType>& missing() const { return missing_; }
  bool IsMissing(const std::string& name) const { return missing_.count(name) != 0; }
  bool AnyMissing(const Names& names) const;
  /// Null as long as it is missing, and where it stays as it is.
  const EncodedTensor* Encoded(const std::string& name) const;

  /// Whether squares are wanted of what these read, all of them the same.
  bool IsUnseen(const Names& names) const { return unseen_.count(names.front()) != 0; }

  /// All layers before this one are done with.
  size_t FirstLayer() const;
  /// Those from this one on need no walk.
  size_t EndLayer() const;

  /// Zeros, for a tensor that is missing: in the work folder where there is one.
  /// @return kOutOfMemory, kIoError
  Result<EncodedTensor> NewTensor(const std::string& name) const;
  /// Such a tensor, with its rows: it is no longer missing.
  /// @return kIoError
  Status Keep(const std::string& name, EncodedTensor tensor);
  /// Of what these tensors read.
  /// @return kIoError
  Status KeepSquares(const Names& names, const SquareSums& sums);

  /// Of all that is encoded.
  void ReleasePages() const;
  EncodedTensors Take() && { return std::move(encoded_); }

 private:
  const TensorView& Tensor(const std::string& name) const { return *original_.file->Find(name); }
  Status FindTensor(const std::string& name, const TypeChoice& choose);
  void FindSquares(const Names& names);
  bool IsOpen(size_t layer) const;

  const model::Model& original_;
  const WorkPlace& place_;
  InputSquares* const squares_;
  EncodedTensors encoded_;
  std::map<std::string, DType> missing_;
  std::set<std::string> unseen_;  // first tensors of groups
};

}  // namespace altteul::compress

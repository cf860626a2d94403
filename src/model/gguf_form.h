// SPDX-License-Identifier: Apache-2.0

// A checkpoint as a GGUF file holds it, whoever wrote it: what the file says, and its tensors with
// their rows in GGUF's order. A GGUF file is its own form, but
// for towers beside the text model and for numbers that only its writer's reader knows. Of a
// Hugging Face folder the metadata are made (gguf_metadata.h); norms and biases are copied as f32
// with what GGUF adds to them; matrices stay where they are, and only the order of their rows is
// told.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "formats/gguf_writer.h"
#include "model/checkpoint.h"

namespace altteul::model {

struct GgufForm {
  struct Tensor {
    std::string name;
    TensorView view;             ///< in the source's mapping, or in `small`
    bool in_source = true;       ///< its pages can be given back to the checkpoint
    size_t interleaved_dim = 0;  ///< of heads whose halves take turns in the file; 0: as it lies

    /// Which row of `view` is row `row` of the file.
    uint64_t SourceRow(uint64_t row) const {
      if (interleaved_dim == 0) return row;
      const uint64_t in_head = row % interleaved_dim;
      return row - in_head + in_head / 2 + in_head % 2 * (interleaved_dim / 2);
    }
  };

  formats::GgufWriter metadata;       ///< every key is set, no tensor declared
  std::vector<Tensor> tensors;        ///< in the source's order; those made of numbers come last
  std::vector<std::string> left_out;  ///< the source's tensors that no weight uses
  std::string architecture;           ///< what keys of hyperparameters begin with
  std::vector<std::vector<float>> small;  ///< values of norms, biases and rope factors

  GgufForm() = default;
  GgufForm(GgufForm&&) = default;  // vectors keep their values where they are, so views stay good
  GgufForm& operator=(GgufForm&&) = default;

  // A hyperparameter: "block_count" is written as "llama.block_count".
  Status SetUint(std::string_view key, uint64_t value);  ///< u32; kUnsupported when it is larger
  Status SetUints(std::string_view key, const std::vector<uint64_t>& values);  ///< u32 each
  void SetFloat(std::string_view key, double value);                           ///< f32
  void SetString(std::string_view key, std::string_view value);
  void SetBools(std::string_view key, const std::vector<bool>& values);

  /// A tensor [values.size()] in f32.
  void AddValues(std::string name, std::vector<float> values);
  /// The same of a[i] / b[i]: what a reader divides `a` by to get `b`.
  void AddQuotients(std::string name, const std::vector<double>& a, const std::vector<double>& b);
};

/// `source` must outlive the result.
/// @return for a folder what ReadConfig, PlanWeights and ReadTokenizer return; kUnsupported for
///         what GGUF has no words for
Result<GgufForm> GgufFormOf(const Checkpoint& source);

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// How large the inputs of each matrix of the original are, column by column: what an importance
// matrix of llama.cpp holds, gathered beside calibration.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "compress/work_folder.h"
#include "formats/imatrix.h"

namespace altteul::compress {

/// Of every matrix that is multiplied with.
struct InputSquares {
  std::map<std::string, std::vector<float>> means;  ///< by tensor: [cols] means of squares
  uint64_t tokens = 0;                              ///< that each mean was taken over
};

/// Sums the squares of each column.
class SquareSums {
 public:
  explicit SquareSums(size_t cols) : sums_(cols) {}
  /// @param rows  [n, cols]
  void Add(std::span<const float> rows);
  /// @pre something was added
  std::vector<float> Means() const;

 private:
  std::vector<double> sums_;
  uint64_t n_rows_ = 0;
};

/// Means that were kept of what `tensor` reads; nothing when they were not.
/// @param folder  may be null
std::optional<std::vector<float>> FindMeans(WorkFolder* folder, const std::string& tensor,
                                            size_t cols);
Status KeepMeans(WorkFolder* folder, const std::string& tensor, std::span<const float> means);

/// As llama-imatrix writes it.
/// @param datasets  names of the texts
/// @param context   tokens of a chunk
formats::Imatrix ImatrixOf(const InputSquares& squares, std::vector<std::string> datasets,
                           size_t context);

}  // namespace altteul::compress

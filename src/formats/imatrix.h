// SPDX-License-Identifier: Apache-2.0

// Importance matrices of llama.cpp: for each weight matrix, how large the activations were that it
// met, as the mean of their squares per input column. Encoders weigh a column's error with it.
// docs/formats/imatrix.md tells both layouts, where they come from and what we refuse.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace altteul::formats {

/// What is known of one weight tensor's input. The expert axis has length 1 for a plain matrix, and
/// in the old form also where the values of several experts follow one another: it has one count.
struct ImatrixEntry {
  /// [n_experts, cols], finite and at least 0; 1 throughout for an expert that saw nothing.
  std::vector<float> mean_squares;
  /// [n_experts]: over how many rows of activations (or chunks of them, see chunk_size) the mean
  /// was taken. 0 for an expert that saw nothing; at least one is larger.
  std::vector<uint64_t> counts;

  size_t cols() const { return mean_squares.size() / counts.size(); }
};

struct Imatrix {
  std::map<std::string, ImatrixEntry, std::less<>> entries;  ///< by the weight tensor's name
  std::vector<std::string> datasets;                         ///< names of the texts, or none
  uint64_t chunk_count = 0;                                  ///< of the text; 0: not known
  uint64_t chunk_size = 0;  ///< [tokens]; 0: not known, and counts are in chunks (the old form)
};

enum class ImatrixForm {
  kGguf,  ///< what llama.cpp writes since 2025
  kOld,   ///< its binary form before that; one count for all experts, and one dataset
};

/// Reads a file of either form; the bytes decide which it is.
/// @return kNotFound, kIoError, kCorruptFile or kUnsupported, naming file, entry and numbers
Result<Imatrix> ReadImatrix(const std::string& path);

/// The same for bytes in memory, which are copied.
/// @param name  stands for the path in messages
Result<Imatrix> ParseImatrix(std::span<const std::byte> bytes, const std::string& name);

/// Writes the file whole or not at all. Files hold sums, so a mean read back may differ by a
/// rounding or two.
/// @return kInvalidArgument naming the entry that breaks ImatrixEntry's rules or that the form
///         cannot hold, otherwise what AtomicFile returns
Status WriteImatrix(const Imatrix& imatrix, ImatrixForm form, const std::string& path);

}  // namespace altteul::formats

// SPDX-License-Identifier: Apache-2.0

#include "compress/input_squares.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace altteul::compress {
namespace {

std::string PieceOf(const std::string& tensor) { return "inputs-" + tensor; }

}  // namespace

void SquareSums::Add(std::span<const float> rows) {
  const size_t cols = sums_.size();
  ALT_CHECK(rows.size() % cols == 0);
  for (size_t at = 0; at < rows.size(); at += cols, ++n_rows_) {
    for (size_t c = 0; c < cols; ++c) {
      const auto x = static_cast<double>(rows[at + c]);
      sums_[c] += x * x;
    }
  }
}

std::vector<float> SquareSums::Means() const {
  ALT_CHECK(n_rows_ > 0);
  std::vector<float> means;
  for (const double sum : sums_) {
    means.push_back(static_cast<float>(sum / static_cast<double>(n_rows_)));
  }
  return means;
}

std::optional<std::vector<float>> FindMeans(WorkFolder* folder, const std::string& tensor,
                                            size_t cols) {
  const auto text = folder == nullptr ? std::nullopt : folder->FindText(PieceOf(tensor));
  if (!text || text->size() != cols * sizeof(float)) return std::nullopt;
  std::vector<float> means(cols);
  std::memcpy(means.data(), text->data(), text->size());
  return means;
}

Status KeepMeans(WorkFolder* folder, const std::string& tensor, std::span<const float> means) {
  if (folder == nullptr) return Status();
  return folder->KeepText(
      PieceOf(tensor), {reinterpret_cast<const char*>(means.data()), means.size() * sizeof(float)});
}

formats::Imatrix ImatrixOf(const InputSquares& squares, std::vector<std::string> datasets,
                           size_t context) {
  formats::Imatrix imatrix;
  imatrix.datasets = std::move(datasets);
  imatrix.chunk_count = squares.tokens / context;
  imatrix.chunk_size = context;
  for (const auto& [name, means] : squares.means) {
    imatrix.entries[name] = {.mean_squares = means, .counts = {squares.tokens}};
  }
  return imatrix;
}

}  // namespace altteul::compress

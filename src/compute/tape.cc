// SPDX-License-Identifier: Apache-2.0

#include "compute/tape.h"

#include <algorithm>

#include "base/check.h"

namespace altteul::compute {

void Tape::Clear(size_t n_rows) {
  n_rows_ = n_rows;
  steps_.clear();
  lent_.clear();
  n_passing_ = 0;
}

Floats Tape::Lend(std::span<float> floats, Loan loan) {
  lent_.push_back({floats, loan});
  return Floats(floats.data());
}

Floats Tape::Lend(std::span<const float> floats) {
  return Lend({const_cast<float*>(floats.data()), floats.size()}, Loan::kRead);
}

void Tape::SetPassing(std::span<const Floats> values) {
  ALT_CHECK(values.size() <= kMostPassing);
  std::copy(values.begin(), values.end(), passing_.begin());
  n_passing_ = values.size();
}

}  // namespace altteul::compute

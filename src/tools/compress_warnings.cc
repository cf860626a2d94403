// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_warnings.h"

#include <tuple>
#include <utility>

#include "base/human_units.h"

namespace altteul::tools {
namespace {

using Tensor = compress::RecodeReport::Tensor;
using compress::TypeRules;

std::string NameOf(DType type) { return std::string(TraitsOf(type).name); }

std::string OfRange(const Tensor& tensor) {
  const bool is_one = tensor.values_outside == 1;
  return "tensor " + tensor.name + " " + tensor.shape.ToString() + ": " +
         FormatCount(tensor.values_outside) + " of its values " + (is_one ? "is" : "are") +
         " beyond what " + NameOf(tensor.wanted) + " can hold (" + tensor.note + ")";
}

/// Tensors of a kind: in the order in which they were met.
struct WidthKind {
  std::tuple<uint64_t, DType, DType> kind;  // columns, wanted, got
  bool stays = false;                       // as the first did
  std::string first;
  size_t n = 0;
};

std::vector<WidthKind> WidthKindsOf(const compress::RecodeReport& report) {
  std::vector<WidthKind> kinds;
  for (const Tensor& tensor : report.tensors) {
    if (tensor.reason != TypeRules::Reason::kWidth) continue;
    const std::tuple kind{tensor.shape.cols(), tensor.wanted, tensor.to};
    size_t i = 0;
    while (i < kinds.size() && kinds[i].kind != kind) ++i;
    if (i == kinds.size()) {
      kinds.push_back({.kind = kind, .stays = tensor.from == tensor.to, .first = tensor.name});
    }
    ++kinds[i].n;
  }
  return kinds;
}

std::string OfWidth(const WidthKind& each) {
  const auto [cols, wanted, got] = each.kind;
  const std::string who =
      each.n == 1 ? "tensor " + each.first + " has"
                  : FormatCount(each.n) + " tensors, the first " + each.first + ", have";
  return who + " rows of " + std::to_string(cols) + ", no multiple of " +
         std::to_string(TraitsOf(wanted).block_elements) + " as " + NameOf(wanted) + " needs; " +
         (each.n == 1 ? "it " : "they ") + (each.stays ? "stayed " : "became ") + NameOf(got);
}

std::string OfUnused(const std::vector<std::string>& unused) {
  const bool is_one = unused.size() == 1;
  return (is_one ? "tensor " + unused.front() + " is"
                 : FormatCount(unused.size()) + " tensors, the first " + unused.front() + ", are") +
         " not used here and " + (is_one ? "was" : "were") +
         " written all the same, for readers that know more";
}

}  // namespace

std::vector<std::string> WarningsOf(const compress::RecodeReport& report) {
  std::vector<std::string> warnings;
  for (const WidthKind& kind : WidthKindsOf(report)) warnings.push_back(OfWidth(kind));
  for (const Tensor& tensor : report.tensors) {
    if (tensor.reason == TypeRules::Reason::kRange) warnings.push_back(OfRange(tensor));
  }
  for (const std::string& tensor : report.left_out) {
    warnings.push_back("tensor " + tensor + " is not used and was left out");
  }
  if (!report.unused.empty()) warnings.push_back(OfUnused(report.unused));
  return warnings;
}

}  // namespace altteul::tools

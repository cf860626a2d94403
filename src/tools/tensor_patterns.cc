// SPDX-License-Identifier: Apache-2.0

#include "tools/tensor_patterns.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>
#include <utility>

#include "model/unused_tensors.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

using Tensors = std::vector<model::Checkpoint::NamedTensor>;

constexpr size_t kMostNames = 16;  // a model has some twelve kinds of tensors

/// What a person means by an expression or a name: its letters and digits.
std::string LettersOf(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) letters += static_cast<char>(std::tolower(byte));
  }
  return letters;
}

/// Letters to change, insert or remove until `wanted` is a part of `text` (Sellers).
size_t DistanceWithin(std::string_view wanted, std::string_view text) {
  std::vector<size_t> column(wanted.size() + 1);
  for (size_t i = 0; i < column.size(); ++i) column[i] = i;
  size_t least = column.back();
  for (const char c : text) {
    size_t diagonal = std::exchange(column[0], size_t{0});
    for (size_t i = 0; i < wanted.size(); ++i) {
      const size_t changed = diagonal + (wanted[i] == c ? 0 : 1);
      diagonal = column[i + 1];
      column[i + 1] = std::min({changed, column[i + 1] + 1, column[i] + 1});
    }
    least = std::min(least, column.back());
  }
  return least;
}

/// "blk.7.attn_q.weight": "blk.N.attn_q.weight".
std::string KindOf(const std::string& name) {
  const auto layer = model::LayerOf(name);
  if (!layer) return name;
  const std::string number = "." + std::to_string(*layer) + ".";
  const size_t at = name.find(number);
  return at == name.npos ? name : name.substr(0, at) + ".N." + name.substr(at + number.size());
}

std::string NamesNear(std::string_view expression, const Tensors& tensors) {
  std::vector<std::string> kinds;
  uint64_t last_layer = 0;
  for (const auto& tensor : tensors) {
    std::string kind = KindOf(tensor.name);
    last_layer = std::max(last_layer, model::LayerOf(tensor.name).value_or(0));
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
      kinds.push_back(std::move(kind));
    }
  }
  const std::string wanted = LettersOf(expression);
  std::stable_sort(kinds.begin(), kinds.end(), [&](const auto& a, const auto& b) {
    return DistanceWithin(wanted, LettersOf(a)) < DistanceWithin(wanted, LettersOf(b));
  });
  std::string names;
  for (size_t i = 0; i < std::min(kinds.size(), kMostNames); ++i) {
    names += (i == 0 ? "" : ", ") + kinds[i];
  }
  if (kinds.size() > kMostNames) names += " and so on";
  return names + "; N is 0 to " + std::to_string(last_layer);
}

/// Those that may be written; towers for pictures and sounds are left out.
Tensors OfTextModel(const model::Checkpoint& source) {
  Tensors tensors;
  for (const auto& tensor : source.tensors()) {
    if (model::CompanionKind(tensor.name).empty()) tensors.push_back(tensor);
  }
  return tensors;
}

}  // namespace

Status CheckPatterns(const compress::TypeRules& rules, const std::vector<std::string>& only,
                     const std::vector<std::string>& keep, const model::Checkpoint& source) {
  if (only.empty() && keep.empty()) return Status();
  const Tensors tensors = OfTextModel(source);
  for (size_t i = 0; i < only.size() + keep.size(); ++i) {
    const bool keeps = i >= only.size();
    const std::string& given = keeps ? keep[i - only.size()] : only[i];
    const std::string option = std::string(keeps ? "--keep " : "--only ") + given;
    ALT_ASSIGN_OR_RETURN(const compress::TypeRules::Use use, rules.UseOf(i, tensors));
    if (use.n_tensors == 0) {
      const std::string expression = keeps ? given : given.substr(0, given.rfind('='));
      return Status(ErrorCode::kInvalidArgument, option + ": no tensor of " + source.path() +
                                                     " has such a name; they are " +
                                                     Printable(NamesNear(expression, tensors)));
    }
    if (use.n_served == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    option +
                        ": only matrices get another type; what matches are norms, biases and the "
                        "like, which stay as they are");
    }
  }
  return Status();
}

}  // namespace altteul::tools

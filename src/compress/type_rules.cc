// SPDX-License-Identifier: Apache-2.0

#include "compress/type_rules.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/check.h"
#include "base/human_units.h"
#include "compress/plain_encoder.h"
#include "compress/type_reach.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

bool IsMatrix(std::string_view name, const TensorView& tensor) {
  return tensor.shape.n_dims == 2 && kernels::FindCodec(tensor.type) != nullptr &&
         name.ends_with(".weight");
}

double BitsOf(DType type) { return TraitsOf(type).bits_per_element(); }
std::string NameOf(DType type) { return std::string(TraitsOf(type).name); }

/// llama.cpp's table (tensor_type_fallback in src/llama-quant.cpp), and a row each for the types of
/// 64 and 128 columns that it does not have.
DType WithBlocksOf32(DType wanted) {
  switch (wanted) {
    case DType::kIQ1_S:
    case DType::kIQ1_M:
    case DType::kIQ2_XXS:
    case DType::kIQ2_XS:
    case DType::kIQ2_S:
    case DType::kIQ3_XXS:
    case DType::kIQ3_S:
    case DType::kIQ4_XS:
      return DType::kIQ4_NL;
    case DType::kQ1_0:
    case DType::kQ2_0:
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kTQ1_0:
    case DType::kTQ2_0:
      return DType::kQ4_0;
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    case DType::kNVFP4:
      return DType::kMXFP4;  // the same levels
    default:
      return wanted;
  }
}

/// "70,144", "2.1e-07".
std::string FormatMagnitude(float value) {
  constexpr float kWhole = 1e6f;
  if (value >= 100 && value < kWhole) return FormatCount(static_cast<uint64_t>(value));
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", static_cast<double>(value));
  return text;
}

}  // namespace

DType TypeForWidth(DType wanted, uint64_t cols) {
  const auto fits = [cols](DType type) { return cols % TraitsOf(type).block_elements == 0; };
  if (fits(wanted)) return wanted;
  const DType narrow = WithBlocksOf32(wanted);
  return fits(narrow) ? narrow : DType::kF16;
}

std::string WritableTypes() {
  std::string names;
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    if (!CanEncodePlainly(codec.type)) continue;
    names += (names.empty() ? "" : ", ") + std::string(TraitsOf(codec.type).name);
  }
  return names;
}

Result<DType> ParseWritableType(std::string_view name) {
  const auto type = DTypeFromName(name);
  if (!type) {
    return Status(
        ErrorCode::kInvalidArgument,
        "'" + std::string(name) + "' is no type; these can be written: " + WritableTypes());
  }
  if (!CanEncodePlainly(*type)) {
    return Status(ErrorCode::kUnsupported, "no encoder for " + std::string(TraitsOf(*type).name) +
                                               "; these can be written: " + WritableTypes());
  }
  return *type;
}

Result<TypeRules> TypeRules::Create(DType type, const std::vector<std::string>& exceptions) {
  TypeRules rules(type);
  std::vector<Exception> compiled;
  for (const std::string& exception : exceptions) {
    const size_t equals = exception.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    "'" + exception + "' is not of the form REGEX=TYPE");
    }
    const std::string type_name = exception.substr(equals + 1);
    std::optional<DType> only;
    if (type_name != "keep") {
      ALT_ASSIGN_OR_RETURN(only, ParseWritableType(type_name));
    }
    auto pattern =
        text::Pattern::Compile(exception.substr(0, equals), text::Pattern::Origin::kFile);
    if (!pattern.ok()) {
      return Status(ErrorCode::kInvalidArgument, exception + ": " + pattern.status().message());
    }
    compiled.emplace_back(std::move(pattern).value(), only);
  }
  rules.exceptions_ = std::make_shared<const std::vector<Exception>>(std::move(compiled));
  return rules;
}

/// Whether an exception matches; the last one's type.
Result<bool> TypeRules::FindException(std::string_view name, std::optional<DType>& type) const {
  bool found = false;
  text::Pattern::Scratch scratch;
  for (const Exception& exception : *exceptions_) {
    std::vector<text::TextRange> matches;
    ALT_RETURN_IF_ERROR(exception.first.FindAll(name, scratch, matches));
    if (matches.empty()) continue;
    type = exception.second;
    found = true;
  }
  return found;
}

Result<TypeRules::Use> TypeRules::UseOf(
    size_t exception, std::span<const model::Checkpoint::NamedTensor> tensors) const {
  ALT_CHECK(exception < exceptions_->size());
  const auto& [pattern, type] = (*exceptions_)[exception];
  Use use;
  text::Pattern::Scratch scratch;
  for (const model::Checkpoint::NamedTensor& tensor : tensors) {
    std::vector<text::TextRange> matches;
    ALT_RETURN_IF_ERROR(pattern.FindAll(tensor.name, scratch, matches));
    if (matches.empty()) continue;
    ++use.n_tensors;
    const bool has_it = type.value_or(tensor.view.type) == tensor.view.type;
    use.n_served += has_it || IsMatrix(tensor.name, tensor.view) ? 1 : 0;
  }
  return use;
}

Result<std::vector<DType>> TypeRules::ChoicesFor(std::string_view name, const TensorView& tensor,
                                                 std::span<const DType> candidates) const {
  std::optional<DType> only;
  ALT_ASSIGN_OR_RETURN(const bool is_decided, FindException(name, only));
  if (is_decided || !IsMatrix(name, tensor)) {
    ALT_ASSIGN_OR_RETURN(const Choice choice, For(name, tensor));
    return std::vector<DType>{choice.type};
  }
  std::vector<DType> types;
  for (const DType candidate : candidates) {
    const DType type = TypeForWidth(candidate, tensor.shape.cols());
    const bool is_new = std::find(types.begin(), types.end(), type) == types.end();
    if (is_new && BitsOf(type) < BitsOf(tensor.type) && Holds(type, name)) types.push_back(type);
  }
  types.push_back(tensor.type);
  return types;
}

Result<TypeRules::Choice> TypeRules::For(std::string_view name, const TensorView& tensor) const {
  if (const auto assigned = assigned_.find(name); assigned != assigned_.end()) {
    return Choice{.type = assigned->second};
  }
  if (!IsMatrix(name, tensor)) return Choice{.type = tensor.type};

  Choice choice{.type = type_};
  const bool edge = name == "token_embd.weight" || name == "output.weight";
  if (edge && BitsOf(type_) < BitsOf(DType::kQ8_0)) {
    const bool is_small = BitsOf(tensor.type) < BitsOf(DType::kQ8_0);
    choice.type = is_small ? tensor.type : DType::kQ8_0;
    choice.reason = Reason::kEdge;
    choice.note = is_small ? "embedding and head have less than 8 bits already"
                           : "embedding and head stay at 8 bits";
  }
  std::optional<DType> only;
  ALT_ASSIGN_OR_RETURN(const bool is_decided, FindException(name, only));
  if (is_decided) choice = {.type = only.value_or(tensor.type)};
  MindTheWidth(tensor, choice);
  MindTheRange(name, tensor, choice);
  return choice;
}

void TypeRules::MindTheWidth(const TensorView& tensor, Choice& choice) const {
  const uint64_t cols = tensor.shape.cols();
  const DType wanted = choice.type;
  DType type = TypeForWidth(wanted, cols);
  if (type == wanted || wanted == tensor.type) return;
  std::string note = "rows of " + std::to_string(cols) + " are no multiple of " +
                     std::to_string(TraitsOf(wanted).block_elements) + ": ";
  if (BitsOf(type) >= BitsOf(tensor.type)) {
    note += type == tensor.type ? NameOf(type)
                                : "as it was, because " + NameOf(type) + " would not be smaller";
    type = tensor.type;
  } else {
    note += NameOf(type);
  }
  choice = {.type = type, .note = std::move(note), .reason = Reason::kWidth, .wanted = wanted};
}

void TypeRules::MindTheRange(std::string_view name, const TensorView& tensor,
                             Choice& choice) const {
  const DType wanted = choice.type;
  if (wanted == tensor.type || Holds(wanted, name)) return;
  const float magnitude = magnitudes_.find(name)->second;
  DType type = Holds(DType::kBF16, name) ? DType::kBF16 : DType::kF32;
  if (BitsOf(tensor.type) <= BitsOf(type)) type = tensor.type;
  const bool is_large = magnitude > ReachOf(wanted).largest;
  choice = {.type = type,
            .note = "values up to " + FormatMagnitude(magnitude) + " are too " +
                    (is_large ? "large" : "small") + " for " + NameOf(wanted) + ": " + NameOf(type),
            .reason = Reason::kRange,
            .wanted = wanted};
}

bool TypeRules::Holds(DType type, std::string_view name) const {
  const auto magnitude = magnitudes_.find(name);
  return magnitude == magnitudes_.end() || ReachOf(type).Holds(magnitude->second);
}

}  // namespace altteul::compress

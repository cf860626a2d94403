#include "compress/type_rules.h"

#include <vector>

#include "compress/plain_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

bool IsMatrix(std::string_view name, const TensorView& tensor) {
  return tensor.shape.n_dims == 2 && kernels::FindCodec(tensor.type) != nullptr &&
         name.ends_with(".weight");
}

}  // namespace

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

Result<std::vector<DType>> TypeRules::ChoicesFor(std::string_view name, const TensorView& tensor,
                                                 std::span<const DType> candidates) const {
  std::optional<DType> only;
  ALT_ASSIGN_OR_RETURN(const bool is_decided, FindException(name, only));
  if (is_decided || !IsMatrix(name, tensor)) {
    ALT_ASSIGN_OR_RETURN(const Choice choice, For(name, tensor));
    return std::vector<DType>{choice.type};
  }
  std::vector<DType> types;
  for (const DType type : candidates) {
    const DTypeTraits& traits = TraitsOf(type);
    const bool is_smaller = traits.bits_per_element() < TraitsOf(tensor.type).bits_per_element();
    if (is_smaller && tensor.shape.cols() % traits.block_elements == 0) types.push_back(type);
  }
  types.push_back(tensor.type);
  return types;
}

Result<TypeRules::Choice> TypeRules::For(std::string_view name, const TensorView& tensor) const {
  if (const auto assigned = assigned_.find(name); assigned != assigned_.end()) {
    return Choice{assigned->second, ""};
  }
  if (!IsMatrix(name, tensor)) return Choice{tensor.type, ""};

  DType wanted = type_;
  std::string note;
  const bool edge = name == "token_embd.weight" || name == "output.weight";
  if (edge && TraitsOf(wanted).bits_per_element() < TraitsOf(DType::kQ8_0).bits_per_element()) {
    wanted = DType::kQ8_0;
    note = "embedding and head stay at 8 bits";
  }
  std::optional<DType> only;
  ALT_ASSIGN_OR_RETURN(const bool is_decided, FindException(name, only));
  if (is_decided) {
    wanted = only.value_or(tensor.type);
    note.clear();
  }
  if (tensor.shape.cols() % TraitsOf(wanted).block_elements != 0) {
    return Choice{tensor.type, "rows of " + std::to_string(tensor.shape.cols()) +
                                   " are no multiple of " +
                                   std::to_string(TraitsOf(wanted).block_elements)};
  }
  return Choice{wanted, note};
}

}  // namespace altteul::compress

#include "compress/type_rules.h"

#include <vector>

#include "compress/row_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

bool IsWritable(DType type) {
  const kernels::Codec* codec = kernels::FindCodec(type);
  return codec != nullptr && (codec->encode != nullptr || CanEncode(type));
}

}  // namespace

std::string WritableTypes() {
  std::string names;
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    if (!IsWritable(codec.type)) continue;
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
  if (!IsWritable(*type)) {
    return Status(ErrorCode::kUnsupported, "no encoder for " + std::string(TraitsOf(*type).name) +
                                               "; these can be written: " + WritableTypes());
  }
  return *type;
}

Result<TypeRules> TypeRules::Create(DType type, const std::vector<std::string>& exceptions) {
  TypeRules rules(type);
  for (const std::string& exception : exceptions) {
    const size_t equals = exception.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    "'" + exception + "' is not of the form REGEX=TYPE");
    }
    ALT_ASSIGN_OR_RETURN(const DType only, ParseWritableType(exception.substr(equals + 1)));
    auto pattern =
        text::Pattern::Compile(exception.substr(0, equals), text::Pattern::Origin::kFile);
    if (!pattern.ok()) {
      return Status(ErrorCode::kInvalidArgument, exception + ": " + pattern.status().message());
    }
    rules.exceptions_.emplace_back(std::move(pattern).value(), only);
  }
  return rules;
}

Result<TypeRules::Choice> TypeRules::For(std::string_view name, const TensorView& tensor) const {
  const kernels::Codec* codec = kernels::FindCodec(tensor.type);
  const bool matrix = tensor.shape.n_dims == 2 && codec != nullptr && name.ends_with(".weight");
  if (!matrix) return Choice{tensor.type, ""};

  DType wanted = type_;
  std::string note;
  const bool edge = name == "token_embd.weight" || name == "output.weight";
  if (edge && TraitsOf(wanted).bits_per_element() < TraitsOf(DType::kQ8_0).bits_per_element()) {
    wanted = DType::kQ8_0;
    note = "embedding and head stay at 8 bits";
  }
  text::Pattern::Scratch scratch;
  for (const auto& exception : exceptions_) {
    std::vector<text::TextRange> matches;
    ALT_RETURN_IF_ERROR(exception.first.FindAll(name, scratch, matches));
    if (matches.empty()) continue;
    wanted = exception.second;
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

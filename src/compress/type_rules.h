// Which tensor is stored in which type.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/tensor_view.h"
#include "text/pattern.h"

namespace altteul::compress {

/// The type for every matrix, and exceptions by name; the last exception that matches wins.
class TypeRules {
 public:
  /// @param exceptions  "REGEX=TYPE", searched anywhere in a tensor's name; TYPE "keep": its own
  /// @return kInvalidArgument naming the exception, kUnsupported when no encoder writes the type
  static Result<TypeRules> Create(DType type, const std::vector<std::string>& exceptions);

  struct Choice {
    DType type;
    std::string note;  ///< why it is not the asked type; empty when it is
  };
  /// The type a tensor gets. Norms, biases and everything else with one axis stay as they are. The
  /// token embedding and the head get at least Q8_0, as is usual, because errors there touch every
  /// token; an exception can say otherwise. A row that is no multiple of a type's block stays as it
  /// is.
  Result<Choice> For(std::string_view name, const TensorView& tensor) const;

  /// The types between which something else may choose, in the order of `candidates`: those whose
  /// blocks fit and that are smaller than the tensor's own, then its own. A single one where a rule
  /// decides, or for what is no matrix.
  Result<std::vector<DType>> ChoicesFor(std::string_view name, const TensorView& tensor,
                                        std::span<const DType> candidates) const;

  /// From now on the tensor of this name gets this type, whatever the rules say.
  void Assign(std::string name, DType type) { assigned_[std::move(name)] = type; }

  DType type() const { return type_; }

 private:
  explicit TypeRules(DType type) : type_(type) {}
  Result<bool> FindException(std::string_view name, std::optional<DType>& type) const;
  DType type_;
  /// A type of nullopt: the tensor's own.
  using Exception = std::pair<text::Pattern, std::optional<DType>>;
  std::shared_ptr<const std::vector<Exception>> exceptions_;  // so that rules can be copied
  std::map<std::string, DType, std::less<>> assigned_;
};

/// The types that a tensor may get; its own among them where it may stay as it is.
using TypeChoices =
    std::function<Result<std::vector<DType>>(std::string_view name, const TensorView& tensor)>;

/// The types that can be written, as "F32, F16, ...".
std::string WritableTypes();

/// A writable type by name. @return kInvalidArgument for an unknown name, kUnsupported for a known
/// one without an encoder
Result<DType> ParseWritableType(std::string_view name);

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

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
#include "compress/source_exam.h"
#include "model/checkpoint.h"
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

  /// Why a tensor gets another type than the one asked for.
  enum class Reason {
    kNone,   ///< it gets that, or a rule for its name decides
    kEdge,   ///< it is the embedding or the head
    kWidth,  ///< its rows are no multiple of the type's block
    kRange,  ///< its values are larger or smaller than the type's scales can be
  };
  struct Choice {
    DType type;
    std::string note = {};  ///< the reason in words; empty without one
    Reason reason = Reason::kNone;
    DType wanted = type;  ///< what it would have got else
  };
  /// The type a tensor gets.
  ///
  /// Norms, biases and everything else with one axis stay as they are. The token embedding and the
  /// head get at least Q8_0, as is usual, because errors there touch every token, or stay as they
  /// are where that is smaller; a rule for their names can say otherwise. Rows that are no multiple
  /// of a type's block get TypeForWidth(). Values that a type cannot hold get BF16, or F32 where
  /// that is needed, because what is so unusual is better kept than cut off. Neither makes a tensor
  /// larger than it is: then it stays as it is.
  Result<Choice> For(std::string_view name, const TensorView& tensor) const;

  /// The types between which something else may choose, in the order of `candidates`: those, or
  /// what TypeForWidth() makes of them, that hold the tensor's values and are smaller than its own,
  /// then its own. A single one where a rule decides, or for what is no matrix.
  Result<std::vector<DType>> ChoicesFor(std::string_view name, const TensorView& tensor,
                                        std::span<const DType> candidates) const;

  /// What an exception is for among some tensors.
  struct Use {
    size_t n_tensors = 0;  ///< that its expression matches
    size_t n_served = 0;   ///< of these: matrices, and others that have the type already; others
                           ///< stay as they are whatever it says
  };
  /// @param exception  by its place in what Create() was given
  /// @return kInvalidArgument when matching takes too long
  Result<Use> UseOf(size_t exception,
                    std::span<const model::Checkpoint::NamedTensor> tensors) const;

  /// From now on the tensor of this name gets this type, whatever the rules say.
  void Assign(std::string name, DType type) { assigned_[std::move(name)] = type; }

  /// How large values are, so that types that cannot hold them are not given; tensors that are not
  /// named can be held by all.
  void KnowMagnitudes(Magnitudes magnitudes) { magnitudes_ = std::move(magnitudes); }

  DType type() const { return type_; }

 private:
  explicit TypeRules(DType type) : type_(type) {}
  Result<bool> FindException(std::string_view name, std::optional<DType>& type) const;
  bool Holds(DType type, std::string_view name) const;
  void MindTheWidth(const TensorView& tensor, Choice& choice) const;
  void MindTheRange(std::string_view name, const TensorView& tensor, Choice& choice) const;
  DType type_;
  /// A type of nullopt: the tensor's own.
  using Exception = std::pair<text::Pattern, std::optional<DType>>;
  std::shared_ptr<const std::vector<Exception>> exceptions_;  // so that rules can be copied
  std::map<std::string, DType, std::less<>> assigned_;
  Magnitudes magnitudes_;
};

/// The type that rows of so many columns get in place of `wanted`: itself where its blocks fit;
/// else one with blocks of 32 that holds at least as much, the same one that llama.cpp takes; F16
/// for what is no multiple of 32 either.
DType TypeForWidth(DType wanted, uint64_t cols);

/// The types that a tensor may get; its own among them where it may stay as it is.
using TypeChoices =
    std::function<Result<std::vector<DType>>(std::string_view name, const TensorView& tensor)>;

/// The types that can be written, as "F32, F16, ...".
std::string WritableTypes();

/// A writable type by name. @return kInvalidArgument for an unknown name, kUnsupported for a known
/// one without an encoder
Result<DType> ParseWritableType(std::string_view name);

}  // namespace altteul::compress

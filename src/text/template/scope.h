// SPDX-License-Identifier: Apache-2.0

// Variables: a chain of scopes, the template's own at the root.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template/value.h"

namespace altteul::text::jinja {

class Scope {
 public:
  // Shared by the running statement, inner scopes and the macros defined here, which may be called
  // after the scope has ended.
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  void Set(std::string_view name, Value value) {
    for (auto& [key, held] : variables_) {
      if (key != name) continue;
      held = std::move(value);
      return;
    }
    variables_.emplace_back(std::string(name), std::move(value));
  }

  /// Null when no scope of the chain has the name.
  const Value* Find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent_.get()) {
      for (const auto& [key, held] : scope->variables_) {
        if (key == name) return &held;
      }
    }
    return nullptr;
  }

  void Clear() { variables_.clear(); }

 private:
  std::shared_ptr<Scope> parent_;
  std::vector<std::pair<std::string, Value>> variables_;
};

}  // namespace altteul::text::jinja

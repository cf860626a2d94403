// SPDX-License-Identifier: Apache-2.0

#include "text/template/free_names.h"

#include <set>
#include <utility>

#include "text/template/globals.h"

namespace altteul::text::jinja {
namespace {

using Names = std::set<std::string, std::less<>>;

class FreeNameFinder {
 public:
  std::vector<std::string> Run(const StatementList& program) {
    Walk(program);
    // A macro runs when it is called: what the template sets later is there by then.
    for (const std::string& name : read_in_macros_) {
      if (!known_.contains(name)) free_.insert(name);
    }
    return {free_.begin(), free_.end()};
  }

 private:
  void Walk(const StatementList& body) {
    for (const auto& statement : body) Walk(*statement);
  }

  // What `body` sets is gone behind it. `extra`: names that are set when it begins.
  void WalkScope(const StatementList& body, const Names& extra = {}) {
    const Names outer = known_;
    known_.insert(extra.begin(), extra.end());
    Walk(body);
    known_ = outer;
  }

  void Walk(const Statement& statement) {
    switch (statement.kind) {
      case StatementKind::kText:
      case StatementKind::kBreak:
      case StatementKind::kContinue:
        return;
      case StatementKind::kPrint:
        Read(statement.value);
        return;
      case StatementKind::kIf:
        return WalkIf(statement);
      case StatementKind::kFor:
        return WalkFor(statement);
      case StatementKind::kSet:
        Read(statement.value);
        Set(*statement.target);
        return;
      case StatementKind::kSetBlock:
        WalkScope(statement.body);
        Read(statement.value);
        Set(*statement.target);
        return;
      case StatementKind::kMacro:
        known_.insert(statement.text);
        return WalkFunction(statement);
      case StatementKind::kCall:
        Read(statement.value);
        return WalkFunction(statement);
      case StatementKind::kFilter:
        Read(statement.value);
        return WalkScope(statement.body);
      case StatementKind::kWith:
        return WalkWith(statement);
      case StatementKind::kScope:
        return WalkScope(statement.body);
    }
  }

  // Set behind the whole is only what each branch sets.
  void WalkIf(const Statement& statement) {
    const Names before = known_;
    Names in_all;
    bool first = true;
    const auto finish_branch = [&] {
      Names both;
      for (const std::string& name : known_) {
        if (first || in_all.contains(name)) both.insert(name);
      }
      in_all = std::move(both);
      first = false;
      known_ = before;
    };
    for (const Branch& branch : statement.branches) {
      Read(branch.condition);
      Walk(branch.body);
      finish_branch();
    }
    Walk(statement.body);
    finish_branch();
    known_ = std::move(in_all);
  }

  void WalkFor(const Statement& statement) {
    Read(statement.value);
    Names targets = {"loop"};
    Collect(*statement.target, targets);
    const Names outer = known_;
    known_.insert(targets.begin(), targets.end());
    Read(statement.condition);
    Walk(statement.body);
    known_ = outer;
    WalkScope(statement.else_body);
  }

  void WalkWith(const Statement& statement) {
    Names targets;
    for (const auto& [target, value] : statement.bindings) {
      Read(value);
      Collect(*target, targets);
    }
    WalkScope(statement.body, targets);
  }

  void WalkFunction(const Statement& statement) {
    Names parameters = {"caller", "varargs", "kwargs"};
    for (const Parameter& parameter : statement.parameters) {
      Read(parameter.default_value);
      parameters.insert(parameter.name);
    }
    const bool is_macro = statement.kind == StatementKind::kMacro;
    n_macros_ += is_macro ? 1 : 0;
    WalkScope(statement.body, parameters);
    n_macros_ -= is_macro ? 1 : 0;
  }

  void Set(const Expression& target) {
    if (target.kind == ExpressionKind::kAttribute) return Read(target.parts[0]);
    if (target.kind == ExpressionKind::kName) known_.insert(target.text);
    if (target.kind != ExpressionKind::kTuple) return;
    for (const auto& part : target.parts) Set(*part);
  }

  static void Collect(const Expression& target, Names& names) {
    if (target.kind == ExpressionKind::kName) names.insert(target.text);
    for (const auto& part : target.parts) Collect(*part, names);
  }

  void Read(const ExpressionPtr& expression) {
    if (expression == nullptr) return;
    if (expression->kind == ExpressionKind::kName && !known_.contains(expression->text) &&
        !IsGlobal(expression->text)) {
      (n_macros_ > 0 ? read_in_macros_ : free_).insert(expression->text);
    }
    for (const auto& part : expression->parts) Read(part);
    const CallArguments& arguments = expression->arguments;
    for (const auto& part : arguments.positional) Read(part);
    for (const auto& named : arguments.named) Read(named.second);
    Read(arguments.star);
    Read(arguments.star_star);
  }

  Names known_;  // set on every path to here
  Names free_;
  Names read_in_macros_;
  int n_macros_ = 0;
};

}  // namespace

std::vector<std::string> FreeNames(const StatementList& program) {
  return FreeNameFinder().Run(program);
}

}  // namespace altteul::text::jinja

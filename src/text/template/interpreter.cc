// SPDX-License-Identifier: Apache-2.0

#include "text/template/interpreter.h"

#include <algorithm>

#include "text/template/interpreter_guards.h"
#include "text/template/operators.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {

/// A macro, or the body of a call block that the called macro runs as caller().
class Interpreter::Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const Statement& statement, std::shared_ptr<Scope> scope)
      : interpreter_(interpreter), statement_(statement), scope_(std::move(scope)) {}
  std::string_view TypeName() const override { return "jinja2.runtime.Macro"; }
  bool callable() const override { return true; }
  Result<std::optional<Value>> Attribute(Heap& heap, std::string_view name) override {
    if (name != "name") return std::optional<Value>();
    ALT_ASSIGN_OR_RETURN(Value text, MakeString(heap, statement_.text, true));
    return std::optional<Value>(std::move(text));
  }
  Result<Value> Call(Heap&, const Arguments& arguments) override {
    return interpreter_.CallMacro(statement_, arguments, scope_);
  }

 private:
  Interpreter& interpreter_;
  const Statement& statement_;
  const std::shared_ptr<Scope> scope_;  // where it was defined: names are looked up at each call
};

/// `loop` of a loop marked recursive: calling it runs the body over other items.
class Interpreter::RecursiveLoop : public LoopObject {
 public:
  RecursiveLoop(Interpreter& interpreter, const Statement& statement, std::shared_ptr<Scope> scope,
                std::vector<Value> items, int64_t depth0)
      : LoopObject(std::move(items), depth0),
        interpreter_(interpreter),
        statement_(statement),
        scope_(std::move(scope)) {}
  bool callable() const override { return true; }
  Result<Value> Call(Heap& heap, const Arguments& arguments) override {
    if (arguments.positional.size() != 1 || !arguments.named.empty()) {
      return TypeError("loop() takes one iterable");
    }
    OriginText text;
    {
      const Swapped<std::shared_ptr<Scope>> scope(interpreter_.scope_, scope_);
      const Swapped<OriginText*> out(interpreter_.out_, &text);
      ALT_RETURN_IF_ERROR(
          interpreter_.RunLoop(statement_, arguments.positional[0], depth0() + 1).status());
    }
    return MakeString(heap, std::move(text));
  }

 private:
  Interpreter& interpreter_;
  const Statement& statement_;
  const std::shared_ptr<Scope> scope_;  // around the loop
};

Interpreter::Interpreter(RenderState& state)
    : state_(state), heap_(state.heap), scope_(std::make_shared<Scope>(nullptr)) {}

Interpreter::~Interpreter() {
  for (const auto& scope : captured_scopes_) scope->Clear();
  for (const auto& made : state_.namespaces) made->Clear();
}

Result<OriginText> Interpreter::Run(const StatementList& program) {
  OriginText out;
  out_ = &out;
  ALT_RETURN_IF_ERROR(Execute(program).status());
  return out;
}

Status Interpreter::Write(const OriginText& text) {
  ALT_RETURN_IF_ERROR(heap_.Work(text.size() / Heap::kBytesPerStep));
  if (text.size() > heap_.limits().max_output_bytes - out_->size()) {
    return Status(
        ErrorCode::kRefused,
        "template wrote more than " + std::to_string(heap_.limits().max_output_bytes) + " bytes");
  }
  out_->Append(text);
  return Status();
}

Result<OriginText> Interpreter::Capture(const StatementList& body) {
  OriginText text;
  const Swapped<std::shared_ptr<Scope>> scope(scope_, std::make_shared<Scope>(scope_));
  const Swapped<OriginText*> out(out_, &text);
  ALT_RETURN_IF_ERROR(Execute(body).status());
  return text;
}

Result<Interpreter::Flow> Interpreter::Execute(const StatementList& body) {
  const DepthGuard depth(depth_);
  ALT_RETURN_IF_ERROR(heap_.CheckDepth(depth_));
  for (const auto& statement : body) {
    ALT_RETURN_IF_ERROR(heap_.Work(1));
    ALT_ASSIGN_OR_RETURN(const Flow flow, ExecuteOne(*statement));
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::ExecuteOne(const Statement& statement) {
  current_line_ = statement.line;
  switch (statement.kind) {
    case StatementKind::kIf:
      return ExecuteIf(statement);
    case StatementKind::kFor:
      return ExecuteFor(statement);
    case StatementKind::kWith:
      return ExecuteWith(statement);
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    default:
      ALT_RETURN_IF_ERROR(ExecuteSimple(statement));
      return Flow::kNormal;
  }
}

Status Interpreter::ExecuteSimple(const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kText:
      return Write(statement.data);
    case StatementKind::kPrint: {
      ALT_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.value));
      if (value.is_string()) return Write(value.string()->text);
      ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(heap_, value));
      return Write(text);
    }
    case StatementKind::kSet: {
      ALT_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.value));
      return Assign(*statement.target, value);
    }
    case StatementKind::kSetBlock:
      return ExecuteSetBlock(statement);
    case StatementKind::kMacro:
      scope_->Set(statement.text, MakeMacro(statement));
      return Status();
    case StatementKind::kCall:
      return ExecuteCall(statement);
    case StatementKind::kFilter:
      return ExecuteFilter(statement);
    default: {  // kScope
      ALT_ASSIGN_OR_RETURN(const OriginText text, Capture(statement.body));
      return Write(text);
    }
  }
}

Result<Interpreter::Flow> Interpreter::ExecuteIf(const Statement& statement) {
  for (const Branch& branch : statement.branches) {
    ALT_ASSIGN_OR_RETURN(const Value condition, Evaluate(*branch.condition));
    if (condition.Truthy()) return Execute(branch.body);
  }
  return Execute(statement.body);
}

Result<Interpreter::Flow> Interpreter::ExecuteFor(const Statement& statement) {
  ALT_ASSIGN_OR_RETURN(const Value iterable, Evaluate(*statement.value));
  return RunLoop(statement, iterable, 0);
}

Result<std::vector<Value>> Interpreter::LoopItems(const Statement& statement,
                                                  const Value& iterable) {
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(heap_, iterable));
  if (statement.condition == nullptr) return items;
  std::vector<Value> chosen;
  for (Value& item : items) {
    const Swapped<std::shared_ptr<Scope>> scope(scope_, std::make_shared<Scope>(scope_));
    ALT_RETURN_IF_ERROR(Assign(*statement.target, item));
    ALT_ASSIGN_OR_RETURN(const Value passes, Evaluate(*statement.condition));
    if (passes.Truthy()) chosen.push_back(std::move(item));
  }
  return chosen;
}

Result<Interpreter::Flow> Interpreter::RunLoop(const Statement& statement, const Value& iterable,
                                               int64_t depth0) {
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, LoopItems(statement, iterable));
  if (items.empty()) {
    const Swapped<std::shared_ptr<Scope>> scope(scope_, std::make_shared<Scope>(scope_));
    return Execute(statement.else_body);
  }
  const Charge charge(heap_, items.size() * sizeof(Value));
  std::shared_ptr<LoopObject> loop;
  if (statement.recursive) {
    captured_scopes_.push_back(scope_);
    loop = std::make_shared<RecursiveLoop>(*this, statement, scope_, std::move(items), depth0);
  } else {
    loop = std::make_shared<LoopObject>(std::move(items), depth0);
  }
  for (size_t i = 0; i < loop->items().size(); ++i) {
    // A fresh scope each time: what one round sets, the next does not see.
    const Swapped<std::shared_ptr<Scope>> scope(scope_, std::make_shared<Scope>(scope_));
    loop->MoveTo(i);
    scope_->Set("loop", Value(std::shared_ptr<Object>(loop)));
    ALT_RETURN_IF_ERROR(Assign(*statement.target, loop->items()[i]));
    ALT_ASSIGN_OR_RETURN(const Flow flow, Execute(statement.body));
    if (flow == Flow::kBreak) break;
  }
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::ExecuteWith(const Statement& statement) {
  const auto inner = std::make_shared<Scope>(scope_);
  std::vector<Value> values;  // all evaluated outside, then bound
  for (const auto& binding : statement.bindings) {
    ALT_ASSIGN_OR_RETURN(Value value, Evaluate(*binding.second));
    values.push_back(std::move(value));
  }
  const Swapped<std::shared_ptr<Scope>> scope(scope_, inner);
  for (size_t i = 0; i < values.size(); ++i) {
    ALT_RETURN_IF_ERROR(Assign(*statement.bindings[i].first, values[i]));
  }
  return Execute(statement.body);
}

Status Interpreter::ExecuteSetBlock(const Statement& statement) {
  ALT_ASSIGN_OR_RETURN(OriginText text, Capture(statement.body));
  ALT_ASSIGN_OR_RETURN(Value value, MakeString(heap_, std::move(text)));
  if (statement.value != nullptr) {
    ALT_ASSIGN_OR_RETURN(value, EvaluateFilter(*statement.value, &value));
  }
  return Assign(*statement.target, value);
}

Status Interpreter::ExecuteFilter(const Statement& statement) {
  ALT_ASSIGN_OR_RETURN(OriginText text, Capture(statement.body));
  ALT_ASSIGN_OR_RETURN(Value value, MakeString(heap_, std::move(text)));
  ALT_ASSIGN_OR_RETURN(value, EvaluateFilter(*statement.value, &value));
  ALT_ASSIGN_OR_RETURN(const OriginText shown, ToText(heap_, value));
  return Write(shown);
}

Status Interpreter::ExecuteCall(const Statement& statement) {
  const Expression& call = *statement.value;
  ALT_ASSIGN_OR_RETURN(const Value callee, Evaluate(*call.parts[0]));
  ALT_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(call.arguments));
  arguments.named.emplace_back("caller", MakeMacro(statement));
  ALT_ASSIGN_OR_RETURN(const Value value, CallValue(heap_, callee, arguments));
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(heap_, value));
  return Write(text);
}

Status Interpreter::Assign(const Expression& target, const Value& value) {
  if (target.kind == ExpressionKind::kName) {
    scope_->Set(target.text, value);
    return Status();
  }
  if (target.kind == ExpressionKind::kAttribute) {
    ALT_ASSIGN_OR_RETURN(const Value owner, EvaluateName(*target.parts[0]));
    auto* made = dynamic_cast<NamespaceObject*>(owner.object());
    if (made == nullptr) return TypeError("cannot assign attribute on non-namespace object");
    return made->Set(heap_, target.text, value);
  }
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(heap_, value));
  if (items.size() != target.parts.size()) {
    return TypeError((items.size() < target.parts.size() ? "not enough values to unpack (expected "
                                                         : "too many values to unpack (expected ") +
                     std::to_string(target.parts.size()) + ")");
  }
  for (size_t i = 0; i < items.size(); ++i) {
    ALT_RETURN_IF_ERROR(Assign(*target.parts[i], items[i]));
  }
  return Status();
}

Value Interpreter::MakeMacro(const Statement& statement) {
  captured_scopes_.push_back(scope_);
  return Value(std::shared_ptr<Object>(std::make_shared<Macro>(*this, statement, scope_)));
}

Result<Value> Interpreter::CallMacro(const Statement& statement, const Arguments& arguments,
                                     const std::shared_ptr<Scope>& scope) {
  const DepthGuard depth(depth_);
  ALT_RETURN_IF_ERROR(heap_.CheckDepth(depth_));
  const uint32_t line = current_line_;
  OriginText text;
  {
    const Swapped<std::shared_ptr<Scope>> inner(scope_, std::make_shared<Scope>(scope));
    const Swapped<OriginText*> out(out_, &text);
    ALT_RETURN_IF_ERROR(BindParameters(statement, arguments));
    ALT_RETURN_IF_ERROR(Execute(statement.body).status());
  }
  current_line_ = line;
  return MakeString(heap_, std::move(text));
}

Status Interpreter::BindParameters(const Statement& statement, const Arguments& arguments) {
  const auto& parameters = statement.parameters;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    Value value = MakeUndefined("parameter '" + parameter.name + "' was not provided");
    const auto named =
        std::find_if(arguments.named.begin(), arguments.named.end(),
                     [&parameter](const auto& a) { return a.first == parameter.name; });
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (named != arguments.named.end()) {
      value = named->second;
    } else if (parameter.default_value != nullptr) {
      ALT_ASSIGN_OR_RETURN(value, Evaluate(*parameter.default_value));
    }
    scope_->Set(parameter.name, std::move(value));
  }
  return BindExtras(statement, arguments);
}

// varargs, kwargs and caller: what the parameters did not take.
Status Interpreter::BindExtras(const Statement& statement, const Arguments& arguments) {
  const auto& parameters = statement.parameters;
  Value caller = MakeUndefined("No caller defined");
  DictEntries extra;
  for (const auto& [name, value] : arguments.named) {
    size_t slot = 0;
    while (slot < parameters.size() && parameters[slot].name != name) ++slot;
    if (slot < parameters.size() && slot >= arguments.positional.size()) continue;
    if (name == "caller" && statement.uses_caller) {
      caller = value;
      continue;
    }
    if (!statement.uses_kwargs) {
      return TypeError("macro '" + statement.text + "' takes no keyword argument '" + name + "'");
    }
    extra.emplace_back(MakeConstantString(name), value);
  }
  if (statement.uses_caller) scope_->Set("caller", std::move(caller));
  if (statement.uses_kwargs) {
    ALT_ASSIGN_OR_RETURN(Value kwargs, MakeDict(heap_, std::move(extra)));
    scope_->Set("kwargs", std::move(kwargs));
  }
  if (arguments.positional.size() > parameters.size() && !statement.uses_varargs) {
    return TypeError("macro '" + statement.text + "' takes not more than " +
                     std::to_string(parameters.size()) + " argument(s)");
  }
  if (statement.uses_varargs) {
    const size_t taken = std::min(parameters.size(), arguments.positional.size());
    std::vector<Value> rest(arguments.positional.begin() + static_cast<ptrdiff_t>(taken),
                            arguments.positional.end());
    ALT_ASSIGN_OR_RETURN(Value varargs, MakeSequence(heap_, std::move(rest), SequenceKind::kTuple));
    scope_->Set("varargs", std::move(varargs));
  }
  return Status();
}

}  // namespace altteul::text::jinja

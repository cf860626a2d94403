// SPDX-License-Identifier: Apache-2.0

#include "text/template/loop.h"

#include <algorithm>
#include <utility>

#include "text/template/builtin.h"

namespace altteul::text::jinja {
namespace {

Result<Value> Cycle(BuiltinCall& call) {
  const auto& choices = call.raw.positional;
  if (choices.empty()) return TypeError("no items for cycling given");
  const auto* loop = static_cast<const LoopObject*>(call.self.object());
  return choices[loop->index0() % choices.size()];
}

constexpr BuiltinRow kCycle = {"cycle", "*", &Cycle};

}  // namespace

LoopObject::LoopObject(std::vector<Value> items, int64_t depth0)
    : items_(std::move(items)), depth0_(depth0) {
  for (const Value& item : items_) value_depth_ = std::max(value_depth_, item.depth() + 1);
}

Result<std::optional<Value>> LoopObject::Attribute(Heap&, std::string_view name) {
  const int64_t index0 = static_cast<int64_t>(index0_);
  const int64_t length = static_cast<int64_t>(items_.size());
  const auto found = [](Value value) { return std::optional<Value>(std::move(value)); };
  if (name == "index") return found(Value(index0 + 1));
  if (name == "index0") return found(Value(index0));
  if (name == "revindex") return found(Value(length - index0));
  if (name == "revindex0") return found(Value(length - index0 - 1));
  if (name == "first") return found(Value(index0 == 0));
  if (name == "last") return found(Value(index0 + 1 == length));
  if (name == "length") return found(Value(length));
  if (name == "depth") return found(Value(depth0_ + 1));
  if (name == "depth0") return found(Value(depth0_));
  if (name == "previtem") {
    return found(index0_ > 0 ? items_[index0_ - 1] : MakeUndefined("there is no previous item"));
  }
  if (name == "nextitem") {
    return found(index0_ + 1 < items_.size() ? items_[index0_ + 1]
                                             : MakeUndefined("there is no next item"));
  }
  if (name == "cycle") {
    return found(Value(std::shared_ptr<Object>(std::make_shared<BuiltinObject>(
        kCycle, Value(std::shared_ptr<Object>(shared_from_this()))))));
  }
  return std::optional<Value>();
}

}  // namespace altteul::text::jinja

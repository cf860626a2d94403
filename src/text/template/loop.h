// SPDX-License-Identifier: Apache-2.0

// The variable `loop` inside of a for loop.

#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "text/template/value.h"

namespace altteul::text::jinja {

class LoopObject : public Object, public std::enable_shared_from_this<LoopObject> {
 public:
  /// @param depth0  how many loops of this name are around it (recursive loops)
  LoopObject(std::vector<Value> items, int64_t depth0);
  std::string_view TypeName() const override { return "jinja2.runtime.LoopContext"; }
  uint32_t depth() const override { return value_depth_; }
  Result<std::optional<Value>> Attribute(Heap& heap, std::string_view name) override;

  const std::vector<Value>& items() const { return items_; }
  size_t index0() const { return index0_; }
  int64_t depth0() const { return depth0_; }
  void MoveTo(size_t index0) { index0_ = index0; }

 private:
  const std::vector<Value> items_;
  const int64_t depth0_;
  uint32_t value_depth_ = 1;
  size_t index0_ = 0;
};

}  // namespace altteul::text::jinja

// SPDX-License-Identifier: Apache-2.0

// The functions every chat template can call: range, dict, namespace, raise_exception,
// strftime_now.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "text/template/calendar.h"
#include "text/template/value.h"
#include "text/wall_time.h"

namespace altteul::text::jinja {

/// What outlives single values during one rendering.
struct RenderState {
  explicit RenderState(const TemplateLimits& limits) : heap(limits) {}
  Heap heap;
  /// Every namespace made: they may refer to each other in circles, so they are emptied at the end.
  std::vector<std::shared_ptr<NamespaceObject>> namespaces;
  std::optional<WallTime> now;  ///< nothing: strftime_now() fails
};

bool IsGlobal(std::string_view name);

/// The global function `name`, or nothing. `state` must outlive it.
std::optional<Value> FindGlobal(RenderState& state, std::string_view name);

}  // namespace altteul::text::jinja

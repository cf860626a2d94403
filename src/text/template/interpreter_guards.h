// SPDX-License-Identifier: Apache-2.0

// What the interpreter sets for a while and puts back when it leaves a block.

#pragma once

#include <cstdint>
#include <utility>

#include "text/template/interpreter.h"

namespace altteul::text::jinja {

class Interpreter::DepthGuard {
 public:
  explicit DepthGuard(uint32_t& depth) : depth_(depth) { ++depth_; }
  ~DepthGuard() { --depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  uint32_t& depth_;
};

/// Gives a variable another value until the end of the block.
template <typename T>
class Swapped {
 public:
  Swapped(T& place, T value) : place_(place), before_(std::exchange(place, std::move(value))) {}
  ~Swapped() { place_ = std::move(before_); }
  Swapped(const Swapped&) = delete;
  Swapped& operator=(const Swapped&) = delete;

 private:
  T& place_;
  T before_;
};

}  // namespace altteul::text::jinja

// SPDX-License-Identifier: Apache-2.0

// Counts what a running template uses up: steps of work and bytes alive.
//
// Every object a template makes holds a Charge, which gives its bytes back when the object dies.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/status.h"
#include "text/template/limits.h"

namespace altteul::text::jinja {

class Heap {
 public:
  explicit Heap(const TemplateLimits& limits) : limits_(limits) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  const TemplateLimits& limits() const { return limits_; }

  /// Counts `steps` of work. @return kRefused past max_steps
  Status Work(uint64_t steps) {
    if (steps > limits_.max_steps - steps_) {
      steps_ = limits_.max_steps;
      return Status(ErrorCode::kRefused,
                    "template stopped after " + std::to_string(limits_.max_steps) + " steps");
    }
    steps_ += steps;
    return Status();
  }

  /// Counts the work of looking for `needle_bytes` in `text_bytes`, which may compare each of one
  /// with each of the other.
  Status WorkOfSearch(uint64_t text_bytes, uint64_t needle_bytes) {
    const uint64_t needle_blocks = 1 + needle_bytes / kBytesPerStep;
    return Work(text_bytes / kBytesPerStep * needle_blocks);
  }

  /// Counts the work of moving `bytes`, and asks whether so many more may be alive.
  Status Reserve(uint64_t bytes) {
    ALT_RETURN_IF_ERROR(Work(bytes / kBytesPerStep));
    if (bytes > limits_.max_value_bytes - live_bytes_) {
      return Status(ErrorCode::kRefused, "template values need more than " +
                                             std::to_string(limits_.max_value_bytes) + " bytes");
    }
    return Status();
  }

  /// @return kRefused for values nested deeper than max_depth
  Status CheckDepth(uint32_t depth) const {
    if (depth <= limits_.max_depth) return Status();
    return Status(ErrorCode::kRefused,
                  "template nests deeper than " + std::to_string(limits_.max_depth) + " levels");
  }

  static constexpr uint64_t kBytesPerStep = 64;  // a step of evaluation costs about as much

 private:
  friend class Charge;
  const TemplateLimits limits_;
  uint64_t steps_ = 0;
  uint64_t live_bytes_ = 0;
};

/// Bytes counted in a heap as long as this lives. The heap must outlive it.
class Charge {
 public:
  Charge() = default;
  /// @pre heap.Reserve(bytes) was ok
  Charge(Heap& heap, uint64_t bytes) : heap_(&heap), bytes_(bytes) { heap.live_bytes_ += bytes; }
  Charge(Charge&& other) noexcept
      : heap_(std::exchange(other.heap_, nullptr)), bytes_(other.bytes_) {}
  Charge& operator=(Charge&&) = delete;
  ~Charge() {
    if (heap_ != nullptr) heap_->live_bytes_ -= bytes_;
  }

 private:
  Heap* heap_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace altteul::text::jinja

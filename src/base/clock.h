// SPDX-License-Identifier: Apache-2.0

// Time is passed in, so that a test can hold it still.

#pragma once

#include <chrono>

namespace altteul {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds since some fixed point; never runs backwards. Any thread.
  virtual double Seconds() const = 0;
};

class SteadyClock : public Clock {
 public:
  double Seconds() const override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace altteul

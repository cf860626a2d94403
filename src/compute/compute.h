// SPDX-License-Identifier: Apache-2.0

// What computes: memory, weights handed over once, tapes played.
//
// The engine writes one pass for every kind of compute. The processor is one (cpu_compute.h); a
// device becomes another by filling this class. Each has a team of the host's threads and a table
// of kernels beside it, for work that is no tape: encoding weights, summing up, measuring.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/thread_team.h"
#include "compute/address.h"
#include "compute/tape.h"
#include "kernels/kernel_table.h"

namespace altteul::compute {

/// Something of a compute's that is given back with this, once nothing that was begun needs it. The
/// compute must outlive it.
class Owned {
 public:
  virtual ~Owned() = default;
};

/// Memory of a compute, zeroed, 64-byte aligned.
struct Memory {
  std::unique_ptr<Owned> owner;
  Bytes at;
  size_t size = 0;  ///< [bytes]
};

/// Plays the tapes of one engine, one at a time: holds the memory that its compute needs for that.
class Player {
 public:
  virtual ~Player() = default;

  /// Begins to play. May return before it is done, and then reports what goes wrong in Finish().
  /// The tape need not stay; what its steps show to must, until Finish().
  /// After an error Finish() is called all the same: what was begun may still touch lent memory.
  virtual Status Play(const Tape& tape) = 0;
  /// Waits for what was played. Memory lent to be written has its values then.
  /// @return the first error since the last call; what the steps should have written is then void
  virtual Status Finish() = 0;
};

class Compute {
 public:
  virtual ~Compute() = default;

  // The host's side. One Run() of the team at a time, a tape of the CPU included.
  virtual ThreadTeam& team() = 0;
  virtual const kernels::KernelTable& kernels() const = 0;

  /// @param purpose  for the message: "the KV cache"
  /// @return kOutOfMemory with the bytes asked for and at hand
  virtual Result<Memory> Allocate(uint64_t size_bytes, const std::string& purpose) = 0;

  /// Copies what lies in memory of this compute, before the next tape. Where that fails, the next
  /// Player::Finish() says so.
  virtual void Copy(Bytes to, Bytes from, size_t size_bytes) = 0;

  /// Takes weights over: matrices and vectors whose bytes lie there may be named by steps while the
  /// result lives. Until then the bytes stay, and do not change: a device has copied them when this
  /// returns, but knows them by their addresses. The CPU reads them where they are, and holds
  /// nothing.
  /// @return kOutOfMemory
  virtual Result<std::unique_ptr<Owned>> Hold(std::span<const std::byte> weights) = 0;

  /// @return kOutOfMemory
  virtual Result<std::unique_ptr<Player>> NewPlayer(const TapeLimits& limits) = 0;
};

}  // namespace altteul::compute

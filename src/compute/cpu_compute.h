// SPDX-License-Identifier: Apache-2.0

// The processor as a compute: a team of threads with the kernels of one instruction set.

#pragma once

#include "compute/compute.h"

namespace altteul::compute {

class CpuCompute final : public Compute {
 public:
  /// @param kernels, team  outlive this
  CpuCompute(const kernels::KernelTable& kernels, ThreadTeam& team)
      : kernels_(kernels), team_(team) {}

  ThreadTeam& team() override { return team_; }
  const kernels::KernelTable& kernels() const override { return kernels_; }
  Result<Memory> Allocate(uint64_t size_bytes, const std::string& purpose) override;
  void Copy(Bytes to, Bytes from, size_t size_bytes) override;
  Result<std::unique_ptr<Owned>> Hold(std::span<const std::byte> weights) override;
  Result<std::unique_ptr<Player>> NewPlayer(const TapeLimits& limits) override;

 private:
  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
};

}  // namespace altteul::compute

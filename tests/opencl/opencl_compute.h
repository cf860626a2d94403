// SPDX-License-Identifier: Apache-2.0

// A device as a compute, as far as a linear layer and its neighbours need it: the proof that
// compute/compute.h can be filled by something whose memory the host cannot touch.
//
//   memory     an address of it is a reservation that no access is allowed to, as long as the
//              buffer that stands behind it on the device: a stray read of the host faults at once
//   weights    are uploaded as they rest, byte for byte; their host addresses keep naming them
//   a tape     lent memory that steps read, then a launch or some for each step, then what they
//              left written, all in one queue; Finish() waits once
// It knows NormStep, ProductsStep, AddProductStep and GluStep, matrices in groups of 16 rows of
// Q4_0, Q8_0 and Q4_K, and no adapters. A tape with anything else is refused by that name before
// anything of it is begun.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compute/compute.h"
#include "opencl/opencl_device.h"

namespace altteul::tests {

/// Which buffer of a device stands behind an address of the host's.
class AddressTable {
 public:
  void Add(const void* begin, size_t size_bytes, cl_mem buffer) {
    ranges_[Number(begin)] = {size_bytes, buffer};
  }
  void Remove(const void* begin) { ranges_.erase(Number(begin)); }
  void Clear() { ranges_.clear(); }
  /// A null buffer where none does, or not that far.
  DevicePlace Find(const void* address, uint64_t size_bytes) const;

 private:
  struct Range {
    size_t size_bytes;
    cl_mem buffer;
  };
  static uintptr_t Number(const void* address) { return reinterpret_cast<uintptr_t>(address); }

  std::map<uintptr_t, Range> ranges_;
};

class OpenClCompute final : public compute::Compute {
 public:
  /// @param host        whose team and kernels this one has beside it; outlives this
  /// @param norm_lanes  floats in a vector of the instruction set whose norms it equals: 4, 8 or 16
  OpenClCompute(std::unique_ptr<OpenClDevice> device, compute::Compute& host, uint32_t norm_lanes)
      : device_(std::move(device)), host_(host), norm_lanes_(norm_lanes) {}

  ThreadTeam& team() override { return host_.team(); }
  const kernels::KernelTable& kernels() const override { return host_.kernels(); }
  Result<compute::Memory> Allocate(uint64_t size_bytes, const std::string& purpose) override;
  void Copy(compute::Bytes to, compute::Bytes from, size_t size_bytes) override;
  Result<std::unique_ptr<compute::Owned>> Hold(std::span<const std::byte> weights) override;
  Result<std::unique_ptr<compute::Player>> NewPlayer(const compute::TapeLimits& limits) override;

  const OpenClDevice& device() const { return *device_; }

 private:
  class OwnedRange;
  class Player;
  class Walk;

  std::unique_ptr<OpenClDevice> device_;
  compute::Compute& host_;
  const uint32_t norm_lanes_;
  AddressTable addresses_;
  Status copied_;  // what went wrong in Copy() since the last Finish()
};

}  // namespace altteul::tests

// SPDX-License-Identifier: Apache-2.0

#include "compute/cpu_compute.h"

#include <cstring>
#include <utility>

#include "compute/cpu_player.h"
#include "tensor/buffer.h"

namespace altteul::compute {
namespace {

struct OwnedBuffer final : Owned {
  Buffer buffer;
};

}  // namespace

Result<Memory> CpuCompute::Allocate(uint64_t size_bytes, const std::string& purpose) {
  auto owner = std::make_unique<OwnedBuffer>();
  ALT_ASSIGN_OR_RETURN(owner->buffer, Buffer::Allocate(size_bytes, purpose));
  const Bytes at(owner->buffer.mutable_bytes().data());
  return Memory{.owner = std::move(owner), .at = at, .size = size_bytes};
}

void CpuCompute::Copy(Bytes to, Bytes from, size_t size_bytes) {
  std::memcpy(to.place(), from.place(), size_bytes);
}

Result<std::unique_ptr<Owned>> CpuCompute::Hold(std::span<const std::byte>) {
  return std::unique_ptr<Owned>();
}

Result<std::unique_ptr<Player>> CpuCompute::NewPlayer(const TapeLimits& limits) {
  ALT_ASSIGN_OR_RETURN(std::unique_ptr<Player> player, CpuPlayer::Create(kernels_, team_, limits));
  return player;
}

}  // namespace altteul::compute

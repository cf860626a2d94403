// SPDX-License-Identifier: Apache-2.0

// Blocks in and out of byte rows. Rows of mapped files need not be aligned for a block's fields,
// so blocks are copied with memcpy, which compilers turn into plain loads.

#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace altteul::kernels {

template <typename Block>
Block LoadBlock(const std::byte* blocks, size_t index) {
  static_assert(std::is_trivially_copyable_v<Block>);
  Block block;
  std::memcpy(&block, blocks + index * sizeof(Block), sizeof(Block));
  return block;
}

template <typename Block>
void StoreBlock(const Block& block, size_t index, std::byte* blocks) {
  static_assert(std::is_trivially_copyable_v<Block>);
  std::memcpy(blocks + index * sizeof(Block), &block, sizeof(Block));
}

}  // namespace altteul::kernels

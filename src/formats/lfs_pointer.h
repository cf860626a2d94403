// SPDX-License-Identifier: Apache-2.0

// The commonest "corrupt" model file: a repository was cloned without git-lfs, so that a text of
// three lines stands where the model should be.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace altteul::formats {

/// What to add to the message about a file that is not what its name says; empty when it is none.
inline std::string_view LfsPointerHint(std::span<const std::byte> bytes) {
  constexpr std::string_view kStart = "version https://git-lfs.github.com/spec/";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kStart)) return "";
  return " (it is a Git LFS pointer: the file itself was never downloaded)";
}

}  // namespace altteul::formats

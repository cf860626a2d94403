// SPDX-License-Identifier: Apache-2.0

// What the control groups of this process leave it: Linux's limits for containers, services and
// jobs, of version 2 and of version 1, also both at once.
//
// A process is in a group of a tree, and every group on the way to the root may have limits. What
// counts is the one that leaves least: a parent's limit holds for all of its children together, and
// so does its use.
//
// Used is only what a group cannot give back. Reading a file fills the group's memory with its
// pages up to the limit, and the kernel takes them back as soon as somebody asks for memory,
// whether they were read once (inactive) or again (active). MemAvailable of /proc/meminfo counts
// pages of files and reclaimable slab for the same reason. A group has no reserve of its own that
// would have to be left, so all of them count: measured, a group of 1 GiB with 0.95 GB of such
// pages, all of them active, gave 99.7 % of what is computed here before its process was killed.

#pragma once

#include <cstdint>
#include <string>

namespace altteul {

/// The limits of a process's groups. All numbers are as large as can be where nothing is limited.
struct GroupLimits {
  static constexpr uint64_t kNone = UINT64_MAX;

  uint64_t memory_bytes = kNone;  ///< the smallest limit on the way to the root
  /// The least that any group on the way has left: its limit less what it uses and cannot give
  /// back. Not always of the group with the smallest limit.
  uint64_t available_bytes = kNone;
  std::string folder = {};  ///< of the group that available_bytes is of; empty: of none

  bool has_cores = false;
  double cores = 0;  ///< time of processors that the group may use, in seconds a second
};

/// Of this process, now: a dozen small files are read. What is missing or makes no sense is no
/// limit, because a guess that is too small would refuse work that can be done.
/// @param root  before every path, for tests: the folder that has proc/ and sys/
GroupLimits ReadGroupLimits(const std::string& root = "");

}  // namespace altteul

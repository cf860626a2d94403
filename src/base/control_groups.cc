// SPDX-License-Identifier: Apache-2.0

#include "base/control_groups.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace altteul {
namespace {

constexpr size_t kMostBytes = size_t{1} << 18;  // of a file; a mountinfo of many mounts is longest
constexpr size_t kMostLevels = 64;              // of nested groups

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 4096> chunk;  // most of these files are a number
  while (file && text.size() < kMostBytes) {
    file.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<size_t>(file.gcount()));
  }
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

bool Contains(std::string_view list, std::string_view word) {
  const auto words = Split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A whole number at the beginning, with a blank or nothing behind it. "max" and "-1" are none.
std::optional<uint64_t> NumberIn(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || (stop != end && *stop != '\n' && *stop != ' ')) return std::nullopt;
  return number;
}

std::optional<uint64_t> NumberOf(const std::string& path) { return NumberIn(Read(path)); }

uint64_t Sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

// --- where the groups are ---

/// One tree of groups, as it is mounted.
struct Mount {
  bool is_unified = false;  ///< version 2
  std::string controllers;  ///< of version 1: "rw,memory"
  std::string group;        ///< the group that is seen at `folder`; "/" but in containers
  std::string folder;
};

/// Where groups are when the list of mounts does not say it: in sandboxes that show files of their
/// own there, and where something was laid over.
std::vector<Mount> UsualMounts() {
  return {
      {.is_unified = true, .controllers = "", .group = "/", .folder = "/sys/fs/cgroup"},
      {.is_unified = false,
       .controllers = "memory",
       .group = "/",
       .folder = "/sys/fs/cgroup/memory"},
      {.is_unified = false, .controllers = "cpu", .group = "/", .folder = "/sys/fs/cgroup/cpu"}};
}

/// "\040" in a path of mountinfo is a blank.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] != '\\' || i + 3 >= text.size() || !digit(i + 1) || !digit(i + 2) ||
        !digit(i + 3)) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
    i += 3;
  }
  return plain;
}

/// "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu"
std::vector<Mount> MountsIn(const std::string& text) {
  std::vector<Mount> mounts;
  for (const std::string_view line : Split(text, '\n')) {
    constexpr std::string_view kEndOfOptional = " - ";
    const size_t dash = line.find(kEndOfOptional);
    if (dash == line.npos) continue;
    const auto place = Split(line.substr(0, dash), ' ');
    const auto kind = Split(line.substr(dash + kEndOfOptional.size()), ' ');
    if (place.size() < 5 || kind.size() < 3) continue;
    if (kind[0] != "cgroup" && kind[0] != "cgroup2") continue;
    mounts.push_back({.is_unified = kind[0] == "cgroup2",
                      .controllers = std::string(kind[2]),
                      .group = Unescaped(place[3]),
                      .folder = Unescaped(place[4])});
  }
  return mounts;
}

/// The groups of this process: by controllers ("memory", "cpu,cpuacct"), "" for version 2.
/// "4:memory:/a/b"; a path may hold colons.
std::map<std::string, std::string> GroupsIn(const std::string& text) {
  std::map<std::string, std::string> groups;
  for (const std::string_view line : Split(text, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    groups[std::string(line.substr(first + 1, second - first - 1))] = line.substr(second + 1);
  }
  return groups;
}

bool HasParentParts(std::string_view path) {
  const auto parts = Split(path, '/');
  return std::find(parts.begin(), parts.end(), "..") != parts.end();
}

/// The folders of `group` and of all groups above it that are seen at a mount, from below. A group
/// that is not below what is mounted there ("/../..": the mount is of another namespace) says no
/// more than that the mount's own group is above it.
std::vector<std::string> FoldersOf(const Mount& mount, std::string group) {
  const std::string above = mount.group == "/" ? "" : mount.group;
  const bool is_below =
      group.starts_with(above) && (group.size() == above.size() || group[above.size()] == '/');
  group = is_below && !HasParentParts(group) ? group.substr(above.size()) : "";
  if (!group.starts_with('/')) group.clear();
  while (group.ends_with('/')) group.pop_back();
  std::vector<std::string> folders;
  for (size_t level = 0; level < kMostLevels && !group.empty(); ++level) {
    folders.push_back(mount.folder + group);
    group.resize(std::min(group.size(), group.rfind('/')));
  }
  folders.push_back(mount.folder);
  return folders;
}

// --- what a group says ---

struct MemoryOfGroup {
  uint64_t limit = GroupLimits::kNone;
  uint64_t used = 0;         ///< all of it
  uint64_t reclaimable = 0;  ///< of that
  uint64_t Available() const {
    const uint64_t fixed = used - std::min(used, reclaimable);
    return limit - std::min(limit, fixed);
  }
};

/// memory.stat: "name number" lines.
std::map<std::string, uint64_t, std::less<>> StatOf(const std::string& folder) {
  std::map<std::string, uint64_t, std::less<>> stat;
  const std::string text = Read(folder + "/memory.stat");
  for (const std::string_view line : Split(text, '\n')) {
    const size_t blank = line.find(' ');
    if (blank == line.npos) continue;
    if (const auto number = NumberIn(line.substr(blank + 1))) {
      stat.emplace(line.substr(0, blank), *number);
    }
  }
  return stat;
}

uint64_t SumOf(const std::map<std::string, uint64_t, std::less<>>& stat,
               std::initializer_list<std::string_view> names) {
  uint64_t sum = 0;
  for (const std::string_view name : names) {
    const auto found = stat.find(name);
    if (found != stat.end()) sum = Sum(sum, found->second);
  }
  return sum;
}

/// Beyond memory.high nobody is killed, but who asks for more is made to wait until he hardly
/// moves.
MemoryOfGroup UnifiedMemory(const std::string& folder) {
  MemoryOfGroup memory;
  for (const char* name : {"/memory.max", "/memory.high"}) {
    memory.limit = std::min(memory.limit, NumberOf(folder + name).value_or(GroupLimits::kNone));
  }
  if (memory.limit == GroupLimits::kNone) return memory;
  memory.used = NumberOf(folder + "/memory.current").value_or(0);
  memory.reclaimable = SumOf(StatOf(folder), {"inactive_file", "active_file", "slab_reclaimable"});
  return memory;
}

/// @param is_own  of the process itself; the limit of a group above one that does not use its
///                hierarchy holds for nobody below it
MemoryOfGroup Version1Memory(const std::string& folder, bool is_own) {
  // No limit is a number here as well: the most pages that the kernel counts.
  constexpr uint64_t kNoLimit = uint64_t{1} << 62;
  MemoryOfGroup memory;
  if (!is_own && NumberOf(folder + "/memory.use_hierarchy") == uint64_t{0}) return memory;
  const auto stat = StatOf(folder);
  memory.limit = NumberOf(folder + "/memory.limit_in_bytes").value_or(GroupLimits::kNone);
  // The smallest limit of all groups above, of those too that cannot be seen from a container.
  const auto of_all = stat.find("hierarchical_memory_limit");
  if (of_all != stat.end()) memory.limit = std::min(memory.limit, of_all->second);
  if (memory.limit >= kNoLimit) return {};
  memory.used = NumberOf(folder + "/memory.usage_in_bytes").value_or(0);
  memory.reclaimable = stat.contains("total_inactive_file")
                           ? SumOf(stat, {"total_inactive_file", "total_active_file"})
                           : SumOf(stat, {"inactive_file", "active_file"});
  return memory;
}

/// Seconds a second; nothing without a limit.
std::optional<double> CoresOf(const std::string& folder, bool is_unified) {
  std::optional<uint64_t> quota, period;
  if (is_unified) {
    const std::string text = Read(folder + "/cpu.max");  // "50000 100000", "max 100000"
    const size_t blank = text.find(' ');
    quota = NumberIn(text);
    if (blank != text.npos) period = NumberIn(std::string_view(text).substr(blank + 1));
  } else {
    quota = NumberOf(folder + "/cpu.cfs_quota_us");
    period = NumberOf(folder + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

class Reader {
 public:
  explicit Reader(std::string root) : root_(std::move(root)) {}

  GroupLimits ReadAll() {
    const auto groups = GroupsIn(Read(root_ + "/proc/self/cgroup"));
    std::vector<Mount> mounts = MountsIn(Read(root_ + "/proc/self/mountinfo"));
    for (const Mount& usual : UsualMounts()) {
      const bool is_listed = std::any_of(mounts.begin(), mounts.end(), [&](const Mount& mount) {
        return mount.folder == usual.folder && mount.is_unified == usual.is_unified;
      });
      if (!is_listed) mounts.push_back(usual);
    }
    for (const Mount& mount : mounts) {
      if (mount.is_unified) {
        const auto group = groups.find("");
        ReadTree(mount, group == groups.end() ? "/" : group->second, true, true);
        continue;
      }
      for (const char* controller : {"memory", "cpu"}) {
        if (!Contains(mount.controllers, controller)) continue;
        std::string group = "/";
        for (const auto& [names, path] : groups) {
          if (Contains(names, controller)) group = path;
        }
        const bool is_memory = std::string_view(controller) == "memory";
        ReadTree(mount, group, is_memory, !is_memory);
      }
    }
    return limits_;
  }

 private:
  void ReadTree(const Mount& mount, const std::string& group, bool memory, bool cores) {
    bool is_own = true;
    for (const std::string& inside : FoldersOf(mount, group)) {
      const std::string folder = root_ + inside;
      if (memory) {
        Take(inside, mount.is_unified ? UnifiedMemory(folder) : Version1Memory(folder, is_own));
      }
      if (cores) {
        const auto here = CoresOf(folder, mount.is_unified);
        if (here && (!limits_.has_cores || *here < limits_.cores)) {
          limits_.has_cores = true;
          limits_.cores = *here;
        }
      }
      is_own = false;
    }
  }

  void Take(const std::string& folder, const MemoryOfGroup& memory) {
    if (memory.limit == GroupLimits::kNone) return;
    limits_.memory_bytes = std::min(limits_.memory_bytes, memory.limit);
    if (memory.Available() >= limits_.available_bytes) return;
    limits_.available_bytes = memory.Available();
    limits_.folder = folder;
  }

  std::string root_;
  GroupLimits limits_;
};

}  // namespace

GroupLimits ReadGroupLimits(const std::string& root) { return Reader(root).ReadAll(); }

}  // namespace altteul

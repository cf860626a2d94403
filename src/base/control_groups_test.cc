// SPDX-License-Identifier: Apache-2.0

#include "base/control_groups.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace altteul {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr const char* kUnlimited = "9223372036854771712\n";  // as version 1 writes it

// A tree of files as the kernel shows them, in a folder of its own.
class ControlGroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/altteul_groups_XXXXXX";
    root_ = mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path, std::ios::binary) << text;
  }
  /// @param mounts  lines of mountinfo
  void Lay(const std::string& groups, const std::string& mounts) {
    Write("/proc/self/cgroup", groups);
    Write("/proc/self/mountinfo", "22 27 0:21 / /proc rw,relatime - proc proc rw\n" + mounts);
  }
  void LayUnified(const std::string& group) {
    Lay("0::" + group + "\n",
        "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  void WriteUnified(const std::string& group, const std::string& max, uint64_t current,
                    const std::string& stat) {
    const std::string folder = "/sys/fs/cgroup" + group;
    Write(folder + "/memory.max", max + "\n");
    Write(folder + "/memory.current", std::to_string(current) + "\n");
    Write(folder + "/memory.stat", stat);
  }
  void LayVersion1(const std::string& group) {
    Lay("4:memory:" + group + "\n1:cpu,cpuacct:" + group + "\n0::/\n",
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  }
  void WriteVersion1(const std::string& group, const std::string& limit, uint64_t usage,
                     const std::string& stat) {
    const std::string folder = "/sys/fs/cgroup/memory" + group;
    Write(folder + "/memory.limit_in_bytes", limit + "\n");
    Write(folder + "/memory.usage_in_bytes", std::to_string(usage) + "\n");
    Write(folder + "/memory.stat", stat);
  }

  GroupLimits Limits() const { return ReadGroupLimits(root_); }

  std::string root_;
};

TEST_F(ControlGroupsTest, PagesOfFilesAndSlabAreGivenBack) {
  LayUnified("/");
  WriteUnified("", "2147483648", 2'140'000'000,
               "anon 100000000\nfile 2000000000\nkernel 40000000\ninactive_anon 100000000\n"
               "inactive_file 1900000000\nactive_file 100000000\nslab_reclaimable 20000000\n");
  EXPECT_EQ(Limits().memory_bytes, 2 * kGiB);
  EXPECT_EQ(Limits().available_bytes, 2 * kGiB - 120'000'000);
  EXPECT_EQ(Limits().folder, "/sys/fs/cgroup");
}

TEST_F(ControlGroupsTest, MemoryOfTmpfsIsNotGivenBack) {
  LayUnified("/");
  // tmpfs counts as "file" and "shmem", but lies among anonymous pages.
  WriteUnified("", std::to_string(kGiB), 900'000'000,
               "file 900000000\nshmem 900000000\ninactive_anon 900000000\ninactive_file 0\n");
  EXPECT_EQ(Limits().available_bytes, kGiB - 900'000'000);
}

TEST_F(ControlGroupsTest, TheGroupThatLeavesLeastCounts) {
  LayUnified("/slice/job/step");
  WriteUnified("/slice/job/step", "1000", 100, "");
  // The parent has the larger limit, but others of its children use it.
  WriteUnified("/slice/job", "5000", 4'700, "inactive_file 50\nactive_file 50\n");
  WriteUnified("/slice", "max", 1'000'000, "");
  EXPECT_EQ(Limits().memory_bytes, 1000u);
  EXPECT_EQ(Limits().available_bytes, 400u);
  EXPECT_EQ(Limits().folder, "/sys/fs/cgroup/slice/job");
  // And a parent with the smaller limit.
  WriteUnified("/slice", "450", 200, "");
  EXPECT_EQ(Limits().memory_bytes, 450u);
  EXPECT_EQ(Limits().available_bytes, 250u);
}

TEST_F(ControlGroupsTest, WhatSlowsIsALimitToo) {
  LayUnified("/a");
  WriteUnified("/a", "10000", 100, "");
  Write("/sys/fs/cgroup/a/memory.high", "4000\n");
  EXPECT_EQ(Limits().memory_bytes, 4000u);
  EXPECT_EQ(Limits().available_bytes, 3900u);
  Write("/sys/fs/cgroup/a/memory.high", "max\n");
  EXPECT_EQ(Limits().available_bytes, 9900u);
}

TEST_F(ControlGroupsTest, Version1) {
  LayVersion1("/docker/c0ffee");
  WriteVersion1("/docker/c0ffee", "1000000", 990'000,
                "cache 900000\ninactive_file 1\nactive_file 2\nhierarchical_memory_limit 1000000\n"
                "total_cache 900000\ntotal_inactive_file 600000\ntotal_active_file 300000\n");
  WriteVersion1("/docker", kUnlimited, 5'000'000, "total_inactive_file 0\n");
  WriteVersion1("", kUnlimited, 9'000'000, "");
  EXPECT_EQ(Limits().memory_bytes, 1'000'000u);
  EXPECT_EQ(Limits().available_bytes, 910'000u);
}

TEST_F(ControlGroupsTest, Version1Nested) {
  LayVersion1("/job/step");
  WriteVersion1("/job/step", kUnlimited, 100,
                "hierarchical_memory_limit 5000\ntotal_inactive_file 0\n");
  WriteVersion1("/job", "5000", 4'000, "total_inactive_file 500\ntotal_active_file 500\n");
  EXPECT_EQ(Limits().memory_bytes, 5000u);
  EXPECT_EQ(Limits().available_bytes, 2000u);
  EXPECT_EQ(Limits().folder, "/sys/fs/cgroup/memory/job");
  // Without hierarchy a parent's limit is for itself alone.
  Write("/sys/fs/cgroup/memory/job/memory.use_hierarchy", "0\n");
  WriteVersion1("/job/step", kUnlimited, 100, "inactive_file 0\n");
  EXPECT_EQ(Limits().memory_bytes, GroupLimits::kNone);
}

TEST_F(ControlGroupsTest, ALimitAboveTheContainerIsKnownByItsNumber) {
  // The container sees its own group alone, at the place of the root.
  Lay("4:memory:/docker/abc\n",
      "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  WriteVersion1("", kUnlimited, 100, "hierarchical_memory_limit 3000\ntotal_inactive_file 40\n");
  EXPECT_EQ(Limits().memory_bytes, 3000u);
  EXPECT_EQ(Limits().available_bytes, 2940u);
}

TEST_F(ControlGroupsTest, NamespacesShowTheGroupAtTheRoot) {
  for (const char* group : {"/", "/../..", "/../other", "/elsewhere", "/a/../../../etc"}) {
    LayUnified(group);
    WriteUnified("", "1000", 300, "inactive_file 100\n");
    WriteUnified("/../outside", "1", 1, "");
    EXPECT_EQ(Limits().available_bytes, 800u) << group;
  }
  // The path is the host's, and the mount shows from the container's group on.
  Lay("0::/pods/abc/inner\n", "41 31 0:38 /pods/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  WriteUnified("/inner", "500", 100, "");
  EXPECT_EQ(Limits().available_bytes, 400u);
}

TEST_F(ControlGroupsTest, BothVersionsAtOnce) {
  LayVersion1("/a");
  WriteVersion1("/a", "1000", 100, "");
  EXPECT_EQ(Limits().available_bytes, 900u);
  // Version 2 has its own tree beside it, and whichever leaves less counts.
  Write("/sys/fs/cgroup/unified/memory.max", "700\n");
  Write("/sys/fs/cgroup/unified/memory.current", "0\n");
  EXPECT_EQ(Limits().available_bytes, 700u);
}

TEST_F(ControlGroupsTest, OtherPlacesAndNamesWithBlanks) {
  Lay("0::/my job\n", "41 31 0:38 / /mnt/my\\040groups rw - cgroup2 none rw\n");
  Write("/mnt/my groups/my job/memory.max", "1000\n");
  Write("/mnt/my groups/my job/memory.current", "1\n");
  EXPECT_EQ(Limits().available_bytes, 999u);
}

TEST_F(ControlGroupsTest, TheUsualPlacesAreReadWithoutAMount) {
  Lay("0::/\n", "");
  WriteUnified("", "1000", 300, "");
  EXPECT_EQ(Limits().available_bytes, 700u);
  fs::remove_all(root_ + "/sys");
  Lay("", "");
  WriteVersion1("", "2000", 300, "");
  EXPECT_EQ(Limits().available_bytes, 1700u);
}

TEST_F(ControlGroupsTest, NoLimitAndNoFiles) {
  EXPECT_EQ(Limits().memory_bytes, GroupLimits::kNone) << "no files at all";
  EXPECT_EQ(Limits().available_bytes, GroupLimits::kNone);
  EXPECT_FALSE(Limits().has_cores);
  LayUnified("/a/b");
  EXPECT_EQ(Limits().memory_bytes, GroupLimits::kNone) << "groups without files";
  WriteUnified("/a/b", "max", 100, "");
  EXPECT_EQ(Limits().memory_bytes, GroupLimits::kNone);
  EXPECT_EQ(Limits().folder, "");
  // A limit alone: nothing is used.
  Write("/sys/fs/cgroup/a/memory.max", "1000\n");
  EXPECT_EQ(Limits().available_bytes, 1000u);
}

TEST_F(ControlGroupsTest, WhatMakesNoSenseIsNoLimit) {
  const std::string senseless[] = {"",
                                   "\n",
                                   "-1",
                                   "-5",
                                   "0x100",
                                   "99999999999999999999999999",
                                   "x",
                                   "1e9",
                                   " 1",
                                   "1.5",
                                   std::string("1\0", 2),
                                   std::string(1'000'000, '9')};
  for (const std::string& text : senseless) {
    LayUnified("/");
    Write("/sys/fs/cgroup/memory.max", text);
    EXPECT_EQ(Limits().memory_bytes, GroupLimits::kNone) << text.substr(0, 40);
  }
  // More in use than allowed, and more to give back than in use.
  WriteUnified("", "1000", 5000, "inactive_file 10\n");
  EXPECT_EQ(Limits().available_bytes, 0u);
  WriteUnified("", "1000", 500,
               "inactive_file 18446744073709551615\nactive_file 18446744073709551615\nx\n\n 3\n");
  EXPECT_EQ(Limits().available_bytes, 1000u);
  Write("/sys/fs/cgroup/memory.max", "0\n");
  EXPECT_EQ(Limits().available_bytes, 0u);
  for (const char* text : {":", "::", "0:", "0::", "a\nb\nc", "0::relative", "\n\n0:::::"}) {
    Write("/proc/self/cgroup", text);
    Write("/proc/self/mountinfo", text);
    EXPECT_EQ(Limits().available_bytes, 0u) << text << ": the usual place is read";
  }
  std::string deep;
  for (int level = 0; level < 10'000; ++level) deep += "/d";
  LayUnified(deep);
  EXPECT_EQ(Limits().available_bytes, 0u) << "the top is read, however deep the group";
}

TEST_F(ControlGroupsTest, TimeOfProcessors) {
  LayUnified("/a/b");
  Write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_FALSE(Limits().has_cores);
  Write("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(Limits().cores, 1.5);
  Write("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(Limits().cores, 0.5);
  fs::remove_all(root_ + "/sys");
  LayVersion1("/a");
  Write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(Limits().has_cores);
  Write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(Limits().cores, 2.5);
  for (const char* text : {"100000", "0 100000", "100000 0", "100000 max", "x y"}) {
    fs::remove_all(root_ + "/sys");
    LayUnified("/");
    Write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_FALSE(Limits().has_cores) << text;
  }
}

}  // namespace
}  // namespace altteul

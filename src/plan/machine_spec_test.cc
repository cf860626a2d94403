// SPDX-License-Identifier: Apache-2.0

#include "plan/machine_spec.h"

#include <gtest/gtest.h>

namespace altteul::plan {
namespace {

TEST(MachineSpecTest, PartsInAnyOrderAndCase) {
  const MachineSpec spec = ParseMachineSpec("8 cores, 32 GB, 50 GB/s").value();
  EXPECT_EQ(spec.cores, 8);
  EXPECT_EQ(spec.memory_bytes, 32'000'000'000u);
  EXPECT_EQ(spec.read_bytes_per_s, 50e9);
  EXPECT_EQ(spec.ops_per_s, 0);
  const MachineSpec other = ParseMachineSpec("65w,0.5 TB/s , 1.5TOPS,16gib").value();
  EXPECT_EQ(other.cores, 0);
  EXPECT_EQ(other.memory_bytes, uint64_t{16} << 30);
  EXPECT_EQ(other.read_bytes_per_s, 5e11);
  EXPECT_EQ(other.ops_per_s, 1.5e12);
  EXPECT_EQ(other.watts, 65);
}

TEST(MachineSpecTest, ASystemHasItsPart) {
  EXPECT_EQ(FreeBytesOf(ParseMachineSpec("8 GB").value()), 7'200'000'000u);
  EXPECT_EQ(FreeBytesOf(ParseMachineSpec("64 GB").value()), 62'000'000'000u);
}

TEST(MachineSpecTest, NonsenseIsNamed) {
  for (const char* text :
       {"", ",", "8 cores", "32 GB,", "32 GB, 16 GB", "1.5 cores, 8 GB", "-8 GB", "0 GB", "inf GB",
        "nan GB", "1e300 GB", "99999 TB", "5000 cores, 8 GB", "8 GB, 1e6 GB/s", "32 parsecs",
        "8 GB, 2e6 W", "8 GB 4 cores", "8 GB, 20000 TOPS"}) {
    EXPECT_EQ(ParseMachineSpec(text).status().code(), ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_NE(ParseMachineSpec("32 GB, 3 parsecs").status().message().find("3 parsecs"),
            std::string::npos);
}

}  // namespace
}  // namespace altteul::plan

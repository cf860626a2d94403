// SPDX-License-Identifier: Apache-2.0

#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/control_groups.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace altteul {
namespace {

#if defined(__x86_64__)
uint64_t Xgetbv() {
  uint32_t low = 0;
  uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}
#endif

// The number behind `key` in a file of "key: number kB" lines, in bytes; 0 when absent.
uint64_t ReadKibField(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(key, 0) != 0) continue;
    std::istringstream rest(line.substr(key.size()));
    uint64_t kib = 0;
    rest >> kib;
    return kib * 1024;
  }
  return 0;
}

}  // namespace

CpuFeatures DetectCpuFeatures() {
  CpuFeatures has;
#if defined(__x86_64__)
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return has;
  const bool fma = c >> 12 & 1;
  const bool osxsave = c >> 27 & 1;
  const bool f16c = c >> 29 & 1;
  if (!osxsave) return has;
  const uint64_t saved = Xgetbv();
  const bool os_avx = (saved & 0x6) == 0x6;
  const bool os_avx512 = (saved & 0xE6) == 0xE6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return has;
  has.avx2 = os_avx && fma && f16c && (b >> 5 & 1);
  const bool f = b >> 16 & 1, dq = b >> 17 & 1, bw = b >> 30 & 1, vl = b >> 31 & 1;
  has.avx512 = os_avx512 && has.avx2 && f && dq && bw && vl;
  has.avx512_vbmi = has.avx512 && (c >> 1 & 1);
  has.avx512_vnni = has.avx512 && (c >> 11 & 1);
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    has.avx_vnni = has.avx2 && (a >> 4 & 1);
    has.avx512_bf16 = has.avx512 && (a >> 5 & 1);
  }
#elif defined(__aarch64__)
  has.neon_dot = getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#endif
  return has;
}

MemoryFacts DetectMemory() {
  MemoryFacts facts;
  facts.total_bytes = ReadKibField("/proc/meminfo", "MemTotal:");
  facts.available_bytes = ReadKibField("/proc/meminfo", "MemAvailable:");
  // A container may be given less than the machine has.
  const GroupLimits group = ReadGroupLimits();
  facts.total_bytes = std::min(facts.total_bytes, group.memory_bytes);
  if (group.available_bytes < facts.available_bytes) {
    facts.available_bytes = group.available_bytes;
    facts.limited_by = group.folder;
  }
  return facts;
}

std::string CpuModelName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos && colon + 2 < line.size()) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

int OnlineCores() {
  int cores = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    cores = std::max(1, CPU_COUNT(&allowed));
  }
  // More threads than the group has time for would be stopped together in the middle of a step.
  const GroupLimits group = ReadGroupLimits();
  if (!group.has_cores || group.cores >= cores) return cores;
  return std::max(1, static_cast<int>(std::ceil(group.cores)));
}

uint64_t PeakResidentBytes() { return ReadKibField("/proc/self/status", "VmHWM:"); }

}  // namespace altteul

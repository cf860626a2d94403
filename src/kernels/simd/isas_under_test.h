// SPDX-License-Identifier: Apache-2.0

// The versions of the float kernels that this machine can run, for tests.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/machine.h"
#include "base/random.h"
#include "kernels/kernel_table.h"
#include "kernels/reference/reference.h"

#if defined(__x86_64__)
#include "kernels/x86/float_kernels_x86.h"
#elif defined(__aarch64__)
#include "kernels/arm/kernels_neon.h"
#endif

namespace altteul::kernels {

struct IsaUnderTest {
  std::string name;
  decltype(&StoreKvReference) store_kv;
  decltype(&AttendReference) attend;
  decltype(&MergeSegmentsReference) merge_segments;
  decltype(&RmsNormReference) rms_norm;
  decltype(&RopeReference) rope;
  decltype(&GluReference) glu;
  decltype(&AddReference) add;
  decltype(&SoftcapReference) softcap;
  decltype(&AddProductReference) add_product;
  void (*exp)(const float* x, float* y, size_t n);   // null in the reference
  void (*tanh)(const float* x, float* y, size_t n);  // null in the reference
};

inline std::vector<IsaUnderTest> IsasUnderTest() {
  std::vector<IsaUnderTest> isas = {{"reference", StoreKvReference, AttendReference,
                                     MergeSegmentsReference, RmsNormReference, RopeReference,
                                     GluReference, AddReference, SoftcapReference,
                                     AddProductReference, nullptr, nullptr}};
#if defined(__x86_64__)
  const CpuFeatures has = DetectCpuFeatures();
  if (has.avx2) {
    isas.push_back({"avx2", StoreKvAvx2, AttendAvx2, MergeSegmentsAvx2, RmsNormAvx2, RopeAvx2,
                    GluAvx2, AddAvx2, SoftcapAvx2, AddProductAvx2, ExpAvx2, TanhAvx2});
  }
  if (SelectKernels("avx512vnni", has).ok()) {
    isas.push_back({"avx512vnni", StoreKvAvx512Vnni, AttendAvx512Vnni, MergeSegmentsAvx512Vnni,
                    RmsNormAvx512, RopeAvx512, GluAvx512, AddAvx512, SoftcapAvx512,
                    AddProductAvx512, ExpAvx512, TanhAvx512});
  }
  // Some of these round to bf16, and not every processor with AVX-512 can.
  if (SelectKernels("avx512", has).ok()) {
    isas.push_back({"avx512", StoreKvAvx512, AttendAvx512, MergeSegmentsAvx512, RmsNormAvx512,
                    RopeAvx512, GluAvx512, AddAvx512, SoftcapAvx512, AddProductAvx512, ExpAvx512,
                    TanhAvx512});
  }
#elif defined(__aarch64__)
  if (DetectCpuFeatures().neon_dot) {
    isas.push_back({"neon", StoreKvNeon, AttendNeon, MergeSegmentsNeon, RmsNormNeon, RopeNeon,
                    GluNeon, AddNeon, SoftcapNeon, AddProductNeon, ExpNeon, TanhNeon});
  }
#endif
  return isas;
}

/// Values with a unit normal distribution; the same for the same purpose.
inline std::vector<float> NormalValues(size_t n, const char* purpose) {
  const RandomStream stream(20260706, purpose);
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = stream.Normal(i);
  return values;
}

}  // namespace altteul::kernels

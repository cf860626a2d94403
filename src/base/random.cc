// SPDX-License-Identifier: Apache-2.0

#include "base/random.h"

#include <cmath>
#include <numbers>

namespace altteul {
namespace {

uint64_t Fnv1a(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return hash;
}

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * c[2];
    c = {High(b) ^ c[1] ^ key[0], Low(b), High(a) ^ c[3] ^ key[1], Low(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return c;
}

RandomStream::RandomStream(uint64_t seed, std::string_view purpose)
    : seed_(seed), purpose_(Fnv1a(purpose)) {}

uint64_t RandomStream::Bits(uint64_t n) const {
  const auto r =
      Philox({Low(n), High(n), Low(purpose_), High(purpose_)}, {Low(seed_), High(seed_)});
  return uint64_t{r[1]} << 32 | r[0];
}

double RandomStream::Uniform(uint64_t n) const {
  return static_cast<double>(Bits(n) >> 11) * 0x1p-53;
}

float RandomStream::Normal(uint64_t n) const {
  const auto r =
      Philox({Low(n), High(n), Low(purpose_), High(purpose_)}, {Low(seed_), High(seed_)});
  const double u = (static_cast<double>(r[0]) + 0.5) * 0x1p-32;  // never 0
  const double v = static_cast<double>(r[1]) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

}  // namespace altteul

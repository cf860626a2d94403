// SPDX-License-Identifier: Apache-2.0

#include "plan/size_advice.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace altteul::plan {
namespace {

using nlohmann::json;

/// Bits a weight of a file of Llama-3-8B, whose 16-bit file has 14.97 GiB.
constexpr double Bits(double gib) { return gib / 14.97 * 16; }

constexpr size_t kShownPoints = 10;  // of a front

constexpr std::array kSizes = {
    UsualSize{"Q8_0", Bits(7.96), 0.00136},   UsualSize{"Q6_K", Bits(6.14), 0.00545},
    UsualSize{"Q5_K_M", Bits(5.33), 0.0108},  UsualSize{"Q4_K_M", Bits(4.58), 0.0282},
    UsualSize{"IQ4_XS", Bits(4.14), 0.0363},  UsualSize{"Q3_K_M", Bits(3.74), 0.0844},
    UsualSize{"IQ3_XXS", Bits(3.05), 0.1836}, UsualSize{"IQ2_M", Bits(2.74), 0.326},
    UsualSize{"IQ2_XXS", Bits(2.24), 0.812},
};

double Elements(const model::Weights& weights) {
  double sum = static_cast<double>(weights.embedding.rows * weights.embedding.cols);
  if (!weights.tied) sum += static_cast<double>(weights.output.w.rows * weights.output.w.cols);
  for (const model::BlockWeights& block : weights.blocks) {
    ForEachMatrix(block, [&sum](model::MatrixRole, const model::Linear& linear) {
      sum += static_cast<double>(linear.w.rows * linear.w.cols);
    });
  }
  return sum;
}

uint64_t PeakWith(MemoryPlan plan, uint64_t weights) {
  plan.weights = weights;
  return plan.Peak();
}

}  // namespace

std::span<const UsualSize> UsualSizes() { return kSizes; }

std::vector<SizeAdvice> AdviseSizes(const model::WeightPlan& weights, const MemoryPlan& plan,
                                    uint64_t file_bytes) {
  const double elements = Elements(weights.weights);
  std::vector<SizeAdvice> advice;
  for (const UsualSize& size : kSizes) {
    const auto bytes =
        static_cast<uint64_t>(elements * size.bits_per_weight / 8) + weights.small_bytes;
    if (bytes >= file_bytes) continue;
    advice.push_back({.name = std::string(size.name),
                      .bits_per_weight = size.bits_per_weight,
                      .file_bytes = bytes,
                      .peak_bytes = PeakWith(plan, bytes),
                      .kl = size.kl});
  }
  return advice;
}

Result<std::vector<FrontPoint>> ParseFront(std::string_view text, const std::string& name) {
  const auto corrupt = [&name](const std::string& what) {
    return Status(ErrorCode::kCorruptFile, name + ": " + what);
  };
  const json file = json::parse(text, nullptr, false);
  if (!file.is_object() || !file.contains("front") || !file["front"].is_array()) {
    return corrupt("has no front; `altteul compress MODEL --plan --json` writes one");
  }
  std::vector<FrontPoint> front;
  for (const json& point : file["front"]) {
    const bool is_point = point.is_object() && point.contains("bytes") &&
                          point["bytes"].is_number_unsigned() && point.contains("kld_expected") &&
                          point["kld_expected"].is_number();
    if (!is_point)
      return corrupt("point " + std::to_string(front.size()) + " of its front is none");
    front.push_back({point["bytes"].get<uint64_t>(), point["kld_expected"].get<double>()});
    if (!(front.back().kl >= 0)) return corrupt("a divergence of less than nothing");
  }
  if (front.empty()) return corrupt("its front is empty");
  std::ranges::sort(front, {}, &FrontPoint::bytes);
  return front;
}

std::vector<SizeAdvice> AdviseFront(const model::WeightPlan& weights, const MemoryPlan& plan,
                                    std::span<const FrontPoint> front) {
  const double elements = Elements(weights.weights);
  const size_t n = std::min(front.size(), kShownPoints);
  std::vector<SizeAdvice> advice;
  for (size_t i = n; i-- > 0;) {
    const FrontPoint& point = front[n == 1 ? 0 : i * (front.size() - 1) / (n - 1)];
    advice.push_back({.name = {},
                      .bits_per_weight = 8 * static_cast<double>(point.bytes) / elements,
                      .file_bytes = point.bytes,
                      .peak_bytes = PeakWith(plan, point.bytes),
                      .kl = point.kl});
  }
  return advice;
}

}  // namespace altteul::plan

#include "plan/size_advice.h"

#include <array>

namespace altteul::plan {
namespace {

/// Bits a weight of a file of Llama-3-8B, whose 16-bit file has 14.97 GiB.
constexpr double Bits(double gib) { return gib / 14.97 * 16; }

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
    for (const model::Linear* linear :
         {&block.q, &block.k, &block.v, &block.o, &block.gate, &block.up, &block.down}) {
      sum += static_cast<double>(linear->w.rows * linear->w.cols);
    }
  }
  return sum;
}

}  // namespace

std::span<const UsualSize> UsualSizes() { return kSizes; }

std::vector<SizeAdvice> AdviseSizes(const model::WeightPlan& weights, const MemoryPlan& plan,
                                    uint64_t file_bytes) {
  const double elements = Elements(weights.weights);
  std::vector<SizeAdvice> advice;
  for (const UsualSize& size : kSizes) {
    const auto bytes = static_cast<uint64_t>(elements * size.bits_per_weight / 8);
    if (bytes + weights.small_bytes >= file_bytes) continue;
    MemoryPlan smaller = plan;
    smaller.weights = bytes + weights.small_bytes;
    advice.push_back(
        {.size = size, .file_bytes = bytes + weights.small_bytes, .peak_bytes = smaller.Peak()});
  }
  return advice;
}

}  // namespace altteul::plan

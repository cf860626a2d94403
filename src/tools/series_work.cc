// SPDX-License-Identifier: Apache-2.0

#include "tools/series_work.h"

#include <algorithm>

#include "engine/pass_work.h"
#include "tools/bench_series.h"

namespace altteul::tools {

SeriesWork WorkOf(const model::Model& model, kernels::KvType kv, const SeriesSpec& spec) {
  SeriesWork work;
  const bool prompt = spec.kind == SeriesSpec::Kind::kPrompt;
  const size_t start = SeriesRunner::StartOf(spec);
  const size_t pass_tokens = prompt ? kPassTokens : 1;
  const auto n = static_cast<double>(spec.sequences);
  for (size_t done = 0; done < spec.tokens;) {
    const size_t count = std::min(pass_tokens, spec.tokens - done);
    const bool logits = !prompt || done + count == spec.tokens;
    const engine::PassWork pass = engine::WorkOfPass(
        model.config, model.weights, kv,
        {.first_position = start + done, .n_rows = count, .n_logits = logits ? 1u : 0u});
    done += count;
    work.ops += n * (pass.attention_ops + 2.0 * pass.head.elements);
    for (const engine::MatrixSum& sum : pass.layers) {
      work.ops += n * static_cast<double>(count) * 2.0 * sum.elements;
      work.weight_bytes += sum.bytes;
    }
    work.weight_bytes += pass.head.bytes;
    work.kv_bytes += n * pass.kv_bytes;
  }
  work.tokens = static_cast<double>(spec.tokens * spec.sequences);
  return work;
}

}  // namespace altteul::tools

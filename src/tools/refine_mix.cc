// SPDX-License-Identifier: Apache-2.0

#include "tools/refine_mix.h"

#include <optional>

#include "compress/refine.h"

namespace altteul::tools {
namespace {

// With a work folder many answers rest on the disk.
constexpr uint64_t kMostLogitsBytes = uint64_t{1} << 30;

}  // namespace

HeldOutParts PartsOf(std::span<const text::TokenId> held_out, size_t context, bool refines) {
  const size_t n_chunks = held_out.size() / context;
  if (!refines || n_chunks < 2) return {held_out, held_out, true};
  const size_t n = n_chunks / 2 * context;
  return {held_out.first(n), held_out.subspan(n), false};
}

std::string SwapsAsked(const CompressOptions& options) {
  if (options.swaps > 0) return std::to_string(options.swaps);
  return options.minutes > 0 ? "what time allows" : "0";
}

Result<SwapsRecord> RefineBySwaps(const MixToRefine& mix, const CompressOptions& options,
                                  Runtime& runtime, compress::WorkFolder* folder) {
  compress::RefineOptions refine{
      .encoding = {.context = options.calibration.context, .damping = options.calibration.damping},
      .meter = {},
      .grids = &mix.grids,
      .n_swaps = std::nullopt};
  if (folder != nullptr) refine.meter.logits_bytes = kMostLogitsBytes;
  if (options.swaps > 0) refine.n_swaps = options.swaps;
  if (options.minutes > 0) refine.seconds = 60 * options.minutes;

  // Begins to count when trials do. With --minutes `done` and `total` are seconds.
  std::optional<ProgressSink> trying;
  double seconds_left = 0;
  const compress::RefinePlace place{
      .clock = runtime.clock,
      .folder = folder,
      .encoding = TerminalProgress("encoding for swaps, million weights"),
      .trying = [&](uint64_t done, uint64_t total) {
        if (options.minutes > 0) seconds_left = static_cast<double>(total - done);
        if (!trying) {
          trying = options.minutes > 0
                       ? TimedProgress("trying swaps, second", [&] { return seconds_left; })
                       : TerminalProgress("trying swap");
        }
        return (*trying)(done, total);
      }};
  SwapsRecord record;
  ALT_ASSIGN_OR_RETURN(
      record.mix,
      compress::RefineMix(mix.original, mix.plan, mix.start, mix.most_bytes, mix.calibration,
                          mix.held_out.choosing, refine, *runtime.compute, place));
  record.text_tokens = mix.held_out.choosing.size();
  record.is_judged = mix.held_out.is_same;
  return record;
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "compute/cpu_player.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace altteul::compute {

using kernels::PreparedRows;
using kernels::SegmentSums;

namespace {

PreparedRows CarvePrepared(Carver& carver, size_t rows, size_t width) {
  PreparedRows prepared;
  prepared.q8 = carver.Take<int8_t>(rows * width).place();
  prepared.q8_scale = carver.Take<float>(rows * (width / 32 + 1)).place();
  prepared.q8_sum16 = carver.Take<int32_t>(rows * (width / 16 + 1)).place();
  prepared.q8_offset = carver.Take<float>(rows * (width / 32 + 1)).place();
  prepared.bf16 = carver.Take<uint16_t>(rows * width).place();
  return prepared;
}

size_t SegmentsOf(const TapeLimits& limits) {
  return (limits.longest + kernels::kKeySegment - 1) / kernels::kKeySegment;
}

uint64_t BytesOfSums(const TapeLimits& limits) {
  return std::min(limits.max_rows, kRowsOfSums) * limits.most_heads * SegmentsOf(limits) *
         SegmentSums::StrideOf(limits.widest_head) * sizeof(float);
}

}  // namespace

/// All but the segments' sums.
void CpuPlayer::Carve(Carver& carver, const TapeLimits& limits, CpuWorkspace& work) {
  const size_t rows = limits.max_rows;
  work.prepared = CarvePrepared(carver, rows, limits.widest);
  work.prepared_glu = CarvePrepared(carver, rows, limits.widest_glu);
  work.low_stride = limits.widest_rank;
  work.low = carver.Take<float>(rows * limits.widest_rank).place();
  work.prepared_low = CarvePrepared(carver, rows, limits.widest_rank);
  const size_t scratch =
      std::max(kernels::LinearScratchBytes(std::max(limits.widest, limits.widest_glu)),
               kernels::AttentionScratchBytes(limits.widest_head));
  for (CpuThreadSpace& own : work.own) {
    for (float*& passing : own.passing) passing = carver.Take<float>(limits.widest).place();
    own.prepared = CarvePrepared(carver, 1, limits.widest);
    own.scratch = {carver.Take<std::byte>(scratch).place(), scratch};
  }
}

uint64_t CpuPlayer::BytesFor(const TapeLimits& limits, int n_threads) {
  CpuWorkspace work;
  work.own.resize(static_cast<size_t>(n_threads));
  Carver sizes;
  Carve(sizes, limits, work);
  return sizes.used() + BytesOfSums(limits);
}

Result<std::unique_ptr<CpuPlayer>> CpuPlayer::Create(const kernels::KernelTable& kernels,
                                                     ThreadTeam& team, const TapeLimits& limits,
                                                     const AddressMap* map) {
  std::unique_ptr<CpuPlayer> player(new CpuPlayer(kernels, team, map));
  const std::string purpose = "working memory for " + std::to_string(limits.max_rows) + " rows";
  // Memory of its own: it grows with the context, and most of it is never touched.
  ALT_ASSIGN_OR_RETURN(player->sums_memory_, Buffer::Allocate(BytesOfSums(limits), purpose));
  player->work_.sums = {.data = ValuesOf<float>(player->sums_memory_).data(),
                        .n_segments = SegmentsOf(limits)};
  ALT_ASSIGN_OR_RETURN(
      player->memory_,
      Buffer::Allocate(BytesFor(limits, team.size()) - BytesOfSums(limits), purpose));
  player->work_.own.resize(static_cast<size_t>(team.size()));
  Carver places(Bytes(player->memory_.mutable_bytes().data()));
  Carve(places, limits, player->work_);
  return player;
}

Status CpuPlayer::Play(const Tape& tape) {
  team_.Run([this, &tape](int thread) {
    CpuWalk walk(kernels_, map_, work_, team_, tape, thread);
    for (const Step& step : tape.steps()) std::visit(walk, step);
    if (thread == 0) n_barriers_ = walk.n_barriers();
  });
  return Status();
}

}  // namespace altteul::compute

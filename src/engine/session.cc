// SPDX-License-Identifier: Apache-2.0

#include "engine/session.h"

#include <utility>

namespace altteul::engine {

Session::Session(Forward& forward, const Clock& clock, std::unique_ptr<Sequence> sequence)
    : sequence_(std::move(sequence)), scheduler_(forward, clock) {
  scheduler_.Add(*sequence_);
}

Result<Session> Session::Create(Forward& forward, const Clock& clock, kernels::KvType kv_type,
                                size_t context) {
  ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::Create(forward.compute(), forward.model().config,
                                                      kv_type, context, forward.max_rows()));
  return Create(forward, clock, std::move(cache));
}

Session Session::Create(Forward& forward, const Clock& clock, KvCache cache) {
  return Session(forward, clock,
                 std::make_unique<Sequence>(forward.model(), clock, std::move(cache)));
}

Result<Generated> Session::Generate(const GenerateOptions& options, Sampler& sampler,
                                    const ShowText& show) {
  ALT_RETURN_IF_ERROR(sequence_->BeginAnswer(options, sampler, show));
  while (scheduler_.Step()) continue;
  const Status status = sequence_->status();
  // What was interrupted is an answer too, with its reason.
  if (!status.ok() && status.code() != ErrorCode::kCancelled) return status;
  return sequence_->TakeResult();
}

Status Session::Prefill(const std::function<bool()>& go_on) {
  sequence_->BeginReading(go_on);
  while (scheduler_.Step()) continue;
  return sequence_->status();
}

}  // namespace altteul::engine

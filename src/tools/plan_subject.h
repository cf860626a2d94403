// SPDX-License-Identifier: Apache-2.0

// A model that is planned for: opened by its header, wherever it is.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "hub/fetch_model.h"
#include "kernels/kernel_table.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace altteul::tools {

struct PlanSubject {
  std::unique_ptr<const model::Checkpoint> file;
  model::ModelConfig config;
  model::WeightPlan weights;
  std::unique_ptr<const text::Tokenizer> tokenizer;  ///< null: it has none, or cannot be read
  hub::FileHeads heads;                              ///< what was fetched of a hub's model
  uint64_t fetched_bytes = 0;                        ///< of that
  /// Of this process, once it had read the header and made the tokenizer: what one that runs the
  /// model has beside weights and caches.
  uint64_t base_bytes = 0;

  /// Tokens of context when none are asked for: as `run` takes them.
  size_t DefaultContext() const;
};

/// @param name  a path, "hf:..." (what the cache lacks is asked of the hub, headers only), or
///              "SHAPE:TYPE"
/// @return as Checkpoint::Open(), model::ReadConfig(), plan::OpenRemote(), plan::OpenShape()
Result<PlanSubject> OpenSubject(const std::string& name, const kernels::KernelTable& kernels);

/// A model of a hub whose files are known already.
Result<PlanSubject> OpenRemoteSubject(const hub::HubPlace& place,
                                      const hub::HubReference& reference,
                                      const hub::ModelIndex& index, const hub::ModelFiles& files,
                                      const hub::HttpOptions& http,
                                      const kernels::KernelTable& kernels);

}  // namespace altteul::tools

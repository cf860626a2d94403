// SPDX-License-Identifier: Apache-2.0

// The chapters of gap's page, in its order.

#pragma once

#include "plan/gap.h"
#include "tools/page_body.h"

namespace altteul::tools {

/// What somebody has, beside well-known machines, and what a budget rents.
void AddOwnChapters(const plan::GapReport& report, PageBody* page);

/// Countries, what public programmes grant, and who publishes.
void AddPublicChapters(const plan::GapReport& report, PageBody* page);

}  // namespace altteul::tools

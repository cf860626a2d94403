// SPDX-License-Identifier: Apache-2.0

// What `altteul plan` found, as text and as JSON.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "plan/data_tables.h"
#include "plan/memory_plan.h"
#include "plan/rent_plan.h"
#include "plan/size_advice.h"
#include "plan/speed_plan.h"
#include "plan/study_plan.h"

namespace altteul::tools {

// A prediction is off by a few percent, and a machine that swaps is of no use to anybody.
inline constexpr double kMemoryMargin = 1.05;

/// Where a model is to run.
struct PlanTarget {
  std::string name;
  uint64_t total_bytes = 0, free_bytes = 0;
  int threads = 1;
  plan::MachineRates rates;
  double watts = 0;  ///< 0: not known
};

struct PlanReport {
  std::string model;
  std::string architecture, license;
  uint64_t file_bytes = 0, fetched_bytes = 0;
  size_t trained_context = 0;

  PlanTarget target;
  plan::MemoryRequest request;
  plan::MemoryPlan memory;
  bool fits = false;
  size_t longest_context = 0;

  plan::SpeedRequest speed_request;
  plan::SpeedPlan speed;
  struct Page {
    std::string language;
    double tokens = 0;  ///< of a thousand characters
  };
  std::vector<Page> pages;
  std::vector<plan::SizeAdvice> sizes;
  bool sizes_are_measured = false;  ///< from a survey of this model, not from a published table

  struct Rent {
    plan::Job job;
    plan::RentPlan plan;
    plan::Offers offers;
    const plan::DataTables* tables = nullptr;  ///< must outlive the report
    std::string today;                         ///< "2026-11-29", for the age of prices
    double hours_here = 0;                     ///< on the target
  };
  std::optional<Rent> rent;

  struct Study {
    plan::StudyRequest request;
    plan::StudyPlan plan;
    bool fits = false;
  };
  std::optional<Study> study;
};

nlohmann::ordered_json PlanJson(const PlanReport& report);
std::string PlanText(const PlanReport& report);

}  // namespace altteul::tools

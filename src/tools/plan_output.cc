// SPDX-License-Identifier: Apache-2.0

#include "tools/plan_output.h"

#include <algorithm>

#include "base/dates.h"
#include "base/human_units.h"
#include "report/table.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;

constexpr double kSecondsOfHour = 3600;
constexpr size_t kShownOffers = 12;

/// Watt-hours of a thousand tokens.
double WattHours(const PlanTarget& target, const plan::SpeedRange& speed) {
  return 1000 / speed.likely * target.watts / kSecondsOfHour;
}

std::string Hours(double hours) { return FormatDuration(hours * kSecondsOfHour); }

std::string Usd(double usd) { return FormatFixed(usd, usd < 0.1 ? 4 : usd < 10 ? 2 : 0); }

// --- JSON ---

ordered_json JsonOf(const plan::SpeedRange& range) {
  return {{"likely", range.likely},
          {"lowest", range.lowest},
          {"highest", range.highest},
          {"roofline", range.roofline}};
}

ordered_json MemoryJson(const PlanReport& report) {
  const plan::MemoryPlan& m = report.memory;
  return {{"peak_bytes", m.Peak()},
          {"weight_bytes", m.weights},
          {"adapter_bytes", m.adapters},
          {"kv_bytes", m.kv},
          {"working_bytes", m.working},
          {"answering_bytes", m.answering},
          {"loading_bytes", m.loading},
          {"base_bytes", m.base},
          {"free_bytes", report.target.free_bytes},
          {"total_bytes", report.target.total_bytes}};
}

ordered_json SpeedJson(const PlanReport& report) {
  ordered_json out = {{"prompt_tokens", report.speed_request.prompt_tokens},
                      {"answer_tokens", report.speed_request.answer_tokens},
                      {"prompt", JsonOf(report.speed.prompt)},
                      {"answer", JsonOf(report.speed.answer)}};
  const CpuLoad& load = report.target.rates.load;
  if (!load.disturbance.empty()) {
    out["measured_under_load"] = {{"why", load.disturbance},
                                  {"own_share", load.own_share},
                                  {"stolen_share", load.stolen_share},
                                  {"others_cores", load.others_cores}};
  }
  if (report.target.watts > 0) {
    out["watt_hours_per_1000_prompt_tokens"] = WattHours(report.target, report.speed.prompt);
    out["watt_hours_per_1000_answer_tokens"] = WattHours(report.target, report.speed.answer);
  }
  return out;
}

ordered_json RentJson(const PlanReport::Rent& rent) {
  ordered_json out = {{"tokens_in", rent.job.tokens_in},
                      {"tokens_out", rent.job.tokens_out},
                      {"hours_here", rent.hours_here},
                      {"too_small", rent.plan.n_too_small},
                      {"chips_without_facts", rent.plan.n_without_facts},
                      {"unknown_chips", rent.offers.unknown_chips},
                      {"offers", ordered_json::array()}};
  for (const plan::RentedJob& row : rent.plan.rows) {
    ordered_json offer = {{"provider", row.offer.provider},
                          {"chip", rent.tables->chips[row.offer.chip].name},
                          {"chips", row.offer.n_chips},
                          {"chips_per_copy", row.chips_per_copy},
                          {"kind", std::string(plan::RentKindName(row.offer.kind))},
                          {"usd_per_hour", row.offer.usd_per_hour},
                          {"date", row.offer.date},
                          {"hours", row.hours},
                          {"least_hours", row.least_hours},
                          {"most_hours", row.most_hours},
                          {"usd", row.usd}};
    if (row.hours_to_buy) offer["hours_to_buy"] = *row.hours_to_buy;
    out["offers"].push_back(std::move(offer));
  }
  return out;
}

ordered_json StudyJson(const PlanReport::Study& study) {
  const plan::StudyPlan& plan = study.plan;
  const plan::StudyMemory& m = plan.memory;
  ordered_json out = {{"rank", study.request.rank},
                      {"trained_values", plan.adapter_values},
                      {"together", study.request.together},
                      {"memory",
                       {{"peak_bytes", m.Peak()},
                        {"weight_bytes", m.weights},
                        {"adapter_bytes", m.adapters},
                        {"gradient_bytes", m.gradients},
                        {"moment_bytes", m.moments},
                        {"activation_bytes", m.activations},
                        {"loss_bytes", m.loss},
                        {"base_bytes", m.base}}},
                      {"fits", study.fits},
                      {"steps", plan.steps},
                      {"step_seconds", plan.step_seconds},
                      {"least_step_seconds", plan.least_step_seconds},
                      {"most_step_seconds", plan.most_step_seconds},
                      {"step_is_measured", study.request.step_seconds.has_value()},
                      {"trial_compute_seconds", plan.trial_seconds}};
  if (plan.trials) {
    out["budget_hours"] = *study.request.hours;
    out["trials"] = *plan.trials;
    out["trials_if_stopped"] = *plan.trials_if_stopped;
  }
  return out;
}

// --- text ---

std::string MemoryText(const PlanReport& report) {
  const plan::MemoryPlan& m = report.memory;
  report::Table table({"memory", "bytes"});
  table.AddRow({"weights", FormatBytes(m.weights)});
  table.AddRow({"KV cache, " + std::to_string(report.request.slots) + " x " +
                    FormatCount(report.request.context) + " tokens in " +
                    std::string(kernels::KvTypeName(report.request.kv)),
                FormatBytes(m.kv)});
  if (m.adapters != 0) table.AddRow({"adapters", FormatBytes(m.adapters)});
  table.AddRow({"activations", FormatBytes(m.working)});
  table.AddRow({"answering", FormatBytes(m.answering)});
  table.AddRow({"program, tokenizer, header", FormatBytes(m.base)});
  table.AddRow({"at most", FormatBytes(m.Peak())});
  std::string text = table.ToString() + "\n" + (report.fits ? "It fits: " : "It does not fit: ") +
                     report.target.name + " has " + FormatBytes(report.target.free_bytes) +
                     " free of " + FormatBytes(report.target.total_bytes) + ". ";
  if (report.longest_context == 0) return text + "No context fits.\n\n";
  text += "The longest context is " + FormatCount(report.longest_context) + " tokens";
  if (report.longest_context == report.trained_context) {
    text += ", as many as the model was trained for";
  }
  return text + ".\n\n";
}

std::string SpeedText(const PlanReport& report) {
  const PlanTarget& target = report.target;
  report::Table table({"speed, " + std::to_string(target.threads) + " threads", "tokens/s",
                       "between", "roofline", "1,000 tokens"});
  const auto add = [&](const std::string& what, const plan::SpeedRange& range) {
    std::string cost = FormatDuration(1000 / range.likely);
    if (target.watts > 0) cost += ", " + FormatFixed(WattHours(target, range), 2) + " Wh";
    table.AddRow({what, FormatFixed(range.likely, 1),
                  FormatFixed(range.lowest, 1) + " and " + FormatFixed(range.highest, 1),
                  FormatFixed(range.roofline, 1), cost});
  };
  const size_t slots = report.request.slots;
  add("prompt of " + FormatCount(report.speed_request.prompt_tokens), report.speed.prompt);
  add("answer of " + FormatCount(report.speed_request.answer_tokens) +
          (slots == 1 ? "" : ", " + std::to_string(slots) + " together"),
      report.speed.answer);
  std::string text = table.ToString() + "\n";
  if (!target.rates.load.disturbance.empty()) {
    text += "Measured while the machine was busy: " + target.rates.load.disturbance +
            ". At rest it is faster.\n\n";
  }
  if (report.pages.empty()) return text;
  report::Table pages({"1,000 characters", "tokens", "read in", "written in"});
  for (const PlanReport::Page& page : report.pages) {
    const double read_s = page.tokens / report.speed.prompt.likely;
    const double written_s = page.tokens / report.speed.answer.likely * static_cast<double>(slots);
    pages.AddRow({page.language, FormatFixed(page.tokens, 0), FormatFixed(read_s, 2) + " s",
                  FormatFixed(written_s, 1) + " s"});
  }
  return text + pages.ToString() + "\n";
}

std::string SizesText(const PlanReport& report) {
  if (report.sizes.empty()) return "";
  report::Table table({"compressed", "bits a weight", "file", "memory", "fits", "KL (*)"});
  for (const plan::SizeAdvice& row : report.sizes) {
    const bool fits = static_cast<double>(row.peak_bytes) * kMemoryMargin <=
                      static_cast<double>(report.target.free_bytes);
    table.AddRow({row.name, FormatFixed(row.bits_per_weight, 2), FormatBytes(row.file_bytes),
                  FormatBytes(row.peak_bytes), fits ? "yes" : "no", FormatFixed(row.kl, 4)});
  }
  if (report.sizes_are_measured) {
    return table.ToString() + "(*) what compress expects of this very model\n";
  }
  return table.ToString() +
         "(*) published: llama.cpp's files of Llama-3-8B against 16 bits, WikiText-2. Smaller "
         "models lose more;\n`altteul compress MODEL --plan` measures this one.\n";
}

std::string Tokens(double tokens) { return FormatCount(static_cast<uint64_t>(tokens)); }

std::string RentText(const PlanReport& report) {
  const PlanReport::Rent& rent = *report.rent;
  std::string text = "\nThe job: " + Tokens(rent.job.tokens_in) + " tokens read, " +
                     Tokens(rent.job.tokens_out) + " written, " +
                     std::to_string(report.request.slots) +
                     " at a time. Here: " + Hours(rent.hours_here);
  if (report.target.watts > 0) {
    text += ", " + FormatFixed(rent.hours_here * report.target.watts / 1000, 2) + " kWh";
  }
  text += ".\n\n";
  report::Table table(
      {"rented", "chips", "kind", "USD/h", "price of", "hours", "USD", "an hour saved", "to buy"});
  size_t shown = 0;
  for (const plan::RentedJob& row : rent.plan.rows) {
    if (++shown > kShownOffers) break;
    std::string age = row.offer.date.empty() ? "not said" : row.offer.date;
    if (!row.offer.date.empty()) {
      const int days = DaysSince1970(rent.today) - DaysSince1970(row.offer.date);
      age += days < 0 ? " (to come, says this clock)" : " (" + std::to_string(days) + " days)";
    }
    const double saved = rent.hours_here - row.hours;
    table.AddRow(
        {Printable(row.offer.provider),
         std::to_string(row.offer.n_chips) + " x " + rent.tables->chips[row.offer.chip].name,
         std::string(plan::RentKindName(row.offer.kind)), Usd(row.offer.usd_per_hour), age,
         Hours(row.least_hours) + " to " + Hours(row.most_hours), Usd(row.usd),
         saved > 0 ? Usd(row.usd / saved) + " USD" : "none",
         row.hours_to_buy ? Hours(*row.hours_to_buy) : "not known"});
  }
  text += table.ToString();
  if (rent.plan.rows.size() > kShownOffers) {
    text += "and " + std::to_string(rent.plan.rows.size() - kShownOffers) +
            " dearer ones (--json has all)\n";
  }
  const auto left_out = [&text](size_t n, const char* why) {
    if (n != 0) text += std::to_string(n) + " offers left out: " + why + "\n";
  };
  left_out(rent.plan.n_too_small, "the model does not fit into their memory");
  left_out(rent.plan.n_without_facts, "bandwidth or arithmetic of the chip is not known");
  left_out(rent.offers.n_unknown, "of chips that data/gap/chips.csv does not have");
  left_out(rent.offers.n_without_chips, "without an accelerator");
  return text +
         "Hours are a model, not a measurement: an engine that reaches 60 % of a chip's bandwidth "
         "and 40 % of its\narithmetic, by a factor of 1.5 either way. To buy: hours of such use "
         "that cost as much rent as the chip did\nwhen it was new, power left out.\n";
}

std::string StudyText(const PlanReport& report) {
  const PlanReport::Study& study = *report.study;
  const plan::StudyPlan& plan = study.plan;
  const plan::StudyMemory& m = plan.memory;
  const size_t together = study.request.together;
  report::Table table({"memory of training", "bytes"});
  table.AddRow({"weights, frozen", FormatBytes(m.weights)});
  table.AddRow({"adapters of rank " + std::to_string(study.request.rank) + ", " +
                    std::to_string(together) + " x " + FormatCount(plan.adapter_values) + " values",
                FormatBytes(m.adapters)});
  table.AddRow({"their gradients", FormatBytes(m.gradients)});
  table.AddRow({"moments of AdamW", FormatBytes(m.moments)});
  table.AddRow({"activations", FormatBytes(m.activations)});
  table.AddRow({"logits", FormatBytes(m.loss)});
  table.AddRow({"program, tokenizer, header", FormatBytes(m.base)});
  table.AddRow({"at most", FormatBytes(m.Peak())});
  std::string text = "\n" + table.ToString() + "\n" +
                     (study.fits ? "Training fits. " : "Training does not fit. ") + "A step of " +
                     FormatCount(study.request.step_tokens) + " tokens takes about " +
                     FormatFixed(plan.step_seconds, 2) + " s (between " +
                     FormatFixed(plan.least_step_seconds, 2) + " and " +
                     FormatFixed(plan.most_step_seconds, 2) + ")";
  text += study.request.step_seconds
              ? ".\n"
              : ",\ncomputed from the speed of products alone: nothing was trained for it.\n";
  text += "A trial is " + Tokens(plan.steps) + " steps, " +
          Hours(plan.trial_seconds / kSecondsOfHour) +
          " of the whole machine: " + Tokens(plan.trial_seconds) + " compute-seconds.\n";
  if (plan.trials) {
    text += "In " + Hours(*study.request.hours) + " there is time for " + Tokens(*plan.trials) +
            " trials to their end; about " + Tokens(*plan.trials_if_stopped) +
            " can be begun\nif of three trials one goes on after 1/9 and after 1/3 of the "
            "training.\n";
  }
  return text;
}

}  // namespace

ordered_json PlanJson(const PlanReport& report) {
  ordered_json out = {{"model", report.model},
                      {"architecture", report.architecture},
                      {"license", report.license},
                      {"file_bytes", report.file_bytes},
                      {"fetched_bytes", report.fetched_bytes},
                      {"context", report.request.context},
                      {"slots", report.request.slots},
                      {"kv_type", std::string(kernels::KvTypeName(report.request.kv))},
                      {"threads", report.target.threads},
                      {"machine", report.target.name},
                      {"memory", MemoryJson(report)},
                      {"fits", report.fits},
                      {"longest_context", report.longest_context},
                      {"speed", SpeedJson(report)}};
  for (const PlanReport::Page& page : report.pages) {
    out["tokens_per_1000_characters"][page.language] = page.tokens;
  }
  out["sizes"] = ordered_json::array();
  for (const plan::SizeAdvice& row : report.sizes) {
    out["sizes"].push_back(
        {{"name", row.name},
         {"bits_per_weight", row.bits_per_weight},
         {"file_bytes", row.file_bytes},
         {"peak_bytes", row.peak_bytes},
         {report.sizes_are_measured ? "kld_expected" : "kl_of_llama_3_8b", row.kl}});
  }
  if (report.rent) out["rent"] = RentJson(*report.rent);
  if (report.study) out["study"] = StudyJson(*report.study);
  return out;
}

std::string PlanText(const PlanReport& report) {
  std::string text = report.model + ": " + Printable(report.architecture) + ", " +
                     FormatBytes(report.file_bytes) + ", licence " +
                     (report.license.empty() ? "not stated" : Printable(report.license)) + "\n";
  if (report.fetched_bytes != 0) {
    text += FormatBytes(report.fetched_bytes) + " of it were fetched for this\n";
  }
  text += "\n" + MemoryText(report) + SpeedText(report) + SizesText(report);
  if (report.rent) text += RentText(report);
  if (report.study) text += StudyText(report);
  return text;
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul gap: how far one's own computing lies from others', by dated rows.

#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/dates.h"
#include "base/machine.h"
#include "formats/atomic_file.h"
#include "kernels/probes.h"
#include "plan/gap.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/gap_output.h"
#include "tools/gap_page.h"
#include "tools/json_output.h"
#include "tools/runtime.h"
#include "tools/version.h"

namespace altteul::tools {
namespace {

using plan::GapReport;

constexpr uint64_t kBandwidthBytes = uint64_t{512} << 20;  // as `doctor` measures

class GapCommand : public Command {
 public:
  std::string_view name() const override { return "gap"; }
  std::string_view summary() const override {
    return "how far this machine, or what you have, lies from the clusters of others";
  }

  void AddOptions(CLI::App& app) override {
    app_ = &app;
    app.add_option("--own", own_, "chips you have: \"4x RTX 3090, 2x L4\"; 'this' is this machine");
    app.add_option("--rent", rent_, "chip-hours you rent: \"500 H100-hours/month\"");
    app.add_option("--budget", budget_,
                   "what you can spend on rent: 5000usd a year, or 200usd/month");
    app.add_option("--country", country_, "of two letters: its total, and what is open to it");
    app.add_option("--html", html_, "also write a page in English and Korean, NAME.html");
    app.add_option("--lang", lang_, "in which the page opens: en or ko")->capture_default_str();
    app.add_option("--data", data_,
                   "folder with tables of your own: chips.csv, rent.csv, clusters.csv, "
                   "programmes.csv, papers.csv");
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(const PageLanguage language, ParsePageLanguage(lang_));
    if (!html_.empty() && !html_.ends_with(".html")) {
      return Status(ErrorCode::kInvalidArgument,
                    "--html " + html_ + ": the name of a page ends in .html");
    }
    ALT_ASSIGN_OR_RETURN(const plan::DataTables tables, plan::LoadDataTables(data_));
    ALT_ASSIGN_OR_RETURN(plan::GapQuestion question, ParseQuestion(tables));
    const std::string today = Today();
    // Before anything is measured, so that a wrong country is told at once.
    ALT_RETURN_IF_ERROR(plan::FindGap(tables, question, today).status());
    std::optional<formats::AtomicFile> page;
    if (!html_.empty()) {
      ALT_ASSIGN_OR_RETURN(page, formats::AtomicFile::Create(html_));
    }
    if (with_machine_) {
      ALT_ASSIGN_OR_RETURN(question.machine, Measure());
    }
    ALT_ASSIGN_OR_RETURN(const GapReport report, plan::FindGap(tables, question, today));
    if (page) {
      const std::string html = GapHtml(report, {.version = std::string(ProgramVersion()),
                                                .command = CommandLineOf(*app_),
                                                .today = today,
                                                .language = language});
      ALT_RETURN_IF_ERROR(page->Write(std::as_bytes(std::span(html))));
      ALT_RETURN_IF_ERROR(page->Commit());
    }
    Print(report, question);
    return Status();
  }

 private:
  Result<plan::GapQuestion> ParseQuestion(const plan::DataTables& tables) {
    plan::GapQuestion question;
    for (const auto& [option, text] : {std::pair("--own", &own_), std::pair("--rent", &rent_),
                                       std::pair("--budget", &budget_)}) {
      if (text->empty() && app_->count(option) > 0) {
        return Status(ErrorCode::kInvalidArgument, std::string(option) + ": an empty text");
      }
    }
    with_machine_ = own_ == "this" || (own_.empty() && rent_.empty() && budget_.empty());
    if (!own_.empty() && own_ != "this") {
      ALT_ASSIGN_OR_RETURN(question.owned, plan::ParseOwned(tables.chips, own_));
    }
    if (!rent_.empty()) {
      ALT_ASSIGN_OR_RETURN(question.rented, plan::ParseRented(tables.chips, rent_));
    }
    if (!budget_.empty()) {
      ALT_ASSIGN_OR_RETURN(question.budget, plan::ParseBudget(budget_));
    }
    question.country = country_;
    for (char& c : question.country) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return question;
  }

  Result<plan::MeasuredMachine> Measure() {
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    plan::MeasuredMachine machine;
    machine.processor = CpuModelName() + ", " + std::to_string(runtime->team->size()) +
                        (runtime->team->size() == 1 ? " thread" : " threads");
    // Measuring must not push a small machine into swapping.
    if (DetectMemory().available_bytes > 2 * kBandwidthBytes) {
      ALT_ASSIGN_OR_RETURN(
          machine.bytes_per_s,
          kernels::MeasureReadBandwidth(*runtime->team, runtime->clock, kBandwidthBytes));
    }
    machine.int8_ops_per_s =
        kernels::MeasurePeaks(*runtime->team, runtime->clock, runtime->compute->kernels().name)
            .team.int8_ops_per_s;
    return machine;
  }

  void Print(const GapReport& report, const plan::GapQuestion& question) const {
    if (json_) {
      PrintJson(GapAsJson(report, question.machine));
      return;
    }
    std::printf("%s", GapAsText(report, question.machine).c_str());
    if (!html_.empty()) std::fprintf(stderr, "%s: the same with sources\n", html_.c_str());
  }

  CLI::App* app_ = nullptr;
  std::string own_, rent_, budget_, country_, html_, data_;
  std::string lang_ = "en";
  bool json_ = false;
  bool with_machine_ = false;  ///< this machine is part of the answer, so it is measured
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeGap() { return std::make_unique<GapCommand>(); }

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/model_pull.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/human_units.h"
#include "base/machine.h"
#include "plan/memory_plan.h"
#include "tools/hub_environment.h"
#include "tools/interrupt.h"
#include "tools/plan_subject.h"
#include "tools/runtime.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

Result<std::string> VerdictOf(const ModelPull& pull, const PlanSubject& subject) {
  const size_t context = subject.DefaultContext();
  ALT_ASSIGN_OR_RETURN(
      const plan::MemoryPlan plan,
      plan::PlanMemory(
          subject.config, subject.weights,
          {.context = context, .threads = OnlineCores(), .base_bytes = subject.base_bytes}));
  const uint64_t free_bytes = DetectMemory().available_bytes;
  return FormatBytes(plan.Peak()) + " of memory with " + FormatCount(context) +
         " tokens of context, " + (plan.Peak() <= free_bytes ? "fits" : "DOES NOT FIT") + ": " +
         FormatBytes(free_bytes) + " are free here; altteul plan " + pull.name + " tells more";
}

/// A pull was here before, and said what there is to say.
bool IsBegun(const ModelPull& pull) {
  return std::any_of(
      pull.files.files.begin(), pull.files.files.end(), [&](const hub::IndexedFile& file) {
        return hub::IsBegun(pull.place.cache.BlobPath(
            pull.reference.repository, hub::BlobNameOf(pull.reference, pull.index, file)));
      });
}

bool IsWatched() { return isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0; }

/// A line on the terminal; an end of the input is a no.
bool SaysYes(const std::string& question) {
  std::fprintf(stderr, "%s [Y/n] ", question.c_str());
  std::string answer;
  if (!std::getline(std::cin, answer)) {
    std::fprintf(stderr, "\n");
    return false;
  }
  return answer.empty() || answer == "y" || answer == "Y" || answer == "yes";
}

Result<std::string> OfferedModelPath(const std::string& model, const Status& why, bool may_pull) {
  ALT_ASSIGN_OR_RETURN(const hub::HubPlace place, HubPlaceFromEnvironment());
  if (place.is_offline) {
    return Status(ErrorCode::kNotFound,
                  why.message() +
                      "; it is not asked for, because the environment says that "
                      "nothing is to be asked over the network (HF_HUB_OFFLINE)");
  }
  const std::string how = "altteul pull " + model + " fetches it, and so does --pull here";
  if (!may_pull && !IsWatched()) {
    return Status(ErrorCode::kNotFound, why.message() + "; " + how);
  }
  ALT_ASSIGN_OR_RETURN(const hub::HubReference reference,
                       hub::ParseHubReference(model.substr(kHubScheme.size())));
  const hub::FetchOptions options = FetchOptionsOf({});
  const auto asked = AskHub(model, place, reference, options.http);
  if (asked.status().code() == ErrorCode::kNetwork) {
    return Status(ErrorCode::kNetwork, why.message() + ", and " + asked.status().message());
  }
  ALT_RETURN_IF_ERROR(asked.status());
  const ModelPull& pull = asked.value();
  std::fprintf(stderr, "%s is not here yet\n", Printable(model).c_str());
  pull.Announce();
  ALT_RETURN_IF_ERROR(hub::CheckRoom(place, pull.missing.bytes));
  const std::string question = "fetch " + FormatBytes(pull.missing.bytes) + " now?";
  if (!may_pull && pull.missing.n_files != 0 && !SaysYes(question)) {
    if (Interrupted()) return Status(ErrorCode::kCancelled, "nothing was fetched");
    return Status(ErrorCode::kNotFound, why.message() + ", and nothing was fetched; " + how);
  }
  ALT_ASSIGN_OR_RETURN(const hub::FetchedModel fetched, pull.Fetch(options));
  return fetched.path;
}

}  // namespace

void ModelPull::Announce() const {
  std::fprintf(stderr, "%s, %zu %s, commit %s, licence %s%s\n", FormatBytes(files.bytes()).c_str(),
               files.files.size(), files.files.size() == 1 ? "file" : "files",
               index.commit.substr(0, 12).c_str(),
               index.license.empty() ? "not said" : Printable(index.license).c_str(),
               index.is_gated ? ", its terms must be accepted on the hub" : "");
  if (missing.n_files == 0) {
    std::fprintf(stderr, "all of it is in %s already\n", place.cache.folder().c_str());
  } else {
    std::fprintf(stderr, "%s of it are fetched from %s to %s\n", FormatBytes(missing.bytes).c_str(),
                 place.endpoint.c_str(), place.cache.folder().c_str());
  }
}

Result<hub::FileHeads> ModelPull::SayWhetherItFits(const hub::HttpOptions& http) const {
  if (missing.n_files == 0 || IsBegun(*this)) return hub::FileHeads();
  hub::HttpOptions patient = http;
  patient.timeout_s = 4 * http.stall_timeout_s;  // of a megabyte
  auto subject = [&]() -> Result<PlanSubject> {
    ALT_ASSIGN_OR_RETURN(const kernels::KernelTable* kernels, KernelsFromEnvironment());
    return OpenRemoteSubject(place, reference, index, files, patient, *kernels);
  }();
  if (subject.status().code() == ErrorCode::kRefused) return subject.status();
  const Result<std::string> verdict =
      subject.ok() ? VerdictOf(*this, subject.value()) : Result<std::string>(subject.status());
  if (verdict.ok()) {
    std::fprintf(stderr, "%s\n", TerminalLines(verdict.value()).c_str());
  } else {
    std::fprintf(stderr, "it cannot be said whether it will run here: %s\n",
                 verdict.status().message().c_str());
  }
  return subject.ok() ? std::move(subject.value().heads) : hub::FileHeads();
}

Result<hub::FetchedModel> ModelPull::Fetch(const hub::FetchOptions& options) const {
  ALT_ASSIGN_OR_RETURN(const hub::FileHeads heads, SayWhetherItFits(options.http));
  ALT_ASSIGN_OR_RETURN(hub::FetchedModel fetched,
                       hub::FetchModel(place, reference, index, files, options, heads));
  NoteFetched(place, reference.repository, fetched.blobs);
  for (const auto& [file, head] : heads) fetched.received_bytes += head.size();
  return fetched;
}

Result<ModelPull> AskHub(const std::string& name, const hub::HubPlace& place,
                         const hub::HubReference& reference, const hub::HttpOptions& http) {
  ModelPull pull{.name = name,
                 .place = place,
                 .reference = reference,
                 .index = {},
                 .files = {},
                 .missing = {}};
  ALT_ASSIGN_OR_RETURN(pull.index, hub::AskIndex(place, reference, http));
  ALT_ASSIGN_OR_RETURN(pull.files, hub::ChooseFiles(pull.index, reference.what));
  ALT_RETURN_IF_ERROR(hub::DescribeFiles(place, reference, pull.index, http, &pull.files));
  pull.missing = hub::MissingOf(place, reference, pull.index, pull.files);
  return pull;
}

hub::FetchOptions FetchOptionsOf(const PullSettings& settings) {
  hub::FetchOptions options;
  options.http.retries = settings.retries;
  options.http.stall_timeout_s = settings.stall_timeout_s;
  options.http.go_on = [] { return !Interrupted(); };
  options.http.log = StandardErrorLog();
  options.connections = settings.connections;
  options.progress = TerminalProgress("fetching: byte");
  options.log = StandardErrorLog();
  return options;
}

void NoteFetched(const hub::HubPlace& place, const hub::Repository& repository,
                 const std::vector<std::string>& blobs) {
  const Status noted = JournalFromEnvironment().Add(place.cache.folder(), repository, blobs);
  if (noted.ok()) return;
  std::fprintf(stderr, "warning: rm will not know that this is ours: %s\n",
               noted.message().c_str());
}

void AddPullFlag(CLI::App& app, bool* may_pull) {
  app.add_flag("--pull", *may_pull, "fetch a model hf:OWNER/NAME that is not here yet");
}

Result<std::string> ModelPath(const std::string& model, bool may_pull) {
  auto path = CachedModelPath(model);
  const bool is_missing = path.status().code() == ErrorCode::kNotFound;
  if (!is_missing || !model.starts_with(kHubScheme)) return path;
  return OfferedModelPath(model, path.status(), may_pull);
}

}  // namespace altteul::tools

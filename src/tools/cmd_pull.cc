// altteul pull MODEL: a model of a hub, whole and verified, where other programs find it too.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/human_units.h"
#include "base/machine.h"
#include "hub/bundle.h"
#include "hub/fetch_model.h"
#include "hub/file_url.h"
#include "plan/memory_plan.h"
#include "tools/command.h"
#include "tools/hub_environment.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/plan_subject.h"
#include "tools/runtime.h"

namespace altteul::tools {
namespace {

class PullCommand : public Command {
 public:
  std::string_view name() const override { return "pull"; }
  std::string_view summary() const override {
    return "fetch a model of a hub into the cache of huggingface_hub";
  }

  void AddOptions(CLI::App& app) override {
    app.add_option(
           "model", model_,
           "hf:OWNER/NAME[@REVISION][:FILE or TYPE], https://..., or a folder that --to made")
        ->required();
    app.add_option("--to", to_,
                   "a folder: makes a bundle for a network without a hub; pull FOLDER there "
                   "verifies it and takes it into the cache");
    app.add_option("--sha256", sha256_, "what a file of https:// must have");
    app.add_option("--connections", connections_, "that fetch at the same time")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    app.add_option("--retries", retries_, "tries in a row in which nothing comes, before it ends")
        ->check(CLI::Range(0, 100))
        ->capture_default_str();
    app.add_option("--stall-timeout", stall_timeout_s_, "seconds without a byte that end a try")
        ->check(CLI::Range(1.0, 3600.0))
        ->capture_default_str();
    app.add_flag("--dry-run", dry_run_,
                 "say what would be fetched and whether it fits; headers come, and nothing else");
    app.add_flag("--json", json_, "one JSON object");
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(const hub::HubPlace place, HubPlaceFromEnvironment());
    const bool is_url = model_.find("://") != std::string::npos;
    if (!sha256_.empty() && (!is_url || hub::ReferenceOfUrl(place.endpoint, model_))) {
      return Status(
          ErrorCode::kInvalidArgument,
          "--sha256 is for files of other servers; a hub and a bundle say themselves what "
          "their files must be");
    }
    hub::FetchOptions options;
    options.http.retries = retries_;
    options.http.stall_timeout_s = stall_timeout_s_;
    options.http.go_on = [] { return !Interrupted(); };
    options.connections = connections_;
    options.progress = TerminalProgress("fetching: byte");
    options.log = StandardErrorLog();
    if (model_.starts_with(kHubScheme)) {
      ALT_ASSIGN_OR_RETURN(const hub::HubReference reference,
                           hub::ParseHubReference(model_.substr(kHubScheme.size())));
      return PullModel(place, reference, options);
    }
    if (is_url) {
      const auto reference = hub::ReferenceOfUrl(place.endpoint, model_);
      return reference ? PullModel(place, *reference, options) : PullFile(place, options);
    }
    if (!to_.empty()) {
      return Status(ErrorCode::kInvalidArgument, "--to is for a model of a hub or a URL");
    }
    if (hub::IsBundle(model_)) return PullBundle(place, options);
    return Status(ErrorCode::kInvalidArgument,
                  "'" + model_ +
                      "' is neither hf:OWNER/NAME[:FILE or TYPE] nor a URL, and no "
                      "folder with " +
                      std::string(hub::kBundleFile));
  }

 private:
  Status PullModel(const hub::HubPlace& place, const hub::HubReference& reference,
                   const hub::FetchOptions& options) const {
    ALT_ASSIGN_OR_RETURN(const hub::ModelIndex index,
                         hub::AskIndex(place, reference, options.http));
    ALT_ASSIGN_OR_RETURN(const hub::ModelFiles files, hub::ChooseFiles(index, reference.what));
    const hub::Missing missing = hub::MissingOf(place, reference, index, files);
    Announce(place, index, files, missing);
    if (!dry_run_ && to_.empty()) ALT_RETURN_IF_ERROR(hub::CheckRoom(place, missing.bytes));
    hub::FileHeads heads;
    if (missing.n_files != 0 && !IsBegun(place, reference, files)) {
      heads = SayWhetherItFits(place, reference, index, files, options.http);
    }
    if (dry_run_) return Print(index, files, missing, {});
    if (!to_.empty()) {
      ALT_ASSIGN_OR_RETURN(const hub::FetchedModel bundled,
                           hub::MakeBundle(place, reference, index, files, options, to_));
      return Print(index, files, missing, bundled);
    }
    ALT_ASSIGN_OR_RETURN(hub::FetchedModel fetched,
                         hub::FetchModel(place, reference, index, files, options, heads));
    Note(place, reference.repository, fetched.blobs);
    for (const auto& [name, head] : heads) fetched.received_bytes += head.size();
    return Print(index, files, missing, fetched);
  }

  /// A file of any server, into --to or the folder where we are.
  Status PullFile(const hub::HubPlace& place, const hub::FetchOptions& options) const {
    if (place.is_offline) {
      return Status(ErrorCode::kRefused, model_ +
                                             ": the environment says that nothing is to be "
                                             "asked over the network");
    }
    // The hub's key is for the hub.
    ALT_ASSIGN_OR_RETURN(const hub::UrlFile file, hub::AskUrl(model_, sha256_, "", options.http));
    const std::filesystem::path folder = to_.empty() ? "." : to_;
    const std::string path = (folder / file.name).string();
    std::fprintf(stderr, "%s to %s, to be verified by %s\n", FormatBytes(file.bytes).c_str(),
                 path.c_str(), file.hash.c_str());
    hub::ModelIndex index;
    hub::ModelFiles files{.files = {{file.name, file.bytes, file.hash}}, .first = file.name};
    const hub::Missing missing{.bytes = file.bytes, .n_files = 1};
    if (dry_run_) return Print(index, files, missing, {});
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      return Status(ErrorCode::kRefused, path + ": is already there");
    }
    std::filesystem::create_directories(folder, error);
    ALT_ASSIGN_OR_RETURN(
        const hub::FileLock lock,
        hub::FileLock::Take((folder / ("." + file.name + ".lock")).string(), options.http.go_on));
    ALT_ASSIGN_OR_RETURN(
        const hub::Fetched fetched,
        hub::FetchFile({.url = model_, .path = path, .bytes = file.bytes, .hash = file.hash},
                       options));
    std::filesystem::remove(folder / ("." + file.name + ".lock"), error);
    hub::FetchedModel result;
    result.path = path;
    result.received_bytes = fetched.received_bytes;
    return Print(index, files, missing, result);
  }

  Status PullBundle(const hub::HubPlace& place, const hub::FetchOptions& options) const {
    ALT_ASSIGN_OR_RETURN(const hub::Bundle bundle, hub::ReadBundle(model_));
    hub::ModelFiles files{.files = bundle.index.files, .first = bundle.first};
    const hub::Missing missing = hub::MissingOf(place, bundle.reference, bundle.index, files);
    std::fprintf(stderr, "%s, commit %s, %s, licence %s\n", bundle.reference.repository.id.c_str(),
                 bundle.index.commit.substr(0, 12).c_str(), FormatBytes(files.bytes()).c_str(),
                 bundle.index.license.empty() ? "not said" : bundle.index.license.c_str());
    if (dry_run_) {
      ALT_RETURN_IF_ERROR(hub::VerifyBundle(model_, bundle, TerminalProgress("verifying: byte")));
      return Print(bundle.index, files, missing, {});
    }
    ALT_ASSIGN_OR_RETURN(const hub::FetchedModel installed,
                         hub::InstallBundle(place, model_, bundle, options));
    Note(place, bundle.reference.repository, installed.blobs);
    return Print(bundle.index, files, missing, installed);
  }

  static void Note(const hub::HubPlace& place, const hub::Repository& repository,
                   const std::vector<std::string>& blobs) {
    const Status noted = JournalFromEnvironment().Add(place.cache.folder(), repository, blobs);
    if (noted.ok()) return;
    std::fprintf(stderr, "warning: rm will not know that this is ours: %s\n",
                 noted.message().c_str());
  }

  static void Announce(const hub::HubPlace& place, const hub::ModelIndex& index,
                       const hub::ModelFiles& files, const hub::Missing& missing) {
    std::fprintf(stderr, "%s, %zu %s, commit %s, licence %s%s\n",
                 FormatBytes(files.bytes()).c_str(), files.files.size(),
                 files.files.size() == 1 ? "file" : "files", index.commit.substr(0, 12).c_str(),
                 index.license.empty() ? "not said" : index.license.c_str(),
                 index.is_gated ? ", its terms must be accepted on the hub" : "");
    if (missing.n_files == 0) {
      std::fprintf(stderr, "all of it is in %s already\n", place.cache.folder().c_str());
    } else {
      std::fprintf(stderr, "%s of it are fetched from %s to %s\n",
                   FormatBytes(missing.bytes).c_str(), place.endpoint.c_str(),
                   place.cache.folder().c_str());
    }
  }

  /// A pull was here before, and said what there is to say.
  static bool IsBegun(const hub::HubPlace& place, const hub::HubReference& reference,
                      const hub::ModelFiles& files) {
    return std::any_of(files.files.begin(), files.files.end(), [&](const hub::IndexedFile& file) {
      return hub::IsBegun(place.cache.BlobPath(reference.repository, file.hash));
    });
  }

  /// Before the first byte of weights, and never a reason not to fetch: it may be meant for another
  /// machine.
  /// @return what was fetched for it
  hub::FileHeads SayWhetherItFits(const hub::HubPlace& place, const hub::HubReference& reference,
                                  const hub::ModelIndex& index, const hub::ModelFiles& files,
                                  hub::HttpOptions http) const {
    http.timeout_s = 4 * stall_timeout_s_;  // of a megabyte
    auto subject = [&]() -> Result<PlanSubject> {
      ALT_ASSIGN_OR_RETURN(const kernels::KernelTable* kernels, KernelsFromEnvironment());
      return OpenRemoteSubject(place, reference, index, files, http, *kernels);
    }();
    const Result<std::string> verdict =
        subject.ok() ? Verdict(subject.value()) : Result<std::string>(subject.status());
    if (verdict.ok()) {
      std::fprintf(stderr, "%s\n", verdict.value().c_str());
    } else {
      std::fprintf(stderr, "it cannot be said whether it will run here: %s\n",
                   verdict.status().message().c_str());
    }
    return subject.ok() ? std::move(subject.value().heads) : hub::FileHeads();
  }

  Result<std::string> Verdict(const PlanSubject& subject) const {
    const size_t context = subject.DefaultContext();
    ALT_ASSIGN_OR_RETURN(
        const plan::MemoryPlan plan,
        plan::PlanMemory(
            subject.config, subject.weights,
            {.context = context, .threads = OnlineCores(), .base_bytes = subject.base_bytes}));
    const uint64_t free_bytes = DetectMemory().available_bytes;
    return FormatBytes(plan.Peak()) + " of memory with " + FormatCount(context) +
           " tokens of context, " + (plan.Peak() <= free_bytes ? "fits" : "DOES NOT FIT") + ": " +
           FormatBytes(free_bytes) + " are free here; altteul plan " + model_ + " tells more";
  }

  Status Print(const hub::ModelIndex& index, const hub::ModelFiles& files,
               const hub::Missing& missing, const hub::FetchedModel& fetched) const {
    if (!json_) {
      if (!dry_run_) std::printf("%s\n", fetched.path.c_str());
      return Status();
    }
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const hub::IndexedFile& file : files.files) {
      names.push_back({{"name", file.name}, {"bytes", file.bytes}, {"hash", file.hash}});
    }
    nlohmann::ordered_json json = {{"model", model_},          {"commit", index.commit},
                                   {"license", index.license}, {"gated", index.is_gated},
                                   {"bytes", files.bytes()},   {"missing_bytes", missing.bytes},
                                   {"files", std::move(names)}};
    if (!dry_run_) {
      json["received_bytes"] = fetched.received_bytes;
      json["path"] = fetched.path;
    }
    PrintJson(json);
    return Status();
  }

  std::string model_, to_, sha256_;
  int connections_ = 4;
  int retries_ = 8;
  double stall_timeout_s_ = 30;
  bool dry_run_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakePull() { return std::make_unique<PullCommand>(); }

}  // namespace altteul::tools

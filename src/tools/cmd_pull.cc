// SPDX-License-Identifier: Apache-2.0

// altteul pull MODEL: a model of a hub, whole and verified, where other programs find it too.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/human_units.h"
#include "hub/bundle.h"
#include "hub/fetch_model.h"
#include "hub/file_url.h"
#include "tools/command.h"
#include "tools/hub_environment.h"
#include "tools/json_output.h"
#include "tools/model_pull.h"
#include "tools/option_values.h"
#include "tools/runtime.h"
#include "tools/terminal_text.h"

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
    app.add_option("--connections", settings_.connections, "that fetch at the same time")
        ->check(WholeNumber(1, 32))
        ->capture_default_str();
    app.add_option("--retries", settings_.retries,
                   "tries in a row in which nothing comes, before it ends")
        ->check(WholeNumber(0, 100))
        ->capture_default_str();
    app.add_option("--stall-timeout", settings_.stall_timeout_s,
                   "seconds without a byte that end a try")
        ->check(RealNumber(1, 3600))
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
    const hub::FetchOptions options = FetchOptionsOf(settings_);
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
    ALT_ASSIGN_OR_RETURN(const ModelPull pull, AskHub(model_, place, reference, options.http));
    pull.Announce();
    if (!dry_run_ && to_.empty()) ALT_RETURN_IF_ERROR(hub::CheckRoom(place, pull.missing.bytes));
    if (dry_run_ || !to_.empty()) {
      ALT_RETURN_IF_ERROR(pull.SayWhetherItFits(options.http).status());
    }
    if (dry_run_) return Print(pull.index, pull.files, pull.missing, {});
    const auto fetched =
        to_.empty() ? pull.Fetch(options)
                    : hub::MakeBundle(place, reference, pull.index, pull.files, options, to_);
    ALT_RETURN_IF_ERROR(fetched.status());
    return Print(pull.index, pull.files, pull.missing, fetched.value());
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
    ALT_ASSIGN_OR_RETURN(const hub::Fetched fetched,
                         hub::FetchFile({.url = model_,
                                         .path = path,
                                         .bytes = file.bytes,
                                         .hash = file.hash,
                                         .is_hash_of_etag = file.is_hash_of_etag},
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
    std::fprintf(
        stderr, "%s, commit %s, %s, licence %s\n", bundle.reference.repository.id.c_str(),
        bundle.index.commit.substr(0, 12).c_str(), FormatBytes(files.bytes()).c_str(),
        bundle.index.license.empty() ? "not said" : Printable(bundle.index.license).c_str());
    if (dry_run_) {
      ALT_RETURN_IF_ERROR(hub::VerifyBundle(model_, bundle, TerminalProgress("verifying: byte")));
      return Print(bundle.index, files, missing, {});
    }
    ALT_ASSIGN_OR_RETURN(const hub::FetchedModel installed,
                         hub::InstallBundle(place, model_, bundle, options));
    NoteFetched(place, bundle.reference.repository, installed.blobs);
    return Print(bundle.index, files, missing, installed);
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
  PullSettings settings_;
  bool dry_run_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakePull() { return std::make_unique<PullCommand>(); }

}  // namespace altteul::tools

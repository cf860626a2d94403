// altteul pull MODEL: a model of a hub, whole and verified, where other programs find it too.

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/human_units.h"
#include "hub/fetch_model.h"
#include "tools/command.h"
#include "tools/hub_environment.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
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
    app.add_option("model", model_, "hf:OWNER/NAME[@REVISION][:FILE or TYPE]")->required();
    app.add_option("--connections", connections_, "that fetch at the same time")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    app.add_option("--retries", retries_, "tries in a row in which nothing comes, before it ends")
        ->check(CLI::Range(0, 100))
        ->capture_default_str();
    app.add_option("--stall-timeout", stall_timeout_s_, "seconds without a byte that end a try")
        ->check(CLI::Range(1.0, 3600.0))
        ->capture_default_str();
    app.add_flag("--dry-run", dry_run_, "say what would be fetched, and fetch nothing");
    app.add_flag("--json", json_, "one JSON object");
  }

  Status Run() override {
    if (!model_.starts_with(kHubScheme)) {
      return Status(ErrorCode::kInvalidArgument,
                    "'" + model_ + "' is no model of a hub: hf:OWNER/NAME[:FILE or TYPE]");
    }
    ALT_ASSIGN_OR_RETURN(const hub::HubPlace place, HubPlaceFromEnvironment());
    ALT_ASSIGN_OR_RETURN(const hub::HubReference reference,
                         hub::ParseHubReference(model_.substr(kHubScheme.size())));
    hub::FetchOptions options;
    options.http.retries = retries_;
    options.http.stall_timeout_s = stall_timeout_s_;
    options.http.go_on = [] { return !Interrupted(); };
    options.connections = connections_;
    options.progress = TerminalProgress("fetching: byte");
    options.log = StandardErrorLog();
    ALT_ASSIGN_OR_RETURN(const hub::ModelIndex index,
                         hub::AskIndex(place, reference, options.http));
    ALT_ASSIGN_OR_RETURN(const hub::ModelFiles files, hub::ChooseFiles(index, reference.what));
    const hub::Missing missing = hub::MissingOf(place, reference, index, files);
    Announce(place, index, files, missing);
    if (dry_run_) return Print(index, files, missing, {});
    ALT_ASSIGN_OR_RETURN(const hub::FetchedModel fetched,
                         hub::FetchModel(place, reference, index, files, options));
    return Print(index, files, missing, fetched);
  }

 private:
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

  std::string model_;
  int connections_ = 4;
  int retries_ = 8;
  double stall_timeout_s_ = 30;
  bool dry_run_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakePull() { return std::make_unique<PullCommand>(); }

}  // namespace altteul::tools

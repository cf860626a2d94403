// SPDX-License-Identifier: Apache-2.0

// altteul rm MODEL: gives the room of a model back that `pull` fetched.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "report/table.h"
#include "tools/command.h"
#include "tools/hub_environment.h"
#include "tools/interrupt.h"
#include "tools/json_output.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

using hub::HfCache;

class RmCommand : public Command {
 public:
  std::string_view name() const override { return "rm"; }
  std::string_view summary() const override {
    return "remove what pull fetched of a model; shows a list first";
  }

  void AddOptions(CLI::App& app) override {
    app.add_option("model", model_,
                   "hf:OWNER/NAME[@REVISION][:FILE or TYPE]; without file or type all of it")
        ->required();
    app.add_flag("-y,--yes", yes_, "remove without asking");
    app.add_flag("--dry-run", dry_run_, "show the list, and remove nothing");
    app.add_flag("--json", json_, "one JSON object");
  }

  Status Run() override {
    if (!model_.starts_with(kHubScheme)) {
      return Status(ErrorCode::kRefused,
                    "'" + model_ +
                        "' is not of a hub; what other programs keep is theirs, and "
                        "files of your own are yours to remove");
    }
    ALT_ASSIGN_OR_RETURN(const hub::HubPlace place, HubPlaceFromEnvironment());
    ALT_ASSIGN_OR_RETURN(const hub::HubReference reference,
                         hub::ParseHubReference(model_.substr(kHubScheme.size())));
    ALT_ASSIGN_OR_RETURN(const std::vector<HfCache::File> meant, FilesOf(place, reference));
    const auto ours = JournalFromEnvironment().Of(place.cache.folder(), reference.repository);
    std::vector<HfCache::File> removed;
    for (const HfCache::File& file : meant) {
      if (ours.contains(file.blob)) removed.push_back(file);
    }
    Show(meant, removed);
    if (!removed.empty() && !dry_run_) {
      ALT_RETURN_IF_ERROR(Ask());
      ALT_RETURN_IF_ERROR(Remove(place.cache, reference.repository, removed));
    }
    if (json_) PrintAsJson(meant, removed);
    if (!removed.empty() || meant.empty()) return Status();
    return Status(ErrorCode::kRefused,
                  model_ + ": another program fetched it; nothing was removed");
  }

 private:
  Result<std::vector<HfCache::File>> FilesOf(const hub::HubPlace& place,
                                             const hub::HubReference& reference) const {
    std::vector<HfCache::File> all = place.cache.Files(reference.repository);
    const bool one_revision = !reference.what.empty() || reference.revision != hub::kMainRevision;
    if (one_revision) {
      hub::HubPlace offline = place;
      offline.is_offline = true;
      ALT_ASSIGN_OR_RETURN(const hub::ModelIndex index, hub::AskIndex(offline, reference, {}));
      hub::ModelFiles chosen{.files = index.files, .first = {}};
      if (!reference.what.empty()) {
        ALT_ASSIGN_OR_RETURN(chosen, hub::ChooseFiles(index, reference.what));
      }
      std::erase_if(all, [&](const HfCache::File& file) {
        const auto is_it = [&](const hub::IndexedFile& each) { return each.name == file.name; };
        return file.commit != index.commit || std::ranges::none_of(chosen.files, is_it);
      });
    }
    if (!all.empty()) return all;
    return Status(ErrorCode::kNotFound, model_ + ": is not in " + place.cache.folder());
  }

  static Status Remove(const HfCache& cache, const hub::Repository& repository,
                       const std::vector<HfCache::File>& files) {
    for (const HfCache::File& file : files) {
      ALT_RETURN_IF_ERROR(
          cache.Remove(repository, file.commit, file.name, [] { return !Interrupted(); }));
    }
    return Status();
  }

  static void Show(const std::vector<HfCache::File>& meant,
                   const std::vector<HfCache::File>& removed) {
    report::Table table({"file", "revision", "bytes", ""});
    uint64_t bytes = 0;
    for (const HfCache::File& file : meant) {
      const bool goes = std::ranges::any_of(removed, [&](const HfCache::File& each) {
        return each.commit == file.commit && each.name == file.name;
      });
      if (goes) bytes += file.bytes;
      table.AddRow({Printable(file.name), file.commit.substr(0, 12), FormatBytes(file.bytes),
                    goes ? "is removed" : "stays: another program fetched it"});
    }
    std::fprintf(stderr, "%s%s in all\n", table.ToString().c_str(), FormatBytes(bytes).c_str());
  }

  Status Ask() const {
    if (yes_) return Status();
    if (isatty(STDIN_FILENO) == 0) {
      return Status(ErrorCode::kRefused, "nobody can be asked here; --yes removes the list above");
    }
    std::fprintf(stderr, "Remove them? [y/N] ");
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return Status();
    return Status(ErrorCode::kCancelled, "nothing was removed");
  }

  void PrintAsJson(const std::vector<HfCache::File>& meant,
                   const std::vector<HfCache::File>& removed) const {
    const auto names = [](const std::vector<HfCache::File>& files) {
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const HfCache::File& file : files) {
        list.push_back({{"name", file.name}, {"commit", file.commit}, {"bytes", file.bytes}});
      }
      return list;
    };
    PrintJson({{"model", model_},
               {"files", names(meant)},
               {dry_run_ ? "would_be_removed" : "removed", names(removed)}});
  }

  std::string model_;
  bool yes_ = false, dry_run_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeRm() { return std::make_unique<RmCommand>(); }

}  // namespace altteul::tools

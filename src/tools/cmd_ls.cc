// SPDX-License-Identifier: Apache-2.0

// altteul ls: the models that are on this machine, whoever fetched them.

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "report/table.h"
#include "tools/command.h"
#include "tools/hub_environment.h"
#include "tools/json_output.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

/// A file that can be opened by its name, or the files of a folder.
struct Row {
  std::string name, store, path;
  uint64_t bytes = 0;
  std::string hash;  // of the content; empty where it is not known, or several files
};

bool IsWeights(const std::string& name) { return name.ends_with(".safetensors"); }

/// Of each repository its GGUF files, and each snapshot of safetensors.
void AddHub(const hub::HfCache& cache, const hub::HfCache::Listed& listed, std::vector<Row>* rows) {
  std::map<std::string, Row> folders;  // by commit
  for (const hub::HfCache::File& file : listed.files) {
    // The revision is named where it is not the one that is opened without it.
    const bool is_main = cache.CommitOf(listed.repository, hub::kMainRevision) == file.commit;
    const std::string model = std::string(kHubScheme) + listed.repository.id +
                              (is_main ? "" : "@" + file.commit.substr(0, 12));
    const std::string snapshot =
        cache.RepositoryFolder(listed.repository) + "/snapshots/" + file.commit;
    if (file.name.ends_with(".gguf")) {
      rows->push_back({.name = model + ":" + file.name,
                       .store = "hub",
                       .path = snapshot + "/" + file.name,
                       .bytes = file.bytes,
                       .hash = file.blob});
      continue;
    }
    if (!IsWeights(file.name)) continue;
    Row& row = folders[file.commit];
    row.name = model;
    row.store = "hub";
    row.path = snapshot;
    row.bytes += file.bytes;
  }
  for (auto& folder : folders) rows->push_back(std::move(folder.second));
}

class LsCommand : public Command {
 public:
  std::string_view name() const override { return "ls"; }
  std::string_view summary() const override {
    return "models on this machine: of hubs, Ollama and LM Studio";
  }

  void AddOptions(CLI::App& app) override { app.add_flag("--json", json_, "one JSON object"); }

  Status Run() override {
    std::vector<Row> rows;
    ALT_ASSIGN_OR_RETURN(const hub::HubPlace place, HubPlaceFromEnvironment());
    ALT_ASSIGN_OR_RETURN(const auto repositories, place.cache.List());
    for (const auto& listed : repositories) AddHub(place.cache, listed, &rows);
    for (const hub::StoredModel& model : OtherModelsFromEnvironment()) {
      const bool is_ollama = model.name.starts_with(hub::kOllamaScheme);
      rows.push_back({.name = model.name,
                      .store = is_ollama ? "Ollama" : "LM Studio",
                      .path = model.path,
                      .bytes = model.bytes,
                      .hash = model.sha256});
    }
    Print(place.cache.folder(), rows);
    return Status();
  }

 private:
  void Print(const std::string& cache, const std::vector<Row>& rows) const {
    // The same content twice on the disk: two paths, not two names of one.
    std::map<std::string, std::map<std::string, uint64_t>> paths;  // by hash
    for (const Row& row : rows) {
      if (!row.hash.empty()) paths[row.hash][row.store] = row.bytes;
    }
    uint64_t twice = 0;
    for (const auto& [hash, stores] : paths) {
      if (stores.size() > 1) twice += (stores.size() - 1) * stores.begin()->second;
    }
    if (json_) {
      nlohmann::ordered_json out = {
          {"cache", cache}, {"models", nlohmann::json::array()}, {"twice_bytes", twice}};
      for (const Row& row : rows) {
        out["models"].push_back({{"name", row.name},
                                 {"store", row.store},
                                 {"path", row.path},
                                 {"bytes", row.bytes},
                                 {"hash", row.hash}});
      }
      PrintJson(out);
      return;
    }
    report::Table table({"model", "bytes", "kept by"});
    for (const Row& row : rows) {
      table.AddRow({Printable(row.name), FormatBytes(row.bytes), row.store});
    }
    std::printf("%s", table.ToString().c_str());
    if (rows.empty())
      std::printf("none; altteul pull hf:OWNER/NAME fetches one into %s\n", cache.c_str());
    if (twice != 0) {
      std::printf("\n%s are on the disk twice, because two programs keep the same file.\n",
                  FormatBytes(twice).c_str());
    }
  }

  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeLs() { return std::make_unique<LsCommand>(); }

}  // namespace altteul::tools

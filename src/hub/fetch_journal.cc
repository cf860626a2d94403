// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace altteul::hub {

Status FetchJournal::Add(const std::string& folder, const Repository& repository,
                         const std::vector<std::string>& hashes) const {
  if (hashes.empty()) return Status();
  std::string lines;
  for (const std::string& hash : hashes) {
    const nlohmann::ordered_json line = {
        {"cache", folder}, {"repository", repository.id}, {"blob", hash}};
    lines += line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const bool written =
      file >= 0 && write(file, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size());
  const int reason = errno;
  if (file >= 0) close(file);
  if (written) return Status();
  return Status(ErrorCode::kIoError, path_ + ": cannot add to it: " + std::strerror(reason));
}

std::set<std::string, std::less<>> FetchJournal::Of(const std::string& folder,
                                                    const Repository& repository) const {
  std::set<std::string, std::less<>> hashes;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    const auto says = [&entry](const char* key) {
      const auto found = entry.find(key);
      return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
    };
    if (says("cache") == folder && says("repository") == repository.id) {
      hashes.insert(says("blob"));
    }
  }
  return hashes;
}

}  // namespace altteul::hub

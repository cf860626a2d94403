// SPDX-License-Identifier: Apache-2.0

#include "hub/model_index.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/ascii.h"

namespace altteul::hub {
namespace {

using nlohmann::json;

constexpr size_t kMostFiles = 100'000;
constexpr std::string_view kLicenseTag = "license:";

const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string TextOf(const json& object, const char* key) {
  const json* member = Member(object, key);
  return member != nullptr && member->is_string() ? member->get<std::string>() : std::string();
}

std::string LicenseOf(const json& root) {
  if (const json* card = Member(root, "cardData")) {
    if (std::string license = TextOf(*card, "license"); !license.empty()) return license;
  }
  const json* tags = Member(root, "tags");
  if (tags == nullptr || !tags->is_array()) return "";
  for (const json& tag : *tags) {
    if (!tag.is_string()) continue;
    const auto& text = tag.get_ref<const std::string&>();
    if (text.starts_with(kLicenseTag)) return text.substr(kLicenseTag.size());
  }
  return "";
}

/// @return what is wrong with it; empty: nothing
std::string ReadFile(const json& sibling, IndexedFile* file) {
  file->name = TextOf(sibling, "rfilename");
  if (const Status named = CheckFileName(file->name); !named.ok()) return named.message();
  // Large files are in a store of their own, by SHA-256.
  const json* large = Member(sibling, "lfs");
  const json& place = large != nullptr && large->is_object() ? *large : sibling;
  const json* hash = Member(place, &place == &sibling ? "blobId" : "sha256");
  const json* size = Member(place, "size");
  const bool has_hash = hash != nullptr && !hash->is_null();
  const bool has_size = size != nullptr && !size->is_null();
  if (has_hash) {
    file->hash = hash->is_string() ? hash->get<std::string>() : std::string();
    file->hash = Lower(file->hash);  // some write capitals; files are named without
    if (!IsBlobHash(file->hash)) return file->name + " has a hash that is none";
  }
  if (has_size) {
    if (!size->is_number_unsigned()) return file->name + " has a size that is none";
    file->bytes = size->get<uint64_t>();
  }
  file->is_described = has_hash && has_size;
  return "";
}

}  // namespace

const IndexedFile* ModelIndex::Find(std::string_view name) const {
  const auto found = std::ranges::find(files, name, &IndexedFile::name);
  return found == files.end() ? nullptr : &*found;
}

std::string IndexUrl(std::string_view endpoint, const Repository& repository,
                     std::string_view revision) {
  // A revision's slashes are part of its name, not of the path.
  std::string encoded = UrlEncoded(revision);
  for (size_t at = encoded.find('/'); at != encoded.npos; at = encoded.find('/', at)) {
    encoded.replace(at, 1, "%2F");
  }
  return std::string(endpoint) + "/api/models/" + repository.id + "/revision/" + encoded +
         "?blobs=true";
}

std::string FileUrl(std::string_view endpoint, const Repository& repository,
                    std::string_view commit, std::string_view file) {
  return std::string(endpoint) + "/" + repository.id + "/resolve/" + std::string(commit) + "/" +
         UrlEncoded(file);
}

Result<ModelIndex> ParseModelIndex(std::string_view answer, const std::string& url) {
  const auto refused = [&](const std::string& why) {
    return Status(ErrorCode::kNetwork, url + ": the answer is no index of a model: " + why);
  };
  const json root = json::parse(answer, nullptr, false);
  if (root.is_discarded() || !root.is_object()) {
    const bool is_page = answer.substr(0, answer.find_first_not_of(" \t\r\n") + 1).ends_with('<');
    return refused(is_page ? "it is a page of HTML, as proxies and logins send it"
                           : "it is no JSON object");
  }
  ModelIndex index;
  index.commit = TextOf(root, "sha");
  if (!IsCommit(index.commit)) return refused("it names no commit");
  index.license = LicenseOf(root);
  const json* gated = Member(root, "gated");
  index.is_gated = gated != nullptr && (gated->is_string() || *gated == true);
  const json* siblings = Member(root, "siblings");
  if (siblings == nullptr || !siblings->is_array()) return refused("it names no files");
  if (siblings->size() > kMostFiles) return refused("it names more than 100,000 files");
  std::set<std::string> names;
  for (const json& sibling : *siblings) {
    IndexedFile file;
    if (const std::string wrong = ReadFile(sibling, &file); !wrong.empty()) return refused(wrong);
    if (!names.insert(file.name).second) return refused(file.name + " is there twice");
    index.files.push_back(std::move(file));
  }
  return index;
}

}  // namespace altteul::hub

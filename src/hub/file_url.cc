// SPDX-License-Identifier: Apache-2.0

#include "hub/file_url.h"

#include "base/ascii.h"
#include "hub/file_facts.h"
#include "hub/repository.h"

namespace altteul::hub {
namespace {

constexpr size_t kSha256Digits = 64;

/// The part before the next '/', which is taken off `rest` with it.
std::string_view NextPart(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
  return part;
}

}  // namespace

std::optional<HubReference> ReferenceOfUrl(std::string_view endpoint, std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  if (!url.starts_with(endpoint) || url.size() <= endpoint.size() || url[endpoint.size()] != '/') {
    return std::nullopt;
  }
  std::string_view rest = url.substr(endpoint.size() + 1);
  const std::string_view owner = NextPart(rest), name = NextPart(rest);
  const auto repository = ParseRepository(std::string(owner) + "/" + std::string(name));
  if (!repository.ok() || owner.empty() || name.empty()) return std::nullopt;
  HubReference reference;
  reference.repository = repository.value();
  const std::string_view kind = NextPart(rest);
  if (kind.empty()) return reference;
  if (kind != "tree" && kind != "blob" && kind != "resolve") return std::nullopt;
  reference.revision = NextPart(rest);
  reference.what = rest;
  const bool is_file = kind != "tree";
  if (!CheckRevision(reference.revision).ok() || is_file == reference.what.empty()) {
    return std::nullopt;
  }
  if (is_file && !CheckFileName(reference.what).ok()) return std::nullopt;
  return reference;
}

Result<UrlFile> AskUrl(const std::string& url, const std::string& given, const std::string& key,
                       const HttpOptions& http) {
  UrlFile file;
  const std::string sha256 = Lower(given);  // Windows' own programs print capitals
  const std::string path = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = path.find("://");
  const size_t host = scheme == path.npos ? path.npos : path.find('/', scheme + 3);
  file.name = host == path.npos ? "" : path.substr(path.rfind('/') + 1);
  if (file.name.empty() || !CheckFileName(file.name).ok() || file.name.find('%') != path.npos) {
    return Status(ErrorCode::kInvalidArgument, url + ": does not end in a file's plain name");
  }
  if (!sha256.empty() && (sha256.size() != kSha256Digits || !IsBlobHash(sha256))) {
    return Status(ErrorCode::kInvalidArgument,
                  "'" + given + "' is no SHA-256: 64 digits of 0 to 9 and a to f");
  }
  ALT_ASSIGN_OR_RETURN(const auto client, HttpClient::Create(http));
  ALT_ASSIGN_OR_RETURN(const FileFacts facts, AskFacts(*client, url, key));
  file.bytes = facts.bytes.value_or(0);
  if (file.bytes == 0) return Status(ErrorCode::kNetwork, url + ": the file is empty");
  file.hash = sha256.empty() ? facts.hash : sha256;
  file.is_hash_of_etag = sha256.empty();
  if (!file.hash.empty()) return file;
  return Status(ErrorCode::kRefused,
                url +
                    ": nothing says what the file must be, so what comes could not be verified; "
                    "give --sha256, which most sites show beside the file");
}

}  // namespace altteul::hub

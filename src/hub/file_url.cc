#include "hub/file_url.h"

#include <algorithm>
#include <cctype>

#include "hub/repository.h"

namespace altteul::hub {
namespace {

constexpr size_t kSha256Digits = 64;

std::optional<uint64_t> NumberIn(std::string_view text) {
  constexpr size_t kMostDigits = 18;
  const bool digits = std::ranges::all_of(
      text, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
  if (text.empty() || text.size() > kMostDigits || !digits) return std::nullopt;
  return std::stoull(std::string(text));
}

/// The part before the next '/', which is taken off `rest` with it.
std::string_view NextPart(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
  return part;
}

/// An ETag is quoted, and may be marked as weak.
std::string HashIn(const HttpHeaders& headers) {
  for (const char* name : {"x-linked-etag", "etag"}) {
    const auto found = headers.find(name);
    if (found == headers.end()) continue;
    std::string tag = found->second;
    if (tag.starts_with("W/")) continue;  // not of these very bytes
    std::erase(tag, '"');
    if (IsBlobHash(tag)) return tag;
  }
  return "";
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

Result<UrlFile> AskUrl(const std::string& url, const std::string& sha256, const std::string& key,
                       const HttpOptions& http) {
  UrlFile file;
  const std::string path = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = path.find("://");
  const size_t host = scheme == path.npos ? path.npos : path.find('/', scheme + 3);
  file.name = host == path.npos ? "" : path.substr(path.rfind('/') + 1);
  if (file.name.empty() || !CheckFileName(file.name).ok() || file.name.find('%') != path.npos) {
    return Status(ErrorCode::kInvalidArgument, url + ": does not end in a file's plain name");
  }
  if (!sha256.empty() && (sha256.size() != kSha256Digits || !IsBlobHash(sha256))) {
    return Status(ErrorCode::kInvalidArgument,
                  "'" + sha256 + "' is no SHA-256: 64 digits of 0 to 9 and a to f");
  }
  ALT_ASSIGN_OR_RETURN(const auto client, HttpClient::Create(http));
  ALT_ASSIGN_OR_RETURN(HttpResponse response,
                       client->Get({.url = url, .key = key, .range = ByteRange{0, 1}}));
  if (response.status != 206 && response.status != 200) {
    const bool refused = response.status == 401 || response.status == 403;
    const bool missing = response.status == 404 || response.status == 410;
    return Status(refused   ? ErrorCode::kRefused
                  : missing ? ErrorCode::kNotFound
                            : ErrorCode::kNetwork,
                  url + ": HTTP status " + std::to_string(response.status));
  }
  const HttpHead head{.status = response.status, .headers = std::move(response.headers)};
  const auto part = head.PartSent();
  const auto length = head.headers.find("content-length");
  if (part && part->total) {
    file.bytes = *part->total;
  } else if (response.status == 200 && length != head.headers.end()) {
    file.bytes = NumberIn(length->second).value_or(0);
  }
  if (file.bytes == 0) {
    return Status(ErrorCode::kNetwork, url + ": the server does not say how large the file is");
  }
  file.hash = sha256.empty() ? HashIn(head.headers) : sha256;
  if (!file.hash.empty()) return file;
  return Status(ErrorCode::kRefused,
                url +
                    ": nothing says what the file must be, so what comes could not be verified; "
                    "give --sha256, which most sites show beside the file");
}

}  // namespace altteul::hub

// SPDX-License-Identifier: Apache-2.0

#include "hub/file_facts.h"

#include <algorithm>
#include <cctype>
#include <span>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "hub/repository.h"

namespace altteul::hub {
namespace {

std::optional<uint64_t> NumberIn(std::string_view text) {
  constexpr size_t kMostDigits = 18;
  const bool digits = std::ranges::all_of(
      text, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
  if (text.empty() || text.size() > kMostDigits || !digits) return std::nullopt;
  return std::stoull(std::string(text));
}

/// An ETag is quoted, and marked as weak by servers that may also send the file packed. We ask for
/// it as it is, and a hash that is not of these bytes would be noticed. In small letters, as files
/// are named by it.
std::string HashIn(const HttpHeaders& headers, const char* name) {
  const auto found = headers.find(name);
  if (found == headers.end()) return "";
  std::string tag = found->second;
  if (tag.starts_with("W/")) tag.erase(0, 2);
  std::erase(tag, '"');
  tag = Lower(tag);
  return IsBlobHash(tag) ? tag : "";
}

std::optional<uint64_t> LinkedSizeIn(const HttpHeaders& headers) {
  const auto found = headers.find("x-linked-size");
  return found == headers.end() ? std::nullopt : NumberIn(found->second);
}

bool IsAnswered(int status) { return status == 200 || status == 206; }

Status RefusalOf(const std::string& url, int status) {
  const bool refused = status == 401 || status == 403;
  const bool missing = status == 404 || status == 410;
  return Status(refused   ? ErrorCode::kRefused
                : missing ? ErrorCode::kNotFound
                          : ErrorCode::kNetwork,
                url + ": HTTP status " + std::to_string(status));
}

/// The head of the answer to a request for the first byte; the body does not come, also where the
/// server sends all of it.
Result<HttpHead> HeadByFirstByte(HttpClient& client, const std::string& url,
                                 const std::string& key) {
  HttpHead head;
  const auto received =
      client.Receive({.url = url, .key = key, .range = ByteRange{0, 1}},
                     [&head](const HttpHead& answer, std::span<const std::byte>) {
                       head = answer;
                       return Status(ErrorCode::kCancelled, "enough");  // ends the transfer
                     });
  if (head.status != 0) return head;
  ALT_RETURN_IF_ERROR(received.status());
  const Reception& reception = received.value();
  if (reception.head.status != 0) return reception.head;
  return Status(ErrorCode::kNetwork, url + ": " + reception.reason);
}

}  // namespace

FileFacts FactsIn(const HttpHead& head) {
  FileFacts facts;
  for (const char* name : {"x-linked-etag", "x-checksum-sha256", "etag"}) {
    for (const HttpHeaders* headers : {&head.redirect_headers, &head.headers}) {
      if (facts.hash.empty()) facts.hash = HashIn(*headers, name);
    }
  }
  for (const HttpHeaders* headers : {&head.redirect_headers, &head.headers}) {
    if (!facts.bytes) facts.bytes = LinkedSizeIn(*headers);
  }
  const auto part = head.PartSent();
  const auto length = head.headers.find("content-length");
  if (!facts.bytes && part) facts.bytes = part->total;
  if (!facts.bytes && head.status == 200 && length != head.headers.end()) {
    facts.bytes = NumberIn(length->second);
  }
  return facts;
}

Result<FileFacts> AskFacts(HttpClient& client, const std::string& url, const std::string& key) {
  ALT_ASSIGN_OR_RETURN(HttpResponse response, client.Head({.url = url, .key = key}));
  HttpHead head{.status = response.status,
                .headers = std::move(response.headers),
                .redirect_headers = std::move(response.redirect_headers)};
  FileFacts facts = FactsIn(head);
  if (IsAnswered(head.status) && facts.bytes) return facts;
  ALT_ASSIGN_OR_RETURN(head, HeadByFirstByte(client, url, key));
  if (!IsAnswered(head.status)) return RefusalOf(url, head.status);
  facts = FactsIn(head);
  if (facts.bytes) return facts;
  return Status(ErrorCode::kNetwork, url + ": the server does not say how large the file is");
}

}  // namespace altteul::hub

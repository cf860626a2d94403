// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_range.h"

#include <utility>

namespace altteul::hub {
namespace {

ErrorCode CodeOf(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kRefused;
    case 404:
    case 410:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kNetwork;
  }
}

}  // namespace

Result<std::string> FetchRange(HttpClient& client, const std::string& url, const std::string& key,
                               const ByteRange& range, uint64_t total) {
  if (range.count == 0) return std::string();
  ALT_ASSIGN_OR_RETURN(HttpResponse response, client.Get({.url = url, .key = key, .range = range}));
  const std::string asked = url + ": bytes " + std::to_string(range.first) + " to " +
                            std::to_string(range.first + range.count - 1) + " of " +
                            std::to_string(total) + " were asked for, ";
  const bool is_whole = response.status == 200 && range.first == 0 && range.count == total;
  if (response.status != 206 && !is_whole) {
    return Status(CodeOf(response.status),
                  response.status == 200
                      ? asked + "and the server sent the file from its beginning"
                      : url + ": HTTP status " + std::to_string(response.status));
  }
  const HttpHead head{.status = response.status, .headers = std::move(response.headers)};
  const auto part = head.PartSent();
  const bool other = !is_whole && (!part || part->range.first != range.first ||
                                   part->total.value_or(total) != total);
  if (other || response.body.size() != range.count) {
    return Status(ErrorCode::kNetwork,
                  asked + "and " + std::to_string(response.body.size()) + " others came");
  }
  return std::move(response.body);
}

}  // namespace altteul::hub

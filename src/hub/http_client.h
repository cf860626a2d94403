// SPDX-License-Identifier: Apache-2.0

// Requests over HTTP(S) that end: in a response, or in an error that names the URL and the reason.
//
// A peer may be slow, busy, gone or hostile. Each try has a time limit, a response has a largest
// size, a redirect never leaves the URL's scheme, and what may pass by itself (429, 500 to 504, a
// broken connection) is tried again after a growing wait. Nothing is sent but what the caller
// gives, and the caller's key never stands in a message.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"

namespace altteul::hub {

struct HttpOptions {
  double timeout_s = 120;                          ///< of one try, from connecting to the last byte
  double stall_timeout_s = 30;                     ///< of Receive(): without any byte
  double connect_timeout_s = 10;                   ///< of these, for connecting
  int retries = 3;                                 ///< tries after the first
  double first_wait_s = 1;                         ///< before the first retry; doubles with each
  double longest_wait_s = 60;                      ///< also of a Retry-After that asks for more
  uint64_t most_bytes = uint64_t{16} << 20;        ///< of a response's body
  std::function<bool()> go_on = {};                ///< asked about once a second; false ends with
                                                   ///< kCancelled. May be empty
  std::function<void(double seconds)> sleep = {};  ///< empty: the calling thread sleeps
  LogSink log = {};                                ///< of waits that a person would notice
};

/// Bytes of a file, [first, first + count).
struct ByteRange {
  uint64_t first = 0, count = 0;
};

struct HttpRequest {
  std::string url = {};   ///< http:// or https://
  std::string key = {};   ///< sent as "Authorization: Bearer KEY"; empty: none
  std::string body = {};  ///< of a POST
  std::string content_type = "application/json";
  std::optional<ByteRange> range = {};  ///< of a GET: asks for these bytes alone
};

/// What can be said about a request before it is sent.
/// @return kInvalidArgument for a URL of another scheme or with a name and password in it, or a key
///         that no header can hold; neither password nor key stands in the message
Status CheckRequest(const HttpRequest& request);

/// Names in lower case. Of a header that comes twice the last one counts.
using HttpHeaders = std::map<std::string, std::string, std::less<>>;

struct HttpResponse {
  int status = 0;  ///< any that is not worth a retry: 200, 404, ...
  std::string body;
  HttpHeaders headers;                ///< of the last answer, behind all redirects
  HttpHeaders redirect_headers = {};  ///< as HttpHead::redirect_headers
};

/// What a server says before a body.
struct HttpHead {
  int status = 0;
  HttpHeaders headers;
  /// Of the first answer that led elsewhere; empty: none did. Hubs say there what they know of a
  /// file that a store of another host sends.
  HttpHeaders redirect_headers = {};

  /// Of a 206, as its Content-Range says; nothing where it says none or what cannot be.
  struct Part {
    ByteRange range;
    std::optional<uint64_t> total;  ///< the whole file's size
  };
  std::optional<Part> PartSent() const;

  /// A page of HTML, as proxies and logins send in place of what was asked for.
  bool IsPage() const;
};

/// How one try to receive a body ended.
struct Reception {
  HttpHead head;             ///< status 0: there was no answer
  bool is_whole = false;     ///< the body came to its end, and its status is 2xx
  bool may_pass = false;     ///< otherwise: worth another try
  double retry_after_s = 0;  ///< that the peer asked for
  std::string reason;        ///< why it is not whole; the key never stands in it
};

/// Takes a body piece by piece; an error ends the transfer.
using BodySink = std::function<Status(const HttpHead& head, std::span<const std::byte> bytes)>;

/// Keeps its connection between requests. One request at a time.
class HttpClient {
 public:
  /// @return kOutOfMemory, kUnsupported when the library cannot start
  static Result<std::unique_ptr<HttpClient>> Create(const HttpOptions& options);
  ~HttpClient();

  /// @return as CheckRequest; kNetwork when no try was answered, when the last answer was one of
  ///         those worth a retry, or when the body is too large; kCancelled
  Result<HttpResponse> Get(const HttpRequest& request);

  /// Get() without the body, which does not come.
  Result<HttpResponse> Head(const HttpRequest& request);

  /// A body of any size, and the caller's own retries, because only he knows from where to go on.
  /// There is no limit of time as long as bytes come.
  /// @param sink  gets the bytes of answers with status 2xx alone
  /// @return as CheckRequest, kCancelled, and the sink's errors; everything else is a Reception
  Result<Reception> Receive(const HttpRequest& request, const BodySink& sink);

  /// The same with a body. A redirect is not followed: it would turn the POST into something else.
  Result<HttpResponse> Post(const HttpRequest& request);

 private:
  struct Handle;
  struct Try;
  enum class Method { kGet, kHead, kPost };

  HttpClient(const HttpOptions& options, std::unique_ptr<Handle> handle);
  Result<HttpResponse> Send(const HttpRequest& request, Method method);
  void Prepare(const HttpRequest& request, Method method, Try* attempt);
  void Perform(Try* attempt);
  bool Wait(double seconds) const;

  const HttpOptions options_;
  std::unique_ptr<Handle> handle_;
};

/// "WHAT; the next try is in 30 s", for waits of some seconds. @param asked_s  by the server
void SayWait(const LogSink& log, const std::string& what, double seconds, double asked_s);

/// `text` with each occurrence of `key` as "***", for words of a peer, who may repeat it.
std::string WithoutKey(std::string text, std::string_view key);

}  // namespace altteul::hub

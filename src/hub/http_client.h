// Requests over HTTP(S) that end: in a response, or in an error that names the URL and the reason.
//
// A peer may be slow, busy, gone or hostile. Each try has a time limit, a response has a largest
// size, a redirect never leaves the URL's scheme, and what may pass by itself (429, 500 to 504, a
// broken connection) is tried again after a growing wait. Nothing is sent but what the caller
// gives, and the caller's key never stands in a message.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace altteul::hub {

struct HttpOptions {
  double timeout_s = 120;                          ///< of one try, from connecting to the last byte
  double connect_timeout_s = 10;                   ///< of these, for connecting
  int retries = 3;                                 ///< tries after the first
  double first_wait_s = 1;                         ///< before the first retry; doubles with each
  double longest_wait_s = 60;                      ///< also of a Retry-After that asks for more
  uint64_t most_bytes = uint64_t{16} << 20;        ///< of a response's body
  std::function<bool()> go_on = {};                ///< asked about once a second; false ends with
                                                   ///< kCancelled. May be empty
  std::function<void(double seconds)> sleep = {};  ///< empty: the calling thread sleeps
};

struct HttpRequest {
  std::string url = {};   ///< http:// or https://
  std::string key = {};   ///< sent as "Authorization: Bearer KEY"; empty: none
  std::string body = {};  ///< of a POST
  std::string content_type = "application/json";
};

/// What can be said about a request before it is sent.
/// @return kInvalidArgument for a URL of another scheme or with a name and password in it, or a key
///         that no header can hold; neither password nor key stands in the message
Status CheckRequest(const HttpRequest& request);

struct HttpResponse {
  int status = 0;  ///< any that is not worth a retry: 200, 404, ...
  std::string body;
};

/// Keeps its connection between requests. One request at a time.
class HttpClient {
 public:
  /// @return kOutOfMemory, kUnsupported when the library cannot start
  static Result<std::unique_ptr<HttpClient>> Create(const HttpOptions& options);
  ~HttpClient();

  /// @return as CheckRequest; kNetwork when no try was answered, when the last answer was one of
  ///         those worth a retry, or when the body is too large; kCancelled
  Result<HttpResponse> Get(const HttpRequest& request);

  /// The same with a body. A redirect is not followed: it would turn the POST into something else.
  Result<HttpResponse> Post(const HttpRequest& request);

 private:
  struct Handle;
  struct Try;

  HttpClient(const HttpOptions& options, std::unique_ptr<Handle> handle);
  Result<HttpResponse> Send(const HttpRequest& request, bool post);
  void Prepare(const HttpRequest& request, bool post, Try* attempt);
  void Perform(Try* attempt);
  bool Wait(double seconds) const;

  const HttpOptions options_;
  std::unique_ptr<Handle> handle_;
};

/// `text` with each occurrence of `key` as "***", for words of a peer, who may repeat it.
std::string WithoutKey(std::string text, std::string_view key);

}  // namespace altteul::hub

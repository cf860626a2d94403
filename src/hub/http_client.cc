// SPDX-License-Identifier: Apache-2.0

#include "hub/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include "base/ascii.h"
#include "base/human_units.h"

namespace altteul::hub {
namespace {

constexpr int kTooMany = 429;
constexpr long kMostRedirects = 5;
constexpr double kLongWait = 3;  // [s] after which a person wonders
constexpr double kSlice = 0.1;   // [s] of a wait between two questions whether to go on

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

std::string_view SchemeOf(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme)) return scheme.substr(0, scheme.size() - 3);
  }
  return {};
}

bool WorthARetry(int status) {
  return status == kTooMany || status == 500 || (status >= 502 && status <= 504);
}

bool WorthARetry(CURLcode code) {
  constexpr std::array kPassing = {CURLE_COULDNT_CONNECT,    CURLE_COULDNT_RESOLVE_HOST,
                                   CURLE_OPERATION_TIMEDOUT, CURLE_GOT_NOTHING,
                                   CURLE_RECV_ERROR,         CURLE_SEND_ERROR,
                                   CURLE_PARTIAL_FILE};
  return std::find(kPassing.begin(), kPassing.end(), code) != kPassing.end();
}

/// A whole number without sign, and nothing else.
std::optional<uint64_t> NumberIn(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "HTTP/1.1 206 Partial Content" -> 206
int StatusIn(std::string_view line) {
  const size_t blank = line.find(' ');
  const auto status = blank == line.npos ? std::nullopt : NumberIn(line.substr(blank + 1, 3));
  return status ? static_cast<int>(*status) : 0;
}

}  // namespace

std::optional<HttpHead::Part> HttpHead::PartSent() const {
  const auto found = headers.find("content-range");
  constexpr std::string_view kUnit = "bytes ";
  if (status != 206 || found == headers.end()) return std::nullopt;
  std::string_view text = found->second;
  const size_t dash = text.find('-'), slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == text.npos || slash == text.npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = NumberIn(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = NumberIn(text.substr(dash + 1, slash - dash - 1));
  const std::string_view whole = text.substr(slash + 1);
  Part part;
  if (whole != "*") {
    part.total = NumberIn(whole);
    if (!part.total) return std::nullopt;
  }
  if (!first || !last || *last < *first || *last - *first == UINT64_MAX) return std::nullopt;
  if (part.total && *last >= *part.total) return std::nullopt;
  part.range = {*first, *last - *first + 1};
  return part;
}

struct HttpClient::Handle {
  CURL* curl = nullptr;
  ~Handle() { curl_easy_cleanup(curl); }
};

/// What the library's callbacks write to during one try.
struct HttpClient::Try {
  const HttpOptions* options = nullptr;
  const BodySink* sink = nullptr;  ///< null: the body is kept
  Status sunk;
  HttpHead head;
  HeaderList headers;
  std::array<char, CURL_ERROR_SIZE> error = {};
  std::string body;
  bool too_large = false;
  bool cancelled = false;
  CURLcode code = CURLE_OK;
  int status = 0;
  double retry_after_s = 0;  ///< that the peer asked for

  /// A line of an answer's head; a status line begins a new one.
  static size_t TakeHeader(char* bytes, size_t one, size_t count, void* self) {
    auto& attempt = *static_cast<Try*>(self);
    const std::string_view line(bytes, one * count);
    try {
      if (line.starts_with("HTTP/")) {
        const bool led_elsewhere = attempt.head.status >= 300 && attempt.head.status < 400;
        HttpHeaders redirect = std::move(attempt.head.redirect_headers);
        if (led_elsewhere && redirect.empty()) redirect = std::move(attempt.head.headers);
        attempt.head = {.status = StatusIn(line), .headers = {}, .redirect_headers = redirect};
      }
      const size_t colon = line.find(':');
      if (colon != line.npos) {
        attempt.head.headers[Lower(line.substr(0, colon))] =
            std::string(Trim(line.substr(colon + 1)));
      }
    } catch (const std::exception&) {  // an exception must not pass through the library
      attempt.too_large = true;
      return 0;
    }
    return line.size();
  }

  static size_t Take(char* bytes, size_t one, size_t count, void* self) {
    auto& attempt = *static_cast<Try*>(self);
    const size_t n = one * count;
    if (attempt.sink != nullptr) {
      if (!attempt.IsSuccess()) return n;  // the words of an error are of no use
      attempt.sunk = (*attempt.sink)(attempt.head, std::as_bytes(std::span(bytes, n)));
      return attempt.sunk.ok() ? n : 0;
    }
    if (n > attempt.options->most_bytes - attempt.body.size()) {
      attempt.too_large = true;
      return 0;  // ends the transfer
    }
    try {
      attempt.body.append(bytes, n);
    } catch (const std::exception&) {  // an exception must not pass through the library
      attempt.too_large = true;
      return 0;
    }
    return n;
  }

  static int Ask(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& attempt = *static_cast<Try*>(self);
    attempt.cancelled = attempt.options->go_on && !attempt.options->go_on();
    return attempt.cancelled ? 1 : 0;
  }

  bool IsSuccess() const { return head.status >= 200 && head.status < 300; }
  bool MayPass() const {
    if (cancelled || too_large || !sunk.ok()) return false;
    return code == CURLE_OK ? WorthARetry(status) : WorthARetry(code);
  }

  std::string Reason() const {
    if (too_large) {
      return "the response has more than the " + std::to_string(options->most_bytes) +
             " bytes that are read";
    }
    if (code == CURLE_OK) {
      return "HTTP status " + std::to_string(status) +
             (status == kTooMany ? " (too many requests)" : "");
    }
    if (code == CURLE_TOO_MANY_REDIRECTS) {
      return "the server leads on from one address to the next, more than " +
             std::to_string(kMostRedirects) + " times";
    }
    return error[0] != '\0' ? error.data() : curl_easy_strerror(code);
  }
};

HttpClient::HttpClient(const HttpOptions& options, std::unique_ptr<Handle> handle)
    : options_(options), handle_(std::move(handle)) {}

HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::Create(const HttpOptions& options) {
  // The library has a state of its own for the whole process; starting it is safe to do once only.
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) {
    return Status(ErrorCode::kUnsupported,
                  std::string("libcurl does not start: ") + curl_easy_strerror(started));
  }
  auto handle = std::make_unique<Handle>();
  handle->curl = curl_easy_init();
  if (handle->curl == nullptr) {
    return Status(ErrorCode::kOutOfMemory, "libcurl has no memory for a connection");
  }
  return std::unique_ptr<HttpClient>(new HttpClient(options, std::move(handle)));
}

Status CheckRequest(const HttpRequest& request) {
  const std::string_view url = request.url;
  const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::all_of(url.begin(), url.end(), printable)) {
    return Status(ErrorCode::kInvalidArgument, "a URL holds letters, digits and signs of ASCII");
  }
  const std::string_view scheme = SchemeOf(url);
  if (scheme.empty()) {
    return Status(ErrorCode::kInvalidArgument,
                  request.url + ": a URL begins with http:// or https://");
  }
  const std::string_view rest = url.substr(scheme.size() + 3);
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos) {
    // Not shown: what stands there is a password.
    return Status(ErrorCode::kInvalidArgument, "a URL must not hold a name and password");
  }
  if (!std::all_of(request.key.begin(), request.key.end(), printable)) {
    return Status(
        ErrorCode::kInvalidArgument,
        "the key holds a blank, a line end or another character that no header can carry");
  }
  return Status();
}

Result<HttpResponse> HttpClient::Get(const HttpRequest& request) {
  return Send(request, Method::kGet);
}

Result<HttpResponse> HttpClient::Head(const HttpRequest& request) {
  return Send(request, Method::kHead);
}

Result<HttpResponse> HttpClient::Post(const HttpRequest& request) {
  return Send(request, Method::kPost);
}

Result<HttpResponse> HttpClient::Send(const HttpRequest& request, Method method) {
  ALT_RETURN_IF_ERROR(CheckRequest(request));
  double wait_s = options_.first_wait_s;
  for (int done = 0;; ++done) {
    Try attempt;
    Prepare(request, method, &attempt);
    Perform(&attempt);
    if (attempt.cancelled) {
      return Status(ErrorCode::kCancelled, request.url + ": the request was interrupted");
    }
    const bool may_pass = attempt.MayPass();
    if (attempt.code == CURLE_OK && !may_pass) {
      return HttpResponse{.status = attempt.status,
                          .body = std::move(attempt.body),
                          .headers = std::move(attempt.head.headers),
                          .redirect_headers = std::move(attempt.head.redirect_headers)};
    }
    if (!may_pass || done >= options_.retries) {
      const std::string tries =
          done == 0 ? "" : ", at the end of " + std::to_string(done + 1) + " tries";
      const std::string advice = may_pass ? "; try again later" : "";
      return Status(
          ErrorCode::kNetwork,
          WithoutKey(request.url + ": " + attempt.Reason() + tries + advice, request.key));
    }
    const double wait = std::min(std::max(wait_s, attempt.retry_after_s), options_.longest_wait_s);
    SayWait(options_.log, WithoutKey(request.url + ": " + attempt.Reason(), request.key), wait,
            attempt.retry_after_s);
    if (!Wait(wait)) {
      return Status(ErrorCode::kCancelled, request.url + ": waiting to try again was interrupted");
    }
    wait_s *= 2;
  }
}

Result<Reception> HttpClient::Receive(const HttpRequest& request, const BodySink& sink) {
  ALT_RETURN_IF_ERROR(CheckRequest(request));
  Try attempt;
  attempt.sink = &sink;
  Prepare(request, Method::kGet, &attempt);
  Perform(&attempt);
  if (attempt.cancelled) {
    return Status(ErrorCode::kCancelled, request.url + ": the transfer was interrupted");
  }
  ALT_RETURN_IF_ERROR(attempt.sunk);
  Reception reception;
  reception.is_whole = attempt.code == CURLE_OK && attempt.IsSuccess();
  if (!reception.is_whole) {
    reception.may_pass = attempt.MayPass();
    reception.retry_after_s = attempt.retry_after_s;
    reception.reason = WithoutKey(attempt.Reason(), request.key);
  }
  reception.head = std::move(attempt.head);
  return reception;
}

void HttpClient::Prepare(const HttpRequest& request, Method method, Try* attempt) {
  const bool post = method == Method::kPost;
  CURL* curl = handle_->curl;
  attempt->options = &options_;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  // Signals belong to the program.
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  const std::string scheme(SchemeOf(request.url));
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, scheme.c_str());
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, scheme.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, post ? 0L : 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMostRedirects);
  if (attempt->sink == nullptr) {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_s * 1000));
  } else {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     std::max(1L, static_cast<long>(options_.stall_timeout_s)));
  }
  if (method == Method::kHead) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (request.range && request.range->count > 0) {
    const uint64_t last = request.range->first + request.range->count - 1;
    const std::string range = std::to_string(request.range->first) + "-" + std::to_string(last);
    curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Try::TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, attempt);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout_s * 1000));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "altteul");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, attempt->error.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Try::Take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, attempt);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Try::Ask);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, attempt);
  if (!request.key.empty()) {
    // As an option and not as a header of ours: the library keeps it from other hosts.
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.key.c_str());
  }
  if (!post) return;
  const std::string type = "Content-Type: " + request.content_type;
  attempt->headers.reset(curl_slist_append(nullptr, type.c_str()));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, attempt->headers.get());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
}

void HttpClient::Perform(Try* attempt) {
  CURL* curl = handle_->curl;
  attempt->code = curl_easy_perform(curl);
  long status = 0;
  curl_off_t retry_after_s = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
  attempt->status = static_cast<int>(status);
  attempt->retry_after_s = static_cast<double>(retry_after_s);
  // Forgets the pointers into this try and the key, and keeps the connection.
  curl_easy_reset(curl);
}

/// @return false when the caller wants no more
bool HttpClient::Wait(double seconds) const {
  for (double left = seconds; left > 0; left -= kSlice) {
    if (options_.go_on && !options_.go_on()) return false;
    const double slice = std::min(left, kSlice);
    if (options_.sleep) {
      options_.sleep(slice);
    } else {
      std::this_thread::sleep_for(std::chrono::duration<double>(slice));
    }
  }
  return !options_.go_on || options_.go_on();
}

void SayWait(const LogSink& log, const std::string& what, double seconds, double asked_s) {
  if (!log || seconds < kLongWait) return;
  const std::string asked =
      asked_s > seconds ? " (the server asks for " + FormatDuration(asked_s) + ")" : "";
  log(LogLevel::kInfo, what + "; the next try is in " + FormatDuration(seconds) + asked);
}

bool HttpHead::IsPage() const {
  const auto type = headers.find("content-type");
  return type != headers.end() && Lower(type->second).starts_with("text/html");
}

std::string WithoutKey(std::string text, std::string_view key) {
  if (key.empty()) return text;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 3)) {
    text.replace(at, key.size(), "***");
  }
  return text;
}

}  // namespace altteul::hub

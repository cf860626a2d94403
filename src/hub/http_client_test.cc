// SPDX-License-Identifier: Apache-2.0

#include "hub/http_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "hub/local_listener.h"

namespace altteul::hub {
namespace {

// Answers one connection after the other with the texts given, byte for byte, and keeps what it was
// asked. An empty text closes the connection without a word.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedServer() {
    listener_.Stop();
    thread_.join();
  }

  std::string Url(const std::string& path = "/") const { return listener_.Url(path); }
  /// @pre all requests were answered
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void Serve() {
    for (const std::string& answer : answers_) {
      const int peer = listener_.Accept();
      if (peer < 0) return;
      requests_.push_back(ReadRequest(peer));
      for (size_t sent = 0; sent < answer.size();) {
        const ssize_t n = send(peer, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
      close(peer);
    }
  }

  static std::string ReadRequest(int peer) {
    std::string request;
    char chunk[4096];
    while (true) {
      const size_t head = request.find("\r\n\r\n");
      if (head != std::string::npos) {
        const size_t length = request.find("Content-Length: ");
        const size_t body =
            length == std::string::npos ? 0 : std::stoul(request.substr(length + 16));
        if (request.size() >= head + 4 + body) return request;
      }
      const ssize_t n = recv(peer, chunk, sizeof(chunk), 0);
      if (n <= 0) return request;
      request.append(chunk, static_cast<size_t>(n));
    }
  }

  std::vector<std::string> answers_, requests_;
  testing::LocalListener listener_;
  std::thread thread_;
};

std::string Answer(const std::string& status, const std::string& body,
                   const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

struct TestClient {
  double slept_s = 0;
  std::unique_ptr<HttpClient> client;

  explicit TestClient(HttpOptions options = {}) {
    options.sleep = [this](double seconds) { slept_s += seconds; };
    client = std::move(HttpClient::Create(options)).value();
  }
};

void ExpectError(const Result<HttpResponse>& result, ErrorCode code, const std::string& part) {
  ASSERT_FALSE(result.ok()) << result.value().status << " " << result.value().body;
  EXPECT_EQ(result.status().code(), code) << result.status().message();
  EXPECT_NE(result.status().message().find(part), std::string::npos) << result.status().message();
}

TEST(HttpClientTest, PostsTheBodyAndTheKeyAndNothingElse) {
  ScriptedServer server({Answer("200 OK", "hello")});
  TestClient test;
  const auto result =
      test.client->Post({.url = server.Url("/v1/x"), .key = "sk-secret", .body = "{\"a\":1}"});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result.value().status, 200);
  EXPECT_EQ(result.value().body, "hello");
  const std::string& request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /v1/x HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Authorization: Bearer sk-secret\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\n{\"a\":1}")) << request;
}

TEST(HttpClientTest, WithoutAKeyThereIsNoAuthorization) {
  ScriptedServer server({Answer("200 OK", "")});
  TestClient test;
  ASSERT_TRUE(test.client->Get({.url = server.Url()}).ok());
  EXPECT_TRUE(server.requests().at(0).starts_with("GET / HTTP/1.1\r\n"));
  EXPECT_EQ(server.requests().at(0).find("Authorization"), std::string::npos);
}

TEST(HttpClientTest, TriesAgainWhatMayPass) {
  for (const std::string busy : {"429 Slow Down", "500 No", "502 No", "503 No", "504 No"}) {
    ScriptedServer server({Answer(busy, "later"), Answer("200 OK", "now")});
    TestClient test;
    const auto result = test.client->Post({.url = server.Url(), .body = "x"});
    ASSERT_TRUE(result.ok()) << busy << ": " << result.status().message();
    EXPECT_EQ(result.value().body, "now");
    EXPECT_NEAR(test.slept_s, 1.0, 1e-9);
  }
}

TEST(HttpClientTest, AClosedConnectionIsTriedAgain) {
  ScriptedServer server(
      {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Answer("200 OK", "all")});
  TestClient test;
  const auto result = test.client->Get({.url = server.Url()});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result.value().body, "all");
  EXPECT_NEAR(test.slept_s, 1.0 + 2.0, 1e-9);
}

TEST(HttpClientTest, WaitsAsLongAsThePeerAsksButNotForEver) {
  ScriptedServer server({Answer("429 Slow", "", "Retry-After: 7\r\n"),
                         Answer("429 Slow", "", "Retry-After: 86400\r\n"), Answer("200 OK", "")});
  std::string said;
  TestClient test(
      {.log = [&](LogLevel, std::string_view sentence) { said += std::string(sentence) + "\n"; }});
  ASSERT_TRUE(test.client->Get({.url = server.Url()}).ok());
  EXPECT_NEAR(test.slept_s, 7.0 + 60.0, 1e-6);
  const std::string what = server.Url() + ": HTTP status 429 (too many requests); the next try is ";
  EXPECT_EQ(said, what + "in 7 s\n" + what + "in 60 s (the server asks for 24.0 h)\n");
}

TEST(HttpClientTest, RedirectsWithoutAnEndAreNamedAndNothingForLater) {
  ScriptedServer server(std::vector<std::string>(
      8, Answer("302 Found", "", "Location: /again\r\nConnection: close\r\n")));
  TestClient test;
  const auto result = test.client->Get({.url = server.Url()});
  ExpectError(result, ErrorCode::kNetwork, "leads on from one address to the next");
  EXPECT_EQ(result.status().message().find("later"), std::string::npos);
}

TEST(HttpClientTest, AfterTheLastTryTheErrorNamesUrlReasonAndTries) {
  ScriptedServer server({Answer("429 Slow", ""), Answer("503 No", "")});
  TestClient test({.retries = 1});
  const auto result = test.client->Get({.url = server.Url("/path")});
  ExpectError(result, ErrorCode::kNetwork, server.Url("/path"));
  ExpectError(result, ErrorCode::kNetwork, "HTTP status 503");
  ExpectError(result, ErrorCode::kNetwork, "2 tries; try again later");
}

TEST(HttpClientTest, OtherStatusesAreTheCallersMatter) {
  ScriptedServer server({Answer("404 Not Found", "no such model")});
  TestClient test;
  const auto result = test.client->Get({.url = server.Url()});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result.value().status, 404);
  EXPECT_EQ(result.value().body, "no such model");
  EXPECT_EQ(test.slept_s, 0.0);
}

TEST(HttpClientTest, NobodyThereIsANetworkError) {
  std::string url;
  { url = ScriptedServer({}).Url(); }
  TestClient test({.retries = 2});
  ExpectError(test.client->Get({.url = url}), ErrorCode::kNetwork, "3 tries");
  EXPECT_NEAR(test.slept_s, 1.0 + 2.0, 1e-9);
}

TEST(HttpClientTest, ABodyBeyondTheLimitIsRefusedAtOnce) {
  ScriptedServer server(
      {Answer("200 OK", std::string(1000, 'x')), Answer("200 OK", std::string(1001, 'x'))});
  TestClient test({.most_bytes = 1000});
  const auto fits = test.client->Get({.url = server.Url()});
  ASSERT_TRUE(fits.ok()) << fits.status().message();
  EXPECT_EQ(fits.value().body.size(), 1000u);
  ExpectError(test.client->Get({.url = server.Url()}), ErrorCode::kNetwork, "1000 bytes");
  EXPECT_EQ(test.slept_s, 0.0);
}

TEST(HttpClientTest, FollowsAGetWithinItsSchemeOnly) {
  ScriptedServer target({Answer("200 OK", "moved here")});
  ScriptedServer server({Answer("302 Found", "", "Location: " + target.Url("/new") + "\r\n"),
                         Answer("302 Found", "", "Location: file:///etc/hostname\r\n")});
  TestClient test;
  const auto moved = test.client->Get({.url = server.Url(), .key = "sk-secret"});
  ASSERT_TRUE(moved.ok()) << moved.status().message();
  EXPECT_EQ(moved.value().body, "moved here");
  EXPECT_EQ(target.requests().at(0).find("sk-secret"), std::string::npos) << "another host";
  ExpectError(test.client->Get({.url = server.Url()}), ErrorCode::kNetwork, server.Url());
}

TEST(HttpClientTest, APostIsNotRedirected) {
  ScriptedServer server({Answer("307 Moved", "", "Location: http://127.0.0.1:1/\r\n")});
  TestClient test;
  const auto result = test.client->Post({.url = server.Url(), .body = "x"});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result.value().status, 307);
}

TEST(HttpClientTest, RefusesWhatIsNoUrl) {
  TestClient test;
  for (const std::string url : {"", "127.0.0.1", "file:///etc/passwd", "ftp://x/", "HTTP:/x"}) {
    ExpectError(test.client->Get({.url = url}), ErrorCode::kInvalidArgument, "http://");
  }
  ExpectError(test.client->Get({.url = "http://a b/"}), ErrorCode::kInvalidArgument, "URL");
  const auto password = test.client->Get({.url = "http://name:hidden@host/"});
  ExpectError(password, ErrorCode::kInvalidArgument, "password");
  EXPECT_EQ(password.status().message().find("hidden"), std::string::npos);
}

TEST(HttpClientTest, AKeyWithALineEndIsRefusedAndNotShown) {
  TestClient test;
  const auto result = test.client->Get({.url = "http://127.0.0.1:1/", .key = "sk\r\nHost: x"});
  ExpectError(result, ErrorCode::kInvalidArgument, "the key");
  EXPECT_EQ(result.status().message().find("sk"), std::string::npos);
}

TEST(HttpClientTest, WaitingCanBeInterrupted) {
  ScriptedServer server({Answer("503 No", "")});
  int asked = 0;
  TestClient test({.go_on = [&asked] { return ++asked < 20; }});
  ExpectError(test.client->Get({.url = server.Url()}), ErrorCode::kCancelled, "interrupted");
}

TEST(HttpClientTest, APeerThatSaysNothingIsLeft) {
  // Accepts, because the system does that for a listener, and never answers.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  TestClient test({.timeout_s = 0.2, .retries = 1});
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  ExpectError(test.client->Get({.url = url}), ErrorCode::kNetwork, "2 tries");
  close(listener);
}

TEST(HttpHeadTest, TellsThePartThatWasSent) {
  const auto part = [](const std::string& range, int status = 206) {
    return HttpHead{.status = status, .headers = {{"content-range", range}}}.PartSent();
  };
  const auto whole = part("bytes 5-9/10");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->range.first, 5u);
  EXPECT_EQ(whole->range.count, 5u);
  EXPECT_EQ(whole->total, 10u);
  const auto open = part("bytes 0-0/*");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->range.count, 1u);
  EXPECT_FALSE(open->total);
  EXPECT_FALSE(part("bytes 5-9/10", 200)) << "not a part";
  EXPECT_FALSE((HttpHead{.status = 206, .headers = {}}).PartSent());
  for (const char* wrong :
       {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes */10", "bytes -5-9/10",
        "bytes 5-9/-10", "bytes 5-9/10x", "items 5-9/10", "bytes 0-18446744073709551615/*",
        "bytes 5-99999999999999999999/*", "bytes 5/9-10"}) {
    EXPECT_FALSE(part(wrong)) << wrong;
  }
}

TEST(HttpClientTest, ReceivesABodyOfAnySizeButNoErrorsWords) {
  const std::string body(100'000, 'x');
  ScriptedServer server({Answer("200 OK", body, "ETag: \"abc\"\r\n"),
                         Answer("404 Not Found", "words"),
                         Answer("503 Busy", "words", "Retry-After: 7\r\n")});
  TestClient test({.most_bytes = 10});
  std::string got;
  const BodySink sink = [&got](const HttpHead& head, std::span<const std::byte> bytes) {
    EXPECT_EQ(head.headers.at("etag"), "\"abc\"");
    got.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Status();
  };
  const auto whole = test.client->Receive({.url = server.Url()}, sink);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  EXPECT_TRUE(whole.value().is_whole);
  EXPECT_EQ(got, body);
  const auto missing = test.client->Receive({.url = server.Url()}, sink);
  ASSERT_TRUE(missing.ok());
  EXPECT_EQ(missing.value().head.status, 404);
  EXPECT_FALSE(missing.value().may_pass);
  const auto busy = test.client->Receive({.url = server.Url()}, sink);
  ASSERT_TRUE(busy.ok());
  EXPECT_TRUE(busy.value().may_pass) << "and it does not try again by itself";
  EXPECT_EQ(busy.value().retry_after_s, 7);
  EXPECT_EQ(got, body);
}

TEST(HttpClientTest, TheSinksErrorEndsAReceptionAndARangeIsAskedFor) {
  ScriptedServer server({Answer("206 Partial Content", "12345")});
  TestClient test;
  const auto stopped =
      test.client->Receive({.url = server.Url(), .range = ByteRange{10, 5}},
                           [](const HttpHead&, std::span<const std::byte>) {
                             return Status(ErrorCode::kIoError, "the disk is full");
                           });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.status().code(), ErrorCode::kIoError);
  EXPECT_NE(server.requests().at(0).find("Range: bytes=10-14\r\n"), std::string::npos);
}

TEST(WithoutKeyTest, HidesEveryOccurrence) {
  EXPECT_EQ(WithoutKey("bad key sk-1, sk-1!", "sk-1"), "bad key ***, ***!");
  EXPECT_EQ(WithoutKey("**", "*"), "******");
  EXPECT_EQ(WithoutKey("nothing", ""), "nothing");
}

}  // namespace
}  // namespace altteul::hub

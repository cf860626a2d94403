// SPDX-License-Identifier: Apache-2.0

// A server of files with ranges that does wrong on demand, for tests.

#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "hub/blob_hash.h"
#include "hub/local_listener.h"

namespace altteul::hub::testing {

/// The hash of `content` with so many digits: 40 as git has it, 64 for SHA-256.
inline std::string HashOf(const std::string& content, size_t digits) {
  BlobHash hash(std::string(digits, '0'), content.size());
  hash.Add(std::as_bytes(std::span(content)));
  return hash.Hex();
}

struct Fault {
  enum class Kind {
    kNone,
    kDrop,        ///< the connection ends behind `at` bytes of the body
    kSilence,     ///< nothing comes behind `at` bytes
    kBusy,        ///< 503
    kOtherRange,  ///< bytes from one further on, and says so
    kLyingRange,  ///< bytes from one further on, and says they are those asked for
    kNoRange,     ///< 200 and the whole file
    kOtherTotal,  ///< says that the file is larger
    kWrongByte,   ///< one byte at `at` is another
    kMoreBytes,   ///< more than were asked for
  };
  Kind kind = Kind::kNone;
  size_t at = 0;
};

class TestServer {
 public:
  /// What a file is asked for with. Over several connections numbers come in any order, places do
  /// not.
  struct Asked {
    size_t number;  ///< of the request, over all files
    size_t first;   ///< byte of the range
    bool is_first;  ///< nobody asked for a range from there on before
  };
  using Choose = std::function<Fault(const Asked& asked)>;

  explicit TestServer(std::map<std::string, std::string> files, Choose choose = {})
      : files_(std::move(files)), choose_(std::move(choose)) {
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~TestServer() {
    stop_ = true;
    listener_.Stop();
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int peer : peers_) shutdown(peer, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  /// Another file, or `path` as a redirect to a URL. @pre nobody asks meanwhile
  void Add(const std::string& path, const std::string& file) { files_[path] = file; }
  void Redirect(const std::string& path, const std::string& url) { redirects_[path] = url; }

  std::string Url(const std::string& path = "") const { return listener_.Url(path); }
  uint64_t sent_bytes() const { return sent_; }  ///< of bodies
  size_t n_requests() const { return n_requests_; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static constexpr std::string_view kRange = "Range: bytes=";

  void Accept() {
    while (!stop_) {
      const int peer = listener_.Accept();
      if (peer < 0) return;
      const std::lock_guard lock(mutex_);
      peers_.insert(peer);
      threads_.emplace_back([this, peer] {
        while (Answer(peer)) {
        }
        const std::lock_guard inner(mutex_);
        peers_.erase(peer);
        close(peer);
      });
    }
  }

  /// @return whether the connection stays
  bool Answer(int peer) {
    std::string request;
    char chunk[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = recv(peer, chunk, sizeof(chunk), 0);
      if (n <= 0) return false;
      request.append(chunk, static_cast<size_t>(n));
    }
    const size_t number = n_requests_++;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const size_t begin = request.find(' ') + 1;
    const std::string path = request.substr(begin, request.find(' ', begin) - begin);
    const auto redirect = redirects_.find(path);
    if (redirect != redirects_.end()) {
      return Send(peer, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + redirect->second +
                            "\r\n\r\n");
    }
    const auto found = files_.find(path);
    if (found == files_.end()) {
      return Send(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    const size_t range = request.find(kRange);
    const size_t first =
        range == std::string::npos ? 0 : std::stoul(request.substr(range + kRange.size()));
    const Fault fault =
        choose_ ? choose_({.number = number, .first = first, .is_first = IsFirst(path, first)})
                : Fault{};
    return AnswerFile(peer, request, found->second, fault);
  }

  bool IsFirst(const std::string& path, size_t first) {
    const std::lock_guard lock(mutex_);
    return asked_.insert({path, first}).second;
  }

  bool AnswerFile(int peer, const std::string& request, const std::string& file,
                  const Fault& fault) {
    using Kind = Fault::Kind;
    if (fault.kind == Kind::kBusy) {
      return Send(peer, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    }
    const size_t range = request.find(kRange);
    const bool is_head = request.starts_with("HEAD ");
    if (is_head || range == std::string::npos || fault.kind == Kind::kNoRange) {
      return Send(peer, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(file.size()) +
                            "\r\n\r\n") &&
             (is_head || SendBody(peer, file, fault));
    }
    size_t first = std::stoul(request.substr(range + kRange.size()));
    const size_t dash = request.find('-', range + kRange.size());
    size_t last = std::min(std::stoul(request.substr(dash + 1)), file.size() - 1);
    size_t shown = first;
    if (fault.kind == Kind::kMoreBytes) last = std::min(last + 1, file.size() - 1);
    if (fault.kind == Kind::kOtherRange || fault.kind == Kind::kLyingRange) {
      first = std::min(first + 1, last);
      if (fault.kind == Kind::kOtherRange) shown = first;
    }
    const size_t total = file.size() + (fault.kind == Kind::kOtherTotal ? 7 : 0);
    const std::string body = file.substr(first, last + 1 - first);
    return Send(peer, "HTTP/1.1 206 Partial Content\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\nContent-Range: bytes " +
                          std::to_string(shown) + "-" + std::to_string(shown + body.size() - 1) +
                          "/" + std::to_string(total) + "\r\n\r\n") &&
           SendBody(peer, body, fault);
  }

  bool SendBody(int peer, std::string body, const Fault& fault) {
    using Kind = Fault::Kind;
    const bool ends = fault.kind == Kind::kDrop || fault.kind == Kind::kSilence;
    if (fault.kind == Kind::kWrongByte) body[fault.at % body.size()] ^= 1;
    if (ends) body.resize(std::min(fault.at, body.size()));
    const bool sent = Send(peer, body);
    if (sent) sent_ += body.size();
    if (fault.kind == Kind::kSilence) {
      char ignored;
      (void)!recv(peer, &ignored, 1, 0);  // until the peer has enough of it
    }
    return sent && !ends;
  }

  static bool Send(int peer, const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(peer, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }

  std::map<std::string, std::string> files_, redirects_;
  Choose choose_;
  LocalListener listener_;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<size_t> n_requests_ = 0;
  mutable std::mutex mutex_;  // of what follows
  std::vector<std::string> requests_;
  std::set<std::pair<std::string, size_t>> asked_;
  std::set<int> peers_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace altteul::hub::testing

// SPDX-License-Identifier: Apache-2.0

// A socket that listens on a free port of this machine, for servers in tests.

#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace altteul::hub::testing {

class LocalListener {
 public:
  LocalListener() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, generic, size), 0);
    EXPECT_EQ(listen(socket_, 64), 0);
    EXPECT_EQ(getsockname(socket_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~LocalListener() { close(socket_); }
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

  std::string Url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  /// The next peer; negative behind Stop().
  int Accept() const { return accept(socket_, nullptr, nullptr); }
  void Stop() const { shutdown(socket_, SHUT_RDWR); }

 private:
  int socket_;
  int port_ = 0;
};

}  // namespace altteul::hub::testing

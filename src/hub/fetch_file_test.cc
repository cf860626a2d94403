// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "hub/blob_hash.h"
#include "hub/part_file.h"
#include "hub/test_server.h"

namespace altteul::hub {
namespace {

using testing::Fault;
using testing::TestServer;
using Kind = Fault::Kind;

constexpr size_t kBytes = 1'000'003;
constexpr uint64_t kPiece = 65'536;

std::string Content(size_t n = kBytes) {
  const RandomStream random(1, "content");
  std::string content(n, '\0');
  for (size_t i = 0; i < n; ++i) content[i] = static_cast<char>(random.Bits(i));
  return content;
}

std::string HashOf(const std::string& content, size_t digits = 64) {
  BlobHash hash(std::string(digits, '0'), content.size());
  hash.Add(std::as_bytes(std::span(content)));
  return hash.Hex();
}

class FetchFileTest : public ::testing::Test {
 protected:
  FetchFileTest() {
    std::string name = ::testing::TempDir() + "/altteul_fetch_XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.least_piece_bytes = kPiece;
    options_.http.sleep = [](double) {};
    options_.http.stall_timeout_s = 1;
    options_.log = [this](LogLevel, std::string_view text) { said_ += std::string(text) + "\n"; };
  }
  ~FetchFileTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/file"; }
  Result<Fetched> Fetch(const TestServer& server, const std::string& content) {
    return FetchFile({.url = server.Url("/file"),
                      .path = path(),
                      .bytes = content.size(),
                      .hash = HashOf(content)},
                     options_);
  }
  void ExpectWhole(const std::string& content) const {
    std::ifstream file(path(), std::ios::binary);
    const std::string got{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(got.size(), content.size());
    EXPECT_TRUE(got == content);
    EXPECT_FALSE(std::filesystem::exists(path() + ".part"));
    EXPECT_FALSE(std::filesystem::exists(path() + ".pieces"));
  }

  std::string folder_, said_;
  FetchOptions options_;
};

TEST_F(FetchFileTest, FetchesEveryByteOnce) {
  const std::string content = Content();
  const TestServer server({{"/file", content}});
  const auto fetched = Fetch(server, content);
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  EXPECT_EQ(fetched.value().received_bytes, kBytes);
  EXPECT_EQ(server.sent_bytes(), kBytes);
  EXPECT_EQ(server.n_requests(), (kBytes + kPiece - 1) / kPiece);
  ExpectWhole(content);
}

TEST_F(FetchFileTest, SmallAndEmptyFilesToo) {
  for (const size_t n : {size_t{0}, size_t{1}, size_t{kPiece}}) {
    const std::string content = Content(n);
    const TestServer server({{"/file", content}});
    const auto fetched = Fetch(server, content);
    ASSERT_TRUE(fetched.ok()) << fetched.status().message();
    ExpectWhole(content);
  }
}

TEST_F(FetchFileTest, GoesOnBehindEveryFaultThatMayPass) {
  const std::string content = Content();
  for (const Kind kind : {Kind::kDrop, Kind::kBusy, Kind::kOtherRange, Kind::kOtherTotal,
                          Kind::kMoreBytes, Kind::kSilence}) {
    // The first try of every third piece; silence costs a second each time.
    const size_t n_wrong = kind == Kind::kSilence ? 1 : kBytes;
    const TestServer server({{"/file", content}}, [kind, n_wrong](const TestServer::Asked& asked) {
      const size_t piece = asked.first / kPiece;
      const bool is_wrong =
          asked.first % kPiece == 0 && piece % 3 == 1 && piece / 3 < n_wrong && asked.is_first;
      return Fault{.kind = is_wrong ? kind : Kind::kNone, .at = 5'000};
    });
    const auto fetched = Fetch(server, content);
    ASSERT_TRUE(fetched.ok()) << static_cast<int>(kind) << ": " << fetched.status().message();
    EXPECT_LE(fetched.value().received_bytes, kBytes * 101 / 100);
    ExpectWhole(content);
    std::filesystem::remove(path());
  }
}

TEST_F(FetchFileTest, AServerWithoutRangesSendsItInOrder) {
  const std::string content = Content();
  const TestServer server({{"/file", content}},
                          [](const TestServer::Asked&) { return Fault{.kind = Kind::kNoRange}; });
  const auto fetched = Fetch(server, content);
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  ExpectWhole(content);
}

TEST_F(FetchFileTest, WrongBytesAreFetchedAgainOnceAndNeverKept) {
  const std::string content = Content();
  for (const size_t n_wrong : {size_t{1}, size_t{1000}}) {
    said_.clear();
    const TestServer server({{"/file", content}}, [n_wrong](const TestServer::Asked& asked) {
      return Fault{.kind = asked.number < n_wrong ? Kind::kWrongByte : Kind::kNone, .at = 77};
    });
    const auto fetched = Fetch(server, content);
    EXPECT_NE(said_.find("it is fetched again"), std::string::npos) << said_;
    if (n_wrong == 1) {
      ASSERT_TRUE(fetched.ok()) << fetched.status().message();
      ExpectWhole(content);
      std::filesystem::remove(path());
    } else {
      ASSERT_FALSE(fetched.ok());
      EXPECT_EQ(fetched.status().code(), ErrorCode::kCorruptFile);
      EXPECT_NE(fetched.status().message().find(HashOf(content)), std::string::npos);
      EXPECT_TRUE(std::filesystem::is_empty(folder_));
    }
  }
}

TEST_F(FetchFileTest, BytesThatLieAboutTheirPlaceAreFoundByTheHash) {
  const std::string content = Content();
  const TestServer server({{"/file", content}}, [](const TestServer::Asked& asked) {
    return Fault{.kind = asked.number == 2 ? Kind::kLyingRange : Kind::kNone};
  });
  const auto fetched = Fetch(server, content);
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  ExpectWhole(content);
}

TEST_F(FetchFileTest, WhatStaysBrokenEndsWithAnErrorAndGoesOnLater) {
  const std::string content = Content();
  options_.http.retries = 2;
  {
    const TestServer server({{"/file", content}}, [](const TestServer::Asked& asked) {
      return Fault{.kind = asked.number < 6 ? Kind::kNone : Kind::kDrop, .at = 0};
    });
    const auto fetched = Fetch(server, content);
    ASSERT_FALSE(fetched.ok());
    EXPECT_EQ(fetched.status().code(), ErrorCode::kNetwork);
    EXPECT_NE(fetched.status().message().find("3 tries"), std::string::npos)
        << fetched.status().message();
    EXPECT_TRUE(fetched.status().message().ends_with("; try again later"))
        << fetched.status().message();
    EXPECT_FALSE(std::filesystem::exists(path()));
  }
  const TestServer server({{"/file", content}});
  const auto fetched = Fetch(server, content);
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  EXPECT_GE(fetched.value().kept_bytes, 6 * kPiece);
  EXPECT_EQ(server.sent_bytes(), kBytes - fetched.value().kept_bytes);
  ExpectWhole(content);
}

TEST_F(FetchFileTest, OtherContentThrowsAwayWhatIsThere) {
  const std::string old_content = Content(), content = Content(kBytes - 5);
  options_.http.retries = 0;
  {
    const TestServer server({{"/file", old_content}}, [](const TestServer::Asked& asked) {
      return Fault{.kind = asked.number < 3 ? Kind::kNone : Kind::kDrop, .at = 0};
    });
    ASSERT_FALSE(Fetch(server, old_content).ok());
  }
  const TestServer server({{"/file", content}});
  const auto fetched = Fetch(server, content);
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  EXPECT_EQ(fetched.value().kept_bytes, 0u);
  ExpectWhole(content);
}

TEST_F(FetchFileTest, AFileOfAnotherSizeIsNotAskedForAgainAndAgain) {
  const std::string content = Content();
  options_.http.retries = 50;
  options_.connections = 1;
  const TestServer server({{"/file", content + "more"}});
  const auto fetched = Fetch(server, content);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.status().code(), ErrorCode::kNetwork);
  EXPECT_NE(fetched.status().message().find("the file has " + std::to_string(kBytes + 4) +
                                            " bytes, but the index says " + std::to_string(kBytes) +
                                            "; one of the two is of another version"),
            std::string::npos)
      << fetched.status().message();
  EXPECT_EQ(fetched.status().message().find("try again"), std::string::npos);
  EXPECT_EQ(server.n_requests(), 2u);
}

TEST_F(FetchFileTest, NotThereAndNotAllowedAreToldAtOnce) {
  const TestServer server({});
  const auto fetched = Fetch(server, Content(10));
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(server.n_requests(), 1u);
}

TEST_F(FetchFileTest, CanBeInterruptedAndGoesOn) {
  const std::string content = Content();
  const TestServer server({{"/file", content}});
  options_.progress = [](uint64_t done, uint64_t) { return done < kBytes / 2; };
  const auto stopped = Fetch(server, content);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.status().code(), ErrorCode::kCancelled);
  options_.progress = {};
  const auto fetched = Fetch(server, content);
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  EXPECT_GE(fetched.value().kept_bytes, kBytes / 2);
  ExpectWhole(content);
}

// 300 faults at random: a file is whole or an error is told, and little comes twice.
TEST_F(FetchFileTest, RandomFaultsNeverGiveAWrongFile) {
  const std::string content = Content();
  const RandomStream random(7, "faults");
  size_t n_faults = 0, n_whole = 0;
  uint64_t received = 0, needed = 0;
  for (uint64_t run = 0; n_faults < 300; ++run) {
    std::atomic<size_t> faults = 0;
    const TestServer server({{"/file", content}}, [&](const TestServer::Asked& asked) {
      const uint64_t bits = random.Bits(run * 10'000 + asked.number);
      if (bits % 4 != 0) return Fault{};
      ++faults;
      constexpr Kind kKinds[] = {Kind::kDrop,       Kind::kDrop,       Kind::kBusy,
                                 Kind::kOtherRange, Kind::kOtherTotal, Kind::kMoreBytes};
      return Fault{.kind = kKinds[bits / 4 % 6], .at = static_cast<size_t>(bits / 64 % kPiece)};
    });
    const auto fetched = Fetch(server, content);
    n_faults += faults;
    if (!fetched.ok()) {
      EXPECT_EQ(fetched.status().code(), ErrorCode::kNetwork) << fetched.status().message();
      EXPECT_FALSE(std::filesystem::exists(path()));
      ForgetFetched(path());
      continue;
    }
    ++n_whole;
    received += fetched.value().received_bytes;
    needed += kBytes;
    ExpectWhole(content);
    std::filesystem::remove(path());
  }
  EXPECT_GT(n_whole, 10u);
  EXPECT_LE(received, needed * 101 / 100);
}

TEST(BlobHashTest, KnowsBothKinds) {
  EXPECT_EQ(HashOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HashOf("", 40), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391") << "git's empty blob";
  EXPECT_EQ(HashOf("hello\n", 40), "ce013625030ba8dba906f756967f9e9ca394464a");
}

}  // namespace
}  // namespace altteul::hub

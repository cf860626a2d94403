// SPDX-License-Identifier: Apache-2.0

#include "hub/bundle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "hub/test_server.h"

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;
using testing::HashOf;
using testing::TestServer;

const std::string kCommit(40, 'c');

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() : weights_(200'000, 'w'), config_("{}") {
    std::string name = ::testing::TempDir() + "/altteul_bundle_XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.http.sleep = [](double) {};
    index_ = {.commit = kCommit,
              .files = {{"config.json", config_.size(), HashOf(config_, 40)},
                        {"sub/model.safetensors", weights_.size(), HashOf(weights_, 64)}},
              .license = "mit"};
  }
  ~BundleTest() override { fs::remove_all(folder_); }

  std::map<std::string, std::string> Hub() const {
    const std::string path = "/org/name/resolve/" + kCommit + "/";
    return {{path + "config.json", config_}, {path + "sub/model.safetensors", weights_}};
  }
  HubPlace Place(const std::string& cache,
                 const std::string& endpoint = "http://localhost:1") const {
    return {.endpoint = endpoint, .key = {}, .cache = HfCache(folder_ + "/" + cache)};
  }
  Result<FetchedModel> Make(const HubPlace& place) const {
    return MakeBundle(place, ParseHubReference("org/name").value(), index_,
                      {.files = index_.files, .first = ""}, options_, Bundled());
  }
  std::string Bundled() const { return folder_ + "/bundle"; }

  std::string folder_, weights_, config_;
  ModelIndex index_;
  FetchOptions options_;
};

TEST_F(BundleTest, IsCarriedIntoACacheWithoutANetwork) {
  {
    const TestServer server(Hub());
    const auto made = Make(Place("hub", server.Url()));
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_EQ(made.value().received_bytes, weights_.size() + config_.size());
    EXPECT_EQ(made.value().path, Bundled());
    EXPECT_EQ(server.sent_bytes(), weights_.size() + config_.size());
  }
  EXPECT_TRUE(IsBundle(Bundled()));
  EXPECT_EQ(ReadAll(Bundled() + "/sub/model.safetensors"), weights_);
  EXPECT_EQ(
      ReadAll(Bundled() + "/SHA256SUMS"),
      HashOf(config_, 64) + "  config.json\n" + HashOf(weights_, 64) + "  sub/model.safetensors\n");

  const auto bundle = ReadBundle(Bundled());
  ASSERT_TRUE(bundle.ok()) << bundle.status().message();
  EXPECT_EQ(bundle.value().index.license, "mit");
  EXPECT_TRUE(VerifyBundle(Bundled(), bundle.value(), {}).ok());
  const HubPlace closed = Place("closed");
  const auto installed = InstallBundle(closed, Bundled(), bundle.value(), options_);
  ASSERT_TRUE(installed.ok()) << installed.status().message();
  EXPECT_EQ(installed.value().blobs.size(), 2u);
  EXPECT_TRUE(closed.cache.Find({"org/name"}, kCommit, "sub/model.safetensors").ok());
  EXPECT_EQ(closed.cache.CommitOf({"org/name"}, "main"), kCommit);
  EXPECT_TRUE(InstallBundle(closed, Bundled(), bundle.value(), options_).value().blobs.empty());
}

TEST_F(BundleTest, WhatIsThereIsNotFetchedAgain) {
  {
    const TestServer server(Hub());
    ASSERT_TRUE(Make(Place("hub", server.Url())).ok());
    std::ofstream(Bundled() + "/config.json") << "[]";  // as long, and another
    const auto again = Make(Place("hub", server.Url()));
    ASSERT_TRUE(again.ok()) << again.status().message();
    EXPECT_EQ(again.value().received_bytes, config_.size());
  }
  // And what the cache has is taken from there.
  const auto bundle = ReadBundle(Bundled());
  const HubPlace closed = Place("closed");
  ASSERT_TRUE(InstallBundle(closed, Bundled(), bundle.value(), options_).ok());
  fs::remove_all(Bundled());
  const auto made = Make(closed);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(made.value().received_bytes, 0u);
}

TEST_F(BundleTest, AnotherByteIsFound) {
  const TestServer server(Hub());
  ASSERT_TRUE(Make(Place("hub", server.Url())).ok());
  const auto bundle = ReadBundle(Bundled());
  std::string other = weights_;
  other[1000] = 'x';
  std::ofstream(Bundled() + "/sub/model.safetensors") << other;
  EXPECT_EQ(VerifyBundle(Bundled(), bundle.value(), {}).code(), ErrorCode::kCorruptFile);
  const HubPlace closed = Place("closed");
  EXPECT_EQ(InstallBundle(closed, Bundled(), bundle.value(), options_).status().code(),
            ErrorCode::kCorruptFile);
  EXPECT_FALSE(closed.cache.Find({"org/name"}, kCommit, "sub/model.safetensors").ok());
  EXPECT_FALSE(fs::exists(closed.cache.BlobPath({"org/name"}, index_.files[1].hash)));
  fs::remove(Bundled() + "/sub/model.safetensors");
  EXPECT_EQ(VerifyBundle(Bundled(), bundle.value(), {}).code(), ErrorCode::kNotFound);
}

TEST_F(BundleTest, ABundleThatFailedIsNone) {
  const TestServer server({});
  EXPECT_FALSE(Make(Place("hub", server.Url())).ok());
  EXPECT_FALSE(IsBundle(Bundled()));
}

TEST_F(BundleTest, HostileDescriptionsAreRefused) {
  const TestServer server(Hub());
  ASSERT_TRUE(Make(Place("hub", server.Url())).ok());
  const std::string path = Bundled() + "/" + std::string(kBundleFile);
  const std::string good = ReadAll(path);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(path) << text;
    return ReadBundle(Bundled()).status();
  };
  EXPECT_FALSE(with("sub/model", "../../model").ok());
  EXPECT_FALSE(with("\"sub/model", "\"/etc/model").ok());
  EXPECT_FALSE(with("org/name", "../name").ok());
  EXPECT_FALSE(with("\"main\"", "\"../main\"").ok());
  EXPECT_FALSE(with(kCommit, "c").ok());
  EXPECT_FALSE(with(HashOf(weights_, 64), "00").ok());
  EXPECT_FALSE(with("\"version\": 1", "\"version\": 2").ok());
  EXPECT_FALSE(with("\"first\": \"\"", "\"first\": \"other.gguf\"").ok());
  for (size_t length = 0; length + 2 < good.size(); length += 11) {
    std::ofstream(path) << good.substr(0, length);
    EXPECT_FALSE(ReadBundle(Bundled()).ok()) << length;
  }
}

}  // namespace
}  // namespace altteul::hub

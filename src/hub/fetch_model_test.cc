// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_model.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "hub/test_server.h"

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;
using testing::Fault;
using testing::HashOf;
using testing::TestServer;

const std::string kCommit(40, 'c');

/// A hub with one repository: a GGUF file and a small one that git keeps.
class FetchModelTest : public ::testing::Test {
 protected:
  FetchModelTest() : model_(300'000, 'm'), config_("{\"a\": 1}") {
    std::string name = ::testing::TempDir() + "/altteul_model_XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.http.sleep = [](double) {};
    options_.least_piece_bytes = 65'536;
  }
  ~FetchModelTest() override { fs::remove_all(folder_); }

  std::string Index() const {
    return R"({"sha":")" + kCommit + R"(","cardData":{"license":"mit"},"siblings":[)" +
           R"({"rfilename":"config.json","size":)" + std::to_string(config_.size()) +
           R"(,"blobId":")" + HashOf(config_, 40) + R"("},)" +
           R"({"rfilename":"q/m-Q4_0.gguf","size":134,"blobId":"x","lfs":{"sha256":")" +
           HashOf(model_, 64) + R"(","size":)" + std::to_string(model_.size()) + "}}]}";
  }
  std::map<std::string, std::string> Hub() const {
    return {{"/api/models/org/name/revision/main?blobs=true", Index()},
            {"/org/name/resolve/" + kCommit + "/config.json", config_},
            {"/org/name/resolve/" + kCommit + "/q/m-Q4_0.gguf", model_}};
  }
  HubPlace Place(const std::string& endpoint, bool is_offline = false) const {
    return {.endpoint = endpoint,
            .key = {},
            .is_offline = is_offline,
            .cache = HfCache(folder_ + "/hub")};
  }
  /// A proxy's: names alone, and no hash in any answer.
  std::map<std::string, std::string> HubOfNames() const {
    auto files = Hub();
    files["/api/models/org/name/revision/main?blobs=true"] =
        R"({"sha":")" + kCommit + R"(","siblings":[{"rfilename":"q/m-Q4_0.gguf"}]})";
    return files;
  }
  Result<FetchedModel> FetchAll(const HubPlace& place, const std::string& text) const {
    ALT_ASSIGN_OR_RETURN(const HubReference reference, ParseHubReference(text));
    ALT_ASSIGN_OR_RETURN(const ModelIndex index, AskIndex(place, reference, options_.http));
    ALT_ASSIGN_OR_RETURN(ModelFiles model, ChooseFiles(index, reference.what));
    ALT_RETURN_IF_ERROR(DescribeFiles(place, reference, index, options_.http, &model));
    return FetchModel(place, reference, index, model, options_);
  }
  Result<std::string> Fetch(const HubPlace& place, const std::string& text) const {
    ALT_ASSIGN_OR_RETURN(const FetchedModel fetched, FetchAll(place, text));
    return fetched.path;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_, model_, config_;
  FetchOptions options_;
};

TEST_F(FetchModelTest, FetchesVerifiesAndFindsAgainOffline) {
  const TestServer server(Hub());
  const auto path = Fetch(Place(server.Url()), "org/name");
  ASSERT_TRUE(path.ok()) << path.status().message();
  EXPECT_EQ(path.value(),
            folder_ + "/hub/models--org--name/snapshots/" + kCommit + "/q/m-Q4_0.gguf");
  EXPECT_EQ(Read(path.value()), model_);
  EXPECT_EQ(Read(folder_ + "/hub/models--org--name/refs/main"), kCommit);
  const size_t n_requests = server.n_requests();
  EXPECT_EQ(Fetch(Place(server.Url()), "org/name:Q4_0").value(), path.value());
  EXPECT_EQ(server.n_requests(), n_requests + 1) << "the index alone";
  EXPECT_EQ(Fetch(Place("http://127.0.0.1:9", true), "org/name:q4_0").value(), path.value());
  EXPECT_EQ(Fetch(Place("http://127.0.0.1:9", true), "org/other").status().code(),
            ErrorCode::kNotFound);
}

TEST_F(FetchModelTest, SmallFilesAreVerifiedByGitsHash) {
  const TestServer server(Hub());
  const auto path = Fetch(Place(server.Url()), "org/name:config.json");
  ASSERT_TRUE(path.ok()) << path.status().message();
  EXPECT_EQ(Read(path.value()), config_);
  EXPECT_TRUE(fs::exists(folder_ + "/hub/models--org--name/blobs/" + HashOf(config_, 40)));
}

TEST_F(FetchModelTest, FollowsRedirectsToAStore) {
  TestServer hub(Hub());
  TestServer store({{"/object?signed", model_}});
  hub.Redirect("/org/name/resolve/" + kCommit + "/q/m-Q4_0.gguf", store.Url("/object?signed"));
  HubPlace place = Place(hub.Url());
  place.key = "hf_secret";
  const auto path = Fetch(place, "org/name:Q4_0");
  ASSERT_TRUE(path.ok()) << path.status().message();
  EXPECT_EQ(Read(path.value()), model_);
  for (const std::string& request : hub.requests()) {
    EXPECT_NE(request.find("Bearer hf_secret"), std::string::npos) << request;
  }
  ASSERT_GT(store.requests().size(), 0u);
  for (const std::string& request : store.requests()) {
    EXPECT_EQ(request.find("hf_secret"), std::string::npos) << "a token is for its hub alone";
  }
}

TEST_F(FetchModelTest, ARedirectToAnotherSchemeIsRefused) {
  TestServer hub(Hub());
  hub.Redirect("/org/name/resolve/" + kCommit + "/q/m-Q4_0.gguf", "file:///etc/passwd");
  const auto path = Fetch(Place(hub.Url()), "org/name:Q4_0");
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.status().code(), ErrorCode::kNetwork) << path.status().message();
}

TEST_F(FetchModelTest, TwoAtOnceFetchItOnce) {
  const TestServer server(Hub());
  std::vector<std::thread> threads;
  std::vector<std::string> paths(4);
  for (std::string& path : paths) {
    threads.emplace_back([&] {
      auto fetched = Fetch(Place(server.Url()), "org/name:Q4_0");
      path = fetched.ok() ? fetched.value() : fetched.status().message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& path : paths) EXPECT_EQ(Read(path), model_) << path;
  EXPECT_EQ(server.sent_bytes(), model_.size() + 4 * Index().size());
}

TEST_F(FetchModelTest, WithoutHashesTheBytesAreCountedAndTheCacheNamesThem) {
  const TestServer server(HubOfNames());
  std::vector<std::string> said;
  options_.log = [&](LogLevel, std::string_view sentence) { said.emplace_back(sentence); };
  const auto fetched = FetchAll(Place(server.Url()), "org/name");
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  EXPECT_EQ(Read(fetched.value().path), model_);
  EXPECT_EQ(fetched.value().blobs, std::vector<std::string>{HashOf(model_, 64)});
  EXPECT_TRUE(fs::exists(folder_ + "/hub/models--org--name/blobs/" + HashOf(model_, 64)));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("q/m-Q4_0.gguf"), std::string::npos) << said[0];
  EXPECT_EQ(Fetch(Place(server.Url()), "org/name").value(), fetched.value().path);
  EXPECT_EQ(said.size(), 1u) << "nothing came the second time";
}

TEST_F(FetchModelTest, WithoutHashesItGoesOnWhereItEnded) {
  options_.connections = 1;
  options_.http.retries = 0;
  std::atomic<bool> drops = true;
  // Some pieces come, and then the connection breaks for good.
  const TestServer server(HubOfNames(), [&](const TestServer::Asked& asked) {
    return drops && asked.first >= 131'072 ? Fault{Fault::Kind::kDrop, 0} : Fault{};
  });
  EXPECT_EQ(Fetch(Place(server.Url()), "org/name").status().code(), ErrorCode::kNetwork);
  drops = false;
  const auto fetched = FetchAll(Place(server.Url()), "org/name");
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  EXPECT_EQ(Read(fetched.value().path), model_);
  EXPECT_LE(fetched.value().received_bytes, model_.size() - 131'072);
}

TEST_F(FetchModelTest, WithoutHashesTwoAtOnceFetchItOnceToo) {
  const TestServer server(HubOfNames());
  std::vector<std::thread> threads;
  std::vector<std::string> paths(4);
  for (std::string& path : paths) {
    threads.emplace_back([&] {
      auto fetched = Fetch(Place(server.Url()), "org/name");
      path = fetched.ok() ? fetched.value() : fetched.status().message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& path : paths) EXPECT_EQ(Read(path), model_) << path;
  EXPECT_LE(server.sent_bytes(), model_.size() + 4000) << "the model once, the index four times";
}

TEST_F(FetchModelTest, AClosedFileSaysWhatToDo) {
  const HubPlace place = Place("https://hub");
  const HubReference reference = ParseHubReference("org/name").value();
  const Status refused(ErrorCode::kRefused, "URL: HTTP status 403");
  const Status gated = ExplainRefusal(refused, place, reference, true);
  EXPECT_EQ(gated.code(), ErrorCode::kRefused);
  for (const char* part : {"URL: HTTP status 403", "https://hub/org/name", "HF_TOKEN", "licence",
                           "https://hub/settings/tokens"}) {
    EXPECT_NE(gated.message().find(part), std::string::npos) << gated.message();
  }
  const Status other(ErrorCode::kNetwork, "broken");
  EXPECT_EQ(ExplainRefusal(other, place, reference, true).message(), "broken");
}

TEST_F(FetchModelTest, TellsWhatIsMissingAndCountsTheSameContentOnce) {
  const TestServer server(Hub());
  const HubPlace place = Place(server.Url());
  const HubReference reference = ParseHubReference("org/name").value();
  ModelIndex index = AskIndex(place, reference, options_.http).value();
  EXPECT_EQ(index.license, "mit");
  ModelFiles model = ChooseFiles(index, "").value();
  model.files.push_back(model.files.front());
  model.files.back().name = "copy.gguf";
  EXPECT_EQ(MissingOf(place, reference, index, model).bytes, model_.size());
  ASSERT_TRUE(Fetch(place, "org/name").ok());
  EXPECT_EQ(MissingOf(place, reference, index, model).bytes, 0u) << "the blob is there";
}

TEST_F(FetchModelTest, WhatIsNotShownIsSaid) {
  const TestServer server({});
  const auto path = Fetch(Place(server.Url()), "org/name");
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.status().code(), ErrorCode::kNotFound);
  EXPECT_NE(path.status().message().find("HF_TOKEN"), std::string::npos);
}

TEST_F(FetchModelTest, MoreThanTheDiskHasIsRefusedBeforeTheFirstByte) {
  const TestServer server(Hub());
  const HubPlace place = Place(server.Url());
  const HubReference reference = ParseHubReference("org/name").value();
  const ModelIndex index = AskIndex(place, reference, options_.http).value();
  ModelFiles model = ChooseFiles(index, "").value();
  model.files.front().bytes = uint64_t{1} << 60;
  const auto path = FetchModel(place, reference, index, model, options_);
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.status().code(), ErrorCode::kDoesNotFit) << path.status().message();
  EXPECT_EQ(server.n_requests(), 1u);
}

}  // namespace
}  // namespace altteul::hub

// SPDX-License-Identifier: Apache-2.0

#include "plan/hollow_model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/test_model.h"
#include "hub/blob_hash.h"
#include "hub/test_server.h"
#include "model/family.h"

namespace altteul::plan {
namespace {

namespace fs = std::filesystem;
using engine::testing::TestFolder;
using hub::testing::Fault;
using hub::testing::TestServer;

const std::string kCommit(40, 'c');

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A hub's model file, of which a server may be asked.
class HollowModelTest : public ::testing::Test {
 protected:
  HollowModelTest() {
    EXPECT_TRUE(
        engine::testing::TestModelWriter({.layers = 40}).Write(folder_.Path("m.gguf")).ok());
    model_ = ReadAll(folder_.Path("m.gguf"));
  }

  Result<RemoteModel> Open(const TestServer& server, const std::string& name,
                           uint64_t bytes) const {
    const hub::HubPlace place{
        .endpoint = server.Url(), .key = {}, .cache = hub::HfCache(folder_.Path("hub"))};
    const hub::ModelIndex index{
        .commit = kCommit, .files = {{.name = name, .bytes = bytes, .hash = std::string(64, 'a')}}};
    hub::HttpOptions http;
    http.sleep = [](double) {};
    return OpenRemote(place, hub::ParseHubReference("org/name").value(), index,
                      {.files = index.files, .first = name}, http);
  }
  Result<RemoteModel> Open(const TestServer& server) const {
    return Open(server, "q/m.gguf", model_.size());
  }
  std::map<std::string, std::string> Hub() const {
    return {{"/org/name/resolve/" + kCommit + "/q/m.gguf", model_}};
  }
  static size_t Leftovers() {
    size_t n = 0;
    for (const auto& entry : fs::directory_iterator(fs::temp_directory_path())) {
      n += entry.path().filename().string().starts_with("altteul-plan-") ? 1 : 0;
    }
    return n;
  }

  TestFolder folder_;
  std::string model_;
};

TEST_F(HollowModelTest, AShapeOpensAndTakesNoRoom) {
  const size_t before = Leftovers();
  const auto file = OpenShape("llama-3.1-405b:q4_k");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_GT(file.value()->file_bytes(), 200'000'000'000u);
  const auto config = model::ReadConfig(*file.value());
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config.value().n_layers(), 126u);
  EXPECT_EQ(Leftovers(), before);
}

TEST_F(HollowModelTest, OfARemoteModelTheHeaderIsFetched) {
  ASSERT_GT(model_.size(), 5'000'000u);
  const TestServer server(Hub());
  const size_t before = Leftovers();
  const auto remote = Open(server);
  ASSERT_TRUE(remote.ok()) << remote.status().message();
  EXPECT_EQ(remote.value().fetched_bytes, 1u << 20);
  EXPECT_EQ(server.sent_bytes(), 1u << 20);
  EXPECT_EQ(remote.value().file->file_bytes(), model_.size());
  const auto config = model::ReadConfig(*remote.value().file);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config.value().n_layers(), 40u);
  EXPECT_TRUE(remote.value().file->ReadTokenizer({}).ok());
  EXPECT_EQ(Leftovers(), before);
}

TEST_F(HollowModelTest, ALongHeaderComesPieceByPiece) {
  // A vocabulary of 3 MB in front of everything else.
  formats::GgufWriter writer;
  const std::string word(30, 'w');
  const std::vector<std::string_view> words(80'000, word);
  writer.SetStrings("tokenizer.ggml.tokens", words);
  writer.SetString("general.architecture", "llama");
  const auto header = writer.Header().value();
  model_.assign(reinterpret_cast<const char*>(header.data()), header.size());
  model_.resize(20'000'000);
  const TestServer server(Hub());
  const auto remote = Open(server);
  ASSERT_TRUE(remote.ok()) << remote.status().message();
  EXPECT_GE(remote.value().fetched_bytes, header.size());
  EXPECT_LE(remote.value().fetched_bytes, header.size() + (1u << 20));
}

TEST_F(HollowModelTest, ABrokenHeaderEndsItAtOnce) {
  model_.resize(50'000'000);
  model_[0] = 'X';
  const TestServer server(Hub());
  const auto remote = Open(server);
  EXPECT_EQ(remote.status().code(), ErrorCode::kCorruptFile);
  EXPECT_EQ(server.sent_bytes(), 1u << 20);
}

TEST_F(HollowModelTest, AHeaderThatClaimsTerabytesIsRefused) {
  const TestServer server(Hub());
  EXPECT_FALSE(Open(server, "q/m.gguf", uint64_t{1} << 62).ok());
}

TEST_F(HollowModelTest, ServersThatLieAreFoundOut) {
  for (const auto kind : {Fault::Kind::kOtherRange, Fault::Kind::kNoRange, Fault::Kind::kOtherTotal,
                          Fault::Kind::kMoreBytes}) {
    const TestServer server(Hub(), [kind](const TestServer::Asked&) { return Fault{kind, 0}; });
    EXPECT_EQ(Open(server).status().code(), ErrorCode::kNetwork) << static_cast<int>(kind);
  }
}

TEST_F(HollowModelTest, WhatIsNotThereIsSaid) {
  const TestServer server({});
  EXPECT_EQ(Open(server).status().code(), ErrorCode::kNotFound);
}

TEST_F(HollowModelTest, OfSafetensorsTheHeaderIsFetched) {
  const std::string json =
      R"({"w":{"dtype":"F32","shape":[1000,1000],"data_offsets":[0,4000000]}})";
  uint64_t length = json.size();
  std::string weights(8, '\0');
  std::memcpy(weights.data(), &length, 8);
  weights += json;
  weights.resize(weights.size() + 4'000'000);
  const std::string path = "/org/name/resolve/" + kCommit + "/";
  const std::string config = R"({"architectures":["LlamaForCausalLM"]})";
  const TestServer server({{path + "model.safetensors", weights}, {path + "config.json", config}});
  const hub::HubPlace place{
      .endpoint = server.Url(), .key = {}, .cache = hub::HfCache(folder_.Path("hub"))};
  const hub::ModelIndex index{
      .commit = kCommit,
      .files = {{.name = "model.safetensors", .bytes = weights.size(), .hash = ""},
                {.name = "config.json", .bytes = config.size(), .hash = ""}}};
  const auto remote = OpenRemote(place, hub::ParseHubReference("org/name").value(), index,
                                 {.files = index.files, .first = ""}, {});
  ASSERT_TRUE(remote.ok()) << remote.status().message();
  EXPECT_EQ(remote.value().file->file_bytes(), weights.size());
  EXPECT_EQ(remote.value().fetched_bytes, (64u << 10) + config.size());
}

}  // namespace
}  // namespace altteul::plan

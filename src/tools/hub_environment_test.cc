// SPDX-License-Identifier: Apache-2.0

#include "tools/hub_environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace altteul::tools {
namespace {

using Variables = std::map<std::string, std::string>;

Result<hub::HubPlace> PlaceWith(const Variables& variables) {
  return HubPlaceOf([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}
std::string FolderWith(const Variables& variables) {
  const auto place = PlaceWith(variables);
  return place.ok() ? place.value().cache.folder() : place.status().message();
}

TEST(HubEnvironmentTest, FoldersInTheOrderOfHuggingfaceHub) {
  Variables variables = {{"HOME", "/home/u"}};
  EXPECT_EQ(FolderWith(variables), "/home/u/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/caches";
  EXPECT_EQ(FolderWith(variables), "/caches/huggingface/hub");
  variables["HF_HOME"] = "~/hf";
  EXPECT_EQ(FolderWith(variables), "/home/u/hf/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/old";
  EXPECT_EQ(FolderWith(variables), "/old");
  variables["HF_HUB_CACHE"] = "/new";
  EXPECT_EQ(FolderWith(variables), "/new");
  EXPECT_EQ(PlaceWith({}).status().code(), ErrorCode::kInvalidArgument);
}

TEST(HubEnvironmentTest, EndpointTokenAndOffline) {
  const auto plain = PlaceWith({{"HF_HUB_CACHE", "/c"}, {"HF_HUB_OFFLINE", "0"}});
  ASSERT_TRUE(plain.ok()) << plain.status().message();
  EXPECT_EQ(plain.value().endpoint, "https://huggingface.co");
  EXPECT_EQ(plain.value().key, "");
  EXPECT_FALSE(plain.value().is_offline);
  const auto other = PlaceWith({{"HF_HUB_CACHE", "/c"},
                                {"HF_ENDPOINT", "http://mirror/"},
                                {"HF_TOKEN", "hf_x"},
                                {"TRANSFORMERS_OFFLINE", "yes"}});
  ASSERT_TRUE(other.ok()) << other.status().message();
  EXPECT_EQ(other.value().endpoint, "http://mirror");
  EXPECT_EQ(other.value().key, "hf_x");
  EXPECT_TRUE(other.value().is_offline);
  EXPECT_FALSE(PlaceWith({{"HF_HUB_CACHE", "/c"}, {"HF_ENDPOINT", "ftp://x"}}).ok());
}

TEST(HubEnvironmentTest, TheTokenMayBeInAFile) {
  std::string name = ::testing::TempDir() + "/altteul_token_XXXXXX";
  const std::string folder = mkdtemp(name.data());
  std::ofstream(folder + "/token") << " hf_file\n";
  std::ofstream(folder + "/other") << "hf_other";
  EXPECT_EQ(PlaceWith({{"HF_HOME", folder}}).value().key, "hf_file");
  EXPECT_EQ(PlaceWith({{"HF_HOME", folder}, {"HF_TOKEN_PATH", folder + "/other"}}).value().key,
            "hf_other");
  EXPECT_EQ(PlaceWith({{"HF_HOME", folder}, {"HF_TOKEN", "hf_set"}}).value().key, "hf_set");
  std::ofstream(folder + "/token") << "two words";
  const auto wrong = PlaceWith({{"HF_HOME", folder}});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.status().message().find("two words"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "hub/file_url.h"

#include <gtest/gtest.h>

#include "hub/test_server.h"

namespace altteul::hub {
namespace {

using testing::TestServer;

TEST(FileUrlTest, LinksOfAHubAreReferences) {
  const std::string hub = "https://huggingface.co";
  const auto plain = ReferenceOfUrl(hub, hub + "/org/name");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->repository.id, "org/name");
  EXPECT_EQ(plain->revision, "main");
  const auto file = ReferenceOfUrl(hub, hub + "/org/name/resolve/v1/q/m.gguf?download=true");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->revision, "v1");
  EXPECT_EQ(file->what, "q/m.gguf");
  EXPECT_EQ(ReferenceOfUrl(hub, hub + "/org/name/tree/dev")->revision, "dev");
  EXPECT_EQ(ReferenceOfUrl(hub, hub + "/org/name/blob/main/m.gguf")->what, "m.gguf");
  for (const char* other : {"", "/", "/org", "/org/name/discussions/1", "/org/name/resolve/main",
                            "/org/name/blob/main/../x", "/..//name", "/org/name/tree/main/x"}) {
    EXPECT_FALSE(ReferenceOfUrl(hub, hub + other)) << other;
  }
  EXPECT_FALSE(ReferenceOfUrl(hub, "https://huggingface.co.evil.example/org/name"));
}

TEST(FileUrlTest, AFileIsAskedForItsSize) {
  const TestServer server({{"/d/m.gguf", std::string(5000, 'm')}, {"/d/", "x"}});
  const std::string sha256(64, 'a');
  const auto file = AskUrl(server.Url("/d/m.gguf"), sha256, "", {});
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file.value().name, "m.gguf");
  EXPECT_EQ(file.value().bytes, 5000u);
  EXPECT_EQ(file.value().hash, sha256);
  const auto code = [&](const std::string& url, const std::string& hash) {
    return AskUrl(url, hash, "", {}).status().code();
  };
  EXPECT_EQ(code(server.Url("/d/m.gguf"), ""), ErrorCode::kRefused) << "nothing to verify by";
  EXPECT_EQ(code(server.Url("/d/m.gguf"), "abc"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(server.Url("/d/none.gguf"), sha256), ErrorCode::kNotFound);
  EXPECT_EQ(code(server.Url("/d/"), sha256), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(server.Url("/d/%2e%2e"), sha256), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(server.Url("/d/.."), sha256), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace altteul::hub

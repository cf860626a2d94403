// SPDX-License-Identifier: Apache-2.0

#include "hub/other_stores.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;

class OtherStoresTest : public ::testing::Test {
 protected:
  OtherStoresTest() {
    std::string name = ::testing::TempDir() + "/altteul_stores_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~OtherStoresTest() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& content) const {
    const fs::path path = folder_ + "/" + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  void Manifest(const std::string& name, const std::string& digest) const {
    Write("manifests/" + name,
          R"({"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.license",)"
          R"("digest":"sha256:00","size":1},{"mediaType":"application/vnd.ollama.image.model",)"
          R"("digest":")" +
              digest + R"(","size":4}]})");
  }

  std::string folder_;
};

TEST_F(OtherStoresTest, OllamaModelsAreFoundByTheirManifests) {
  const std::string a(64, 'a'), b(64, 'b');
  Write("blobs/sha256-" + a, "GGUF");
  Write("blobs/sha256-" + b, "GGUFGGUF");
  Manifest("registry.ollama.ai/library/llama3.2/1b", "sha256:" + a);
  Manifest("registry.ollama.ai/library/llama3.2/latest", "sha256:" + b);
  Manifest("registry.ollama.ai/someone/tuned/q4", "sha256:" + b);
  Manifest("hf.co/org/model/Q4_K_M", "sha256:" + a);
  const auto models = OllamaModels(folder_);
  ASSERT_EQ(models.size(), 4u);
  EXPECT_EQ(models[0].name, "ollama:hf.co/org/model:Q4_K_M");
  EXPECT_EQ(models[1].name, "ollama:llama3.2:1b");
  EXPECT_EQ(models[1].bytes, 4u);
  EXPECT_EQ(models[1].sha256, a);
  EXPECT_EQ(models[1].path, folder_ + "/blobs/sha256-" + a);
  EXPECT_EQ(models[3].name, "ollama:someone/tuned:q4");

  EXPECT_EQ(FindStored(models, "ollama:llama3.2:1b").value().sha256, a);
  EXPECT_EQ(FindStored(models, "ollama:llama3.2").value().sha256, b) << "latest";
  EXPECT_EQ(FindStored(models, "ollama:someone/tuned").value().name, "ollama:someone/tuned:q4");
  EXPECT_EQ(FindStored(models, "ollama:llama3").status().code(), ErrorCode::kNotFound);
}

TEST_F(OtherStoresTest, LayersBesideTheModelAreKnown) {
  const std::string digits = "abcdef012";
  std::string layers;
  Write("blobs/sha256-" + std::string(64, 'a'), "GGUF");
  const char* kinds[] = {"model", "template", "system", "params", "license", "adapter"};
  for (size_t i = 0; i < std::size(kinds); ++i) {
    layers += (i == 0 ? "" : ",") + std::string(R"({"mediaType":"application/vnd.ollama.image.)") +
              kinds[i] + R"(","digest":"sha256:)" + std::string(64, digits[i]) + R"("})";
  }
  const std::string config(64, '3');
  Write("blobs/sha256-" + config, R"({"renderer": "gemma4", "parser": 3})");
  Write("manifests/registry.ollama.ai/library/m/1",
        R"({"config":{"digest":"sha256:)" + config + R"("},"layers":[)" + layers + "]}");
  const auto models = OllamaModels(folder_);
  ASSERT_EQ(models.size(), 1u);
  const OllamaLayers& found = models[0].layers;
  const std::string blobs = folder_ + "/blobs/sha256-";
  EXPECT_EQ(found.chat_template, blobs + std::string(64, 'b'));
  EXPECT_EQ(found.system, blobs + std::string(64, 'c'));
  EXPECT_EQ(found.parameters, blobs + std::string(64, 'd'));
  EXPECT_EQ(found.others, std::vector<std::string>{"adapter"});
  EXPECT_EQ(found.renderer, "gemma4");
}

TEST_F(OtherStoresTest, HostileManifestsAreNoModels) {
  const std::string a(64, 'a');
  Write("blobs/sha256-" + a, "GGUF");
  Write("secret", "x");
  Manifest("registry.ollama.ai/library/up/1", "sha256:../../secret");
  Manifest("registry.ollama.ai/library/short/1", "sha256:abc");
  Manifest("registry.ollama.ai/library/gone/1", "sha256:" + std::string(64, 'c'));
  Manifest("registry.ollama.ai/deep/er/than/usual", "sha256:" + a);
  Manifest("registry.ollama.ai/library/\x1b[31m/1", "sha256:" + a);
  Write("manifests/registry.ollama.ai/library/broken/1", "{");
  Write("manifests/registry.ollama.ai/library/list/1", "[1, 2]");
  Write("manifests/registry.ollama.ai/library/odd/1",
        R"({"layers":[1,{"mediaType":3,"digest":{}}]})");
  EXPECT_TRUE(OllamaModels(folder_).empty());
  Write("blobs/sha256-" + std::string(64, 'd'), "[1]");
  for (const std::string config : {R"("x")", R"({"digest":"sha256:../../secret"})",
                                   R"({"digest":"sha256:)"
                                   "dddddddddddddddddddddddddddddddd"
                                   R"(dddddddddddddddddddddddddddddddd"})"}) {
    Write("manifests/registry.ollama.ai/library/odd/2",
          R"({"config":)" + config +
              R"(,"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" +
              a + R"("}]})");
    const auto models = OllamaModels(folder_);
    ASSERT_EQ(models.size(), 1u);
    EXPECT_EQ(models[0].layers.renderer, "") << config;
  }
}

TEST_F(OtherStoresTest, LmStudioModelsAreFilesTwoFoldersDeep) {
  Write("pub/model/a.Q4_0.gguf", "GGUF");
  Write("pub/model/b.Q8_0.gguf", "GGUFGGUF");
  Write("pub/model/mmproj-a.gguf", "GGUF");
  Write("pub/model/notes.txt", "x");
  Write("root.gguf", "GGUF");
  Write("other/one/c.gguf", "GGUF");
  const auto models = LmStudioModels(folder_);
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[0].name, "lms:other/one/c.gguf");
  EXPECT_EQ(FindStored(models, "lms:other/one").value().path, folder_ + "/other/one/c.gguf");
  const auto several = FindStored(models, "lms:pub/model");
  EXPECT_EQ(several.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(several.status().message().find("b.Q8_0.gguf"), std::string::npos);
}

TEST_F(OtherStoresTest, AStoreThatIsNotThereIsEmpty) {
  EXPECT_TRUE(OllamaModels(folder_ + "/none").empty());
  EXPECT_TRUE(LmStudioModels(folder_ + "/none").empty());
}

}  // namespace
}  // namespace altteul::hub

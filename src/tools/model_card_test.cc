// SPDX-License-Identifier: Apache-2.0

#include "tools/model_card.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/test_model.h"

namespace altteul::tools {
namespace {

using engine::testing::TestFolder;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

CompressionRecord SomeRecord() {
  CompressionRecord record;
  record.out = "some/folder/small.gguf";
  record.command = "altteul compress big.gguf some/folder/small.gguf --type Q4_0";
  record.version = "1.2.3 (abc)";
  record.source_files = {{.name = "big.gguf", .sha256 = "aa11"}};
  record.result_sha256 = "bb22";
  compress::RecodeReport& recoded = record.recoded;
  recoded.file_bytes = 98'400'000;
  recoded.source_bytes = 270'000'000;
  recoded.bits_per_weight = 5.9;
  recoded.source_bits_per_weight = 16;
  recoded.tensors.resize(3);
  recoded.tensors[0].to = DType::kF32;
  recoded.tensors[0].to_bytes = 1000;
  for (size_t i : {1, 2}) {
    recoded.tensors[i].to = DType::kQ4_0;
    recoded.tensors[i].to_bytes = 4500;
  }
  return record;
}

void ExpectHas(const std::string& card, const std::string& part) {
  EXPECT_NE(card.find(part), std::string::npos) << "'" << part << "' is not in:\n" << card;
}

TEST(ModelCardTest, SaysWhatItIsFromWhatAndHow) {
  CardSource source{.repository = "owner/big", .license = {}};
  source.license.ids = {"Apache-2.0"};
  const std::string card = ModelCard(SomeRecord(), source);
  EXPECT_TRUE(card.starts_with("---\nbase_model: \"owner/big\"\n")) << card;
  for (const char* part :
       {"license: \"apache-2.0\"\n", "quantized_by: \"Altteul 1.2.3 (abc)\"\n", "tags:\n- gguf\n",
        "5.90 bits a weight", "| source | big.gguf | `aa11` |", "| result | small.gguf | `bb22` |",
        "--type Q4_0", "altteul run small.gguf", "Not measured"}) {
    ExpectHas(card, part);
  }
  ExpectHas(card, "| Q4_0 | 2 | 9,000 | 90.0 % |\n| F32 | 1 | 1,000 | 10.0 % |");
}

TEST(ModelCardTest, WhatWasMeasuredStandsInATable) {
  CompressionRecord record = SomeRecord();
  JudgedText judged{.name = "news", .evaluation = {}};
  judged.evaluation.scored_tokens = 5120;
  judged.evaluation.perplexity = 21.5;
  judged.evaluation.perplexity_reference = 20.25;
  judged.evaluation.divergence.emplace();
  judged.evaluation.divergence->mean = 0.0295;
  judged.evaluation.divergence->same_top = 0.91;
  record.judgement.emplace().texts.push_back(judged);
  ExpectHas(ModelCard(record, {}),
            "| news | 5,120 | 20.250 | 21.500 | 0.02950 ± 0.00000 | 91.00 % |");
}

TEST(ModelCardTest, NothingFromASourceLeavesItsPlace) {
  CompressionRecord record = SomeRecord();
  record.recoded.left_out = {"a\n---\n# b `c` | <script>"};
  CardSource source;
  source.license.ids = {"mine\nquantized_by: someone"};
  source.license.name = "mine\nquantized_by: someone";
  source.license.text = "```\n# not a heading\n";
  const std::string card = ModelCard(record, source);
  EXPECT_EQ(card.find("\nquantized_by: someone\n---"), std::string::npos);
  ExpectHas(card, "license: other\n");
  ExpectHas(card, "````text\n```\n# not a heading\n````");
  ExpectHas(card, "a --- \\# b \\`c\\` \\| \\<script\\>");
  EXPECT_EQ(card.find("base_model"), std::string::npos) << "nobody said of which";
}

TEST(ModelCardTest, SeveralLicencesAndThoseWithANameOfTheirOwn) {
  CardSource source{.repository = "owner/big", .license = {}};
  source.license.ids = {"MIT", "Apache-2.0"};
  ExpectHas(ModelCard(SomeRecord(), source), "license:\n- \"mit\"\n- \"apache-2.0\"\n");
  ExpectHas(ModelCard(SomeRecord(), source), "That of the source: MIT, Apache-2.0.");
  source.license.ids = {"other"};
  source.license.name = "llama3.2";
  source.license.link = "LICENSE.txt";
  const std::string card = ModelCard(SomeRecord(), source);
  ExpectHas(card,
            "license: \"other\"\nlicense_name: \"llama3.2\"\n"
            "license_link: \"https://huggingface.co/owner/big/blob/main/LICENSE.txt\"\n");
  ExpectHas(card, "That of the source: other (llama3.2).");
  source.repository.clear();
  EXPECT_EQ(ModelCard(SomeRecord(), source).find("license_link"), std::string::npos)
      << "a path within nobody knows what";
}

TEST(ModelCardTest, CommandsCanBeCopied) {
  CompressionRecord record = SomeRecord();
  record.out = "some/my small.gguf";
  ExpectHas(ModelCard(record, {}), "altteul run 'my small.gguf'\nllama-cli -m 'my small.gguf'\n");
  ExpectHas(ModelCard(record, {}), "altteul eval 'my small.gguf' --reference");
  record.out = "-small.gguf";
  ExpectHas(ModelCard(record, {}), "altteul run ./-small.gguf\n");
}

TEST(ModelCardTest, APageThatIsNotOursStays) {
  const TestFolder folder;
  const std::string path = folder.Path("small.md");
  EXPECT_EQ(CardPathOf(folder.Path("small.gguf")), path);
  EXPECT_EQ(CardPathOf("model.bin"), "model.bin.md");
  const std::string card = ModelCard(SomeRecord(), {});
  EXPECT_TRUE(WriteCard(path, card).value());
  EXPECT_EQ(ReadAll(path), card);
  EXPECT_TRUE(WriteCard(path, card + "more").value()) << "our own is replaced";
  EXPECT_EQ(ReadAll(path), card + "more");
  std::ofstream(path) << "notes of somebody";
  EXPECT_FALSE(WriteCard(path, card).value());
  EXPECT_EQ(ReadAll(path), "notes of somebody");
  EXPECT_FALSE(WriteCard(folder.Path("missing/small.md"), card).ok());
}

TEST(ModelCardTest, WhereASourceComesFromStandsInItsNameOrPlace) {
  const TestFolder folder;
  std::filesystem::create_directories(folder.Path("models--owner--name/snapshots/1"));
  const std::string file = folder.Path("models--owner--name/snapshots/1/m.gguf");
  ASSERT_TRUE(engine::testing::WriteTestModel(file, {}).ok());
  const auto source = std::move(model::Checkpoint::Open(file)).value();
  const CardSource by_path = CardSourceOf(*source, file);
  EXPECT_EQ(by_path.repository, "owner/name");
  EXPECT_EQ(by_path.license.ids, std::vector<std::string>{"0BSD"});
  EXPECT_EQ(CardSourceOf(*source, "hf:else/what:Q4_0").repository, "else/what");
  EXPECT_EQ(CardSourceOf(*source, "hf:../..").repository, "owner/name");
}

}  // namespace
}  // namespace altteul::tools

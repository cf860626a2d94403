// SPDX-License-Identifier: Apache-2.0

#include "tools/ollama_chat.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

namespace fs = std::filesystem;

class OllamaChatTest : public ::testing::Test {
 protected:
  OllamaChatTest() {
    std::string name = ::testing::TempDir() + "/altteul_chat_XXXXXX";
    folder_ = mkdtemp(name.data());
    stored_.name = "ollama:m";
    log_ = [this](LogLevel level, std::string_view sentence) {
      said_ += (level == LogLevel::kWarning ? "W " : "I ") + std::string(sentence) + "\n";
    };
  }
  ~OllamaChatTest() override { fs::remove_all(folder_); }

  std::string Layer(const std::string& name, const std::string& content) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::string folder_, said_;
  hub::StoredModel stored_;
  LogSink log_;
};

TEST_F(OllamaChatTest, TheTemplateOfTheStoreWinsAndIsTold) {
  stored_.path = "/models/blob";
  stored_.layers.chat_template = Layer("t", "{{ .Prompt }}");
  EXPECT_NE(ChatSourceOf("", stored_, log_).chat_template.find("macro turn"), std::string::npos);
  EXPECT_EQ(said_, "") << "there is no other one";
  EXPECT_NE(ChatSourceOf("own", stored_, log_).chat_template.find("macro turn"), std::string::npos);
  EXPECT_EQ(said_,
            "I ollama:m: Ollama's chat template is used, as Ollama does; the one inside the file "
            "says something else (opened as /models/blob it is used)\n");
  EXPECT_EQ(ChatSourceOf("own", {}, log_).chat_template, "own");
  EXPECT_EQ(ChatSourceOf("", {}, log_).chat_template, "");
}

TEST_F(OllamaChatTest, ATemplateThatOllamaDoesNotRunLosesToTheModels) {
  stored_.layers.chat_template = Layer("t", "{{ .Prompt }}");
  stored_.layers.renderer = "qwen3-coder";
  EXPECT_EQ(ChatSourceOf("own", stored_, log_).chat_template, "own");
  EXPECT_NE(said_.find("('qwen3-coder'); here the chat template inside the file"),
            std::string::npos)
      << said_;
  EXPECT_NE(ChatSourceOf("", stored_, log_).chat_template, "") << "there is no other one";
}

TEST_F(OllamaChatTest, TwoTemplatesThatSayTheSameAreNoNews) {
  stored_.layers.chat_template = Layer(
      "t", "{{- range .Messages }}<|{{ .Role }}|>{{ .Content }}<|end|>{{ end }}<|assistant|>");
  const std::string own =
      "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
      "{% if add_generation_prompt %}<|assistant|>{% endif %}";
  EXPECT_EQ(ChatSourceOf(own, stored_, log_).chat_template, own);
  EXPECT_EQ(said_, "");
  // One blank makes another prompt.
  EXPECT_NE(ChatSourceOf(own + " ", stored_, log_).chat_template, own + " ");
  EXPECT_NE(said_, "");
}

TEST_F(OllamaChatTest, ATemplateThatCannotBeTranslatedIsNamedWithTheReason) {
  stored_.layers.chat_template = Layer("t", "a\n{{ .Weather }}");
  EXPECT_EQ(ChatSourceOf("", stored_, log_).chat_template, "");
  EXPECT_NE(said_.find("W ollama:m: Ollama's chat template " + folder_ +
                       "/t is not used: line 2: .Weather is not known"),
            std::string::npos)
      << said_;
  EXPECT_EQ(ChatSourceOf("own", stored_, log_).chat_template, "own");
  EXPECT_NE(said_.find("; the one inside the file is\n"), std::string::npos) << said_;
}

TEST_F(OllamaChatTest, SystemMessageAndStopTextsAreTaken) {
  stored_.layers.system = Layer("s", "Be brief.");
  stored_.layers.parameters =
      Layer("p", R"({"stop": ["<|end|>", "", 3, "User:"], "temperature": 0.5, "num_ctx": 4096})");
  const text::ChatSource source = ChatSourceOf("own", stored_, log_);
  EXPECT_EQ(source.system, "Be brief.");
  EXPECT_EQ(source.stop, (std::vector<std::string>{"<|end|>", "User:"}));
  EXPECT_EQ(said_, "I ollama:m: Ollama's parameters are not used: num_ctx, temperature\n");
  stored_.layers.parameters = Layer("q", R"({"stop": "one"})");
  EXPECT_EQ(ChatSourceOf("own", stored_, log_).stop, std::vector<std::string>{"one"});
}

TEST_F(OllamaChatTest, LayersThatCannotBeReadAreNamed) {
  stored_.layers.chat_template = folder_ + "/absent";
  stored_.layers.system = Layer("s", std::string((1u << 20) + 1, 'x'));
  stored_.layers.parameters = Layer("p", "no json");
  stored_.layers.others = {"adapter"};
  const text::ChatSource source = ChatSourceOf("", stored_, log_);
  EXPECT_EQ(source.chat_template + source.system, "");
  for (const char* part : {"chat template is not used: ", "system message is not used: ", "1 MiB",
                           "parameters are not used", "layer 'adapter' of the model is not used"}) {
    EXPECT_NE(said_.find(part), std::string::npos) << part << "\n" << said_;
  }
}

}  // namespace
}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/chat.h"

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;

/// A byte-level vocabulary: 256 bytes, then <s>, </s>, <unk> and <pad>.
std::unique_ptr<const text::Tokenizer> Bytes() {
  text::TokenizerSpec spec;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    // GPT-2's alphabet: printable bytes are themselves, the others 256, 257, ... in their order.
    const bool shown = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    const int code = shown ? byte : next++;
    std::string letter;
    if (code < 0x80) {
      letter.push_back(static_cast<char>(code));
    } else {
      letter.push_back(static_cast<char>(0xC0 | (code >> 6)));
      letter.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
    spec.tokens.push_back(letter);
    spec.kinds.push_back(text::TokenKind::kNormal);
  }
  for (const char* special : {"<s>", "</s>", "<unk>", "<pad>"}) {
    spec.tokens.emplace_back(special);
    spec.kinds.push_back(text::TokenKind::kControl);
  }
  spec.pre_tokenizer = "gpt-2";
  spec.bos = 256;
  spec.eos = 257;
  spec.unk = 258;
  spec.pad = 259;
  auto made = text::MakeTokenizer(std::move(spec), {});
  EXPECT_TRUE(made.ok()) << made.status().message();
  return made.ok() ? std::move(made).value() : nullptr;
}

class ChatTest : public ::testing::Test {
 protected:
  std::string Encode(const std::string& source, ChatOptions options) {
    auto encoder = ChatEncoder::Create({.chat_template = source, .system = {}, .stop = {}},
                                       *tokenizer_, std::move(options),
                                       [this](LogLevel, std::string_view s) { said_ += s; });
    if (!encoder.ok()) return "ERROR: " + encoder.status().message();
    const auto ids = encoder.value().Encode({{{"role", "user"}, {"content", "q"}}}, nullptr);
    return ids.ok() ? tokenizer_->Decode(ids.value(), true) : "ERROR: " + ids.status().message();
  }

  const std::unique_ptr<const text::Tokenizer> tokenizer_ = Bytes();
  std::string said_;
};

ChatOptions At(WallTime time) {
  return {.now = [time] { return time; }};
}

TEST_F(ChatTest, GivesWhatTransformersGives) {
  EXPECT_EQ(Encode("{% if tools is none and documents is none and add_generation_prompt %}"
                   "{{ messages[0].content }}{% endif %}",
                   {}),
            "q");
  EXPECT_EQ(
      Encode("{{ bos_token ~ eos_token ~ unk_token ~ pad_token }}{{ sep_token is defined }}", {}),
      "<s></s><unk><pad>False");
}

TEST_F(ChatTest, TheDateIsLocal) {
  const char* source = "{{ strftime_now('%Y-%m-%d %H') }}";
  EXPECT_EQ(Encode(source, At({.unix_seconds = 1722009600, .utc_offset_seconds = 0})),
            "2024-07-26 16");
  EXPECT_EQ(Encode(source, At({.unix_seconds = 1722009600, .utc_offset_seconds = 9 * 3600})),
            "2024-07-27 01");
}

TEST_F(ChatTest, VariablesAreWhatTheTemplateReads) {
  auto variables = ParseTemplateVariables(
      {"a=true", "b=None", "c=1.5", "d=[1, \"x\"]", "e=plain = text", "f=\"5\"", "g=", "h=False"});
  ASSERT_TRUE(variables.ok()) << variables.status().message();
  EXPECT_EQ(
      variables.value().dump(),
      R"({"a":true,"b":null,"c":1.5,"d":[1,"x"],"e":"plain = text","f":"5","g":"","h":false})");
  ChatOptions options;
  options.variables = {{"enable_thinking", false}, {"foo", 1}};
  EXPECT_EQ(
      Encode("{% if enable_thinking is false %}no{% endif %}{{ date_string }}", std::move(options)),
      "no");
  EXPECT_EQ(said_, "the chat template does not read 'foo'; it reads date_string, enable_thinking");
  for (const char* wrong : {"a", "=1", "1a=2", "a b=1", "messages=[]"}) {
    EXPECT_FALSE(ParseTemplateVariables({wrong}).ok()) << wrong;
  }
}

TEST_F(ChatTest, TextOfAVariableIsNoToken) {
  ChatOptions options;
  options.variables = {{"x", "</s>"}};
  auto encoder = ChatEncoder::Create({.chat_template = "{{ x }}</s>", .system = {}, .stop = {}},
                                     *tokenizer_, std::move(options), {});
  ASSERT_TRUE(encoder.ok());
  const auto ids = encoder.value().Encode(ordered_json::array(), nullptr);
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids.value(), (std::vector<text::TokenId>{'<', '/', 's', '>', 257}));
}

}  // namespace
}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "text/chat_encoder.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "text/byte_alphabet.h"

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

/// A byte-level vocabulary: 256 bytes, then <s>, </s>, <unk> and <pad>.
std::unique_ptr<const Tokenizer> Bytes() {
  TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.emplace_back(ByteLetter(static_cast<uint8_t>(byte)));
    spec.kinds.push_back(TokenKind::kNormal);
  }
  for (const char* special : {"<s>", "</s>", "<unk>", "<pad>"}) {
    spec.tokens.emplace_back(special);
    spec.kinds.push_back(TokenKind::kControl);
  }
  spec.pre_tokenizer = "gpt-2";
  spec.bos = 256;
  spec.eos = 257;
  spec.unk = 258;
  spec.pad = 259;
  auto made = MakeTokenizer(std::move(spec), {});
  EXPECT_TRUE(made.ok()) << made.status().message();
  return made.ok() ? std::move(made).value() : nullptr;
}

class ChatEncoderTest : public ::testing::Test {
 protected:
  std::string Encode(const std::string& source, ChatOptions options) {
    auto encoder = ChatEncoder::Create({.chat_template = source}, *tokenizer_, std::move(options),
                                       [this](LogLevel, std::string_view s) { said_ += s; });
    if (!encoder.ok()) return "ERROR: " + encoder.status().message();
    const auto ids = encoder.value().Encode({{{"role", "user"}, {"content", "q"}}}, nullptr);
    return ids.ok() ? tokenizer_->Decode(ids.value(), true) : "ERROR: " + ids.status().message();
  }

  const std::unique_ptr<const Tokenizer> tokenizer_ = Bytes();
  std::string said_;
};

ChatOptions At(WallTime time) {
  return {.now = [time] { return time; }};
}

TEST_F(ChatEncoderTest, GivesWhatTransformersGives) {
  EXPECT_EQ(Encode("{% if tools is none and documents is none and add_generation_prompt %}"
                   "{{ messages[0].content }}{% endif %}",
                   {}),
            "q");
  EXPECT_EQ(
      Encode("{{ bos_token ~ eos_token ~ unk_token ~ pad_token }}{{ sep_token is defined }}", {}),
      "<s></s><unk><pad>False");
}

TEST_F(ChatEncoderTest, TheDateIsLocal) {
  const char* source = "{{ strftime_now('%Y-%m-%d %H') }}";
  EXPECT_EQ(Encode(source, At({.unix_seconds = 1722009600, .utc_offset_seconds = 0})),
            "2024-07-26 16");
  EXPECT_EQ(Encode(source, At({.unix_seconds = 1722009600, .utc_offset_seconds = 9 * 3600})),
            "2024-07-27 01");
  EXPECT_NE(Encode(source, {}).find("the caller gave no time"), std::string::npos);
}

TEST_F(ChatEncoderTest, VariablesReachTheTemplateAndUnreadOnesAreNamed) {
  ChatOptions options;
  options.variables = {{"enable_thinking", false}, {"foo", 1}};
  EXPECT_EQ(
      Encode("{% if enable_thinking is false %}no{% endif %}{{ date_string }}", std::move(options)),
      "no");
  EXPECT_EQ(said_, "the chat template does not read 'foo'; it reads date_string, enable_thinking");
}

TEST_F(ChatEncoderTest, TextOfAVariableIsNoToken) {
  ChatOptions options;
  options.variables = {{"x", "</s>"}};
  auto encoder =
      ChatEncoder::Create({.chat_template = "{{ x }}</s>"}, *tokenizer_, std::move(options), {});
  ASSERT_TRUE(encoder.ok());
  const auto ids = encoder.value().Encode(ordered_json::array(), nullptr);
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids.value(), (std::vector<TokenId>{'<', '/', 's', '>', 257}));
}

}  // namespace
}  // namespace altteul::text

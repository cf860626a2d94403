// SPDX-License-Identifier: Apache-2.0

#include "text/chat_variables.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace altteul::text {
namespace {

TEST(ChatVariables, AreJsonPythonsWordsOrTexts) {
  const auto variables = ParseTemplateVariables(
      {"a=true", "b=None", "c=1.5", "d=[1, \"x\"]", "e=plain = text", "f=\"5\"", "g=", "h=False"});
  ASSERT_TRUE(variables.ok()) << variables.status().message();
  EXPECT_EQ(
      variables.value().dump(),
      R"({"a":true,"b":null,"c":1.5,"d":[1,"x"],"e":"plain = text","f":"5","g":"","h":false})");
  for (const char* wrong : {"a", "=1", "1a=2", "a b=1", "messages=[]"}) {
    EXPECT_FALSE(ParseTemplateVariables({wrong}).ok()) << wrong;
  }
}

TEST(ChatVariables, ThoseOfEveryChatAreNotForTheCallerToChoose) {
  const auto parsed = ChatTemplate::Parse(
      "{{ messages ~ tools ~ documents ~ add_generation_prompt ~ bos_token ~ image_token ~ "
      "additional_special_tokens ~ enable_thinking ~ date_string }}");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(ChosenVariables(parsed.value()),
            (std::vector<std::string>{"date_string", "enable_thinking"}));
}

TEST(ChatVariables, AChatBeginsWithItsSystemMessageIfItHasOne) {
  EXPECT_EQ(FirstMessages("").dump(), "[]");
  EXPECT_EQ(FirstMessages("Be brief.").dump(), R"([{"role":"system","content":"Be brief."}])");
}

}  // namespace
}  // namespace altteul::text

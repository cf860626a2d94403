// SPDX-License-Identifier: Apache-2.0

#include "text/chat_source.h"

#include <string>

#include <gtest/gtest.h>

namespace altteul::text {
namespace {

const std::string kOwn =
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}";

TEST(ChatSourceTest, TemplatesWriteAlikeWhateverTheyAreMadeOf) {
  EXPECT_TRUE(WriteAlike(kOwn, kOwn));
  EXPECT_TRUE(WriteAlike(kOwn,
                         "{%- for m in messages -%}{{ '<|' ~ m['role'] ~ '|>' ~ m['content'] }}"
                         "{%- endfor -%}"))
      << "a token that begins the text is for whoever encodes it";
  EXPECT_FALSE(WriteAlike(kOwn, kOwn + " "));
}

TEST(ChatSourceTest, SystemMessagesAndAnswersAreCompared) {
  const std::string without_system =
      "{% for m in messages %}{% if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}"
      "{% endif %}{% endfor %}";
  EXPECT_FALSE(WriteAlike(kOwn, without_system));
  const std::string only_user =
      "{% for m in messages %}{% if m.role != 'assistant' %}<|{{ m.role }}|>{{ m.content }}"
      "{% endif %}{% endfor %}";
  EXPECT_FALSE(WriteAlike(kOwn, only_user));
}

TEST(ChatSourceTest, WhatIsNoTemplateIsLikeNothing) {
  EXPECT_FALSE(WriteAlike("{% if %}", "{% if %}"));
  EXPECT_FALSE(WriteAlike(kOwn, "{{ raise_exception('no') }}"));
}

}  // namespace
}  // namespace altteul::text

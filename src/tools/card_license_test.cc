// SPDX-License-Identifier: Apache-2.0

#include "tools/card_license.h"

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

using Words = std::vector<std::string>;

Words Licences(const std::string& lines) {
  return CardValues("---\nlanguage: en\n" + lines + "\ntags:\n- x\n---\n# license: none\n",
                    "license");
}

TEST(CardLicenseTest, EveryFormOfYamlThatCardsHave) {
  EXPECT_EQ(Licences("license: apache-2.0"), Words{"apache-2.0"});
  EXPECT_EQ(Licences("license: 'mit'  # see LICENSE"), Words{"mit"});
  EXPECT_EQ(Licences("license: \"a \\\"b\\\"\""), Words{"a \"b\""});
  EXPECT_EQ(Licences("license: it's # free"), Words{"it's"});
  EXPECT_EQ(Licences("license:\n- mit\n- apache-2.0 # both"), (Words{"mit", "apache-2.0"}));
  EXPECT_EQ(Licences("license:\n  - mit\n\n  - 'a b'"), (Words{"mit", "a b"}));
  EXPECT_EQ(Licences("license: [mit, \"apache-2.0\"]"), (Words{"mit", "apache-2.0"}));
  EXPECT_EQ(Licences("license: [\n  mit,\n  bsd ]"), (Words{"mit", "bsd"}));
  EXPECT_EQ(Licences("license: >-\n  free for\n  everybody"), Words{"free for everybody"});
  EXPECT_EQ(Licences("license: |\n  free\n  for all"), Words{"free\nfor all"});
  EXPECT_EQ(Licences("license: free\n  for all"), Words{"free for all"});
  EXPECT_EQ(Licences("license:\n  mit"), Words{"mit"});
  EXPECT_EQ(CardValues("---\r\nlicense: mit\r\n---\r\n", "license"), Words{"mit"});
  EXPECT_EQ(CardValues("\xEF\xBB\xBF---\nlicense: mit\n---", "license"), Words{"mit"});
}

TEST(CardLicenseTest, WhatIsNoValueIsNone) {
  for (const char* lines : {"license:", "license: null", "license: ~", "license: # mit",
                            "license_name: x", "x:\n  license: mit", "license: >-", "license: []",
                            "license: [", "license: \"", "license: '"}) {
    EXPECT_EQ(Licences(lines), Words{}) << lines;
  }
  EXPECT_EQ(CardValues("license: mit\n---\n", "license"), Words{}) << "no head";
  EXPECT_EQ(CardValues("---\nlicense: mit\n", "license"), Words{}) << "a head without an end";
  EXPECT_EQ(CardValues("", "license"), Words{});
}

TEST(CardLicenseTest, ATextIsMadeUtf8AndCutBehindALine) {
  CardLicense license;
  TakeText("Copyright \xA9 1999\n", 100, &license);  // Latin-1
  EXPECT_EQ(license.text, "Copyright \xEF\xBF\xBD 1999\n");
  EXPECT_TRUE(license.is_mended && !license.is_cut);
  TakeText("one\ntwo \xED\x95\x9C\n", 9, &license);  // within a character
  EXPECT_EQ(license.text, "one\n");
  EXPECT_TRUE(license.is_cut && !license.is_mended);
  TakeText("\xED\x95\x9C\n", 4, &license);
  EXPECT_EQ(license.text, "\xED\x95\x9C\n");
  EXPECT_FALSE(license.is_cut || license.is_mended);
}

}  // namespace
}  // namespace altteul::tools

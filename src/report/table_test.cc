// SPDX-License-Identifier: Apache-2.0

#include "report/table.h"

#include <gtest/gtest.h>

namespace altteul::report {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCellAndNumbersStandRight) {
  Table table({"what", "value"});
  table.AddRow({"perplexity", "9.5"});
  table.AddRow({"x", "-12.25"});
  EXPECT_EQ(table.ToString(),
            "what         value\n"
            "----------  ------\n"
            "perplexity     9.5\n"
            "x           -12.25\n");
}

TEST(TableTest, LinesHaveNoTrailingSpaces) {
  Table table({"a", "b"});
  table.AddRow({"text", ""});
  EXPECT_EQ(table.ToString(), "a     b\n----  -\ntext\n");
}

TEST(TableTest, AColumnWithWordsStandsLeftAltogether) {
  Table table({"n", "v"});
  table.AddRow({"a", "12"});
  table.AddRow({"b", "none"});
  EXPECT_EQ(table.ToString(), "n  v\n-  ----\na  12\nb  none\n");
}

TEST(TableTest, AHeaderAloneIsATableToo) {
  EXPECT_EQ(Table({"a", "b"}).ToString(), "a  b\n-  -\n");
}

TEST(TableTest, KoreanSyllablesTakeTwoColumns) {
  EXPECT_EQ(TerminalWidth("알뜰"), 4u);
  Table table({"name", "n"});
  table.AddRow({"알뜰", "1"});
  table.AddRow({"ab", "2"});
  EXPECT_EQ(table.ToString(), "name  n\n----  -\n알뜰  1\nab    2\n");
}

TEST(TableTest, CombiningMarksTakeNoneAndBrokenBytesOne) {
  EXPECT_EQ(TerminalWidth("e\xCC\x81"), 1u);  // e and a combining acute accent
  EXPECT_EQ(TerminalWidth("\xFF\xFE"), 2u);   // no UTF-8 at all
  EXPECT_EQ(TerminalWidth("a\xE2\x82"), 3u);  // a character that was cut
  EXPECT_EQ(TerminalWidth(""), 0u);
}

}  // namespace
}  // namespace altteul::report

// SPDX-License-Identifier: Apache-2.0

#include "base/sha256.h"

#include <gtest/gtest.h>

namespace altteul {
namespace {

std::string HexOf(std::string_view text) {
  Sha256 hash;
  hash.Add(text);
  return hash.Hex();
}

// The examples that NIST publishes with the standard (SHA256.pdf), and no bytes at all.
TEST(Sha256Test, GivesThePublishedAnswers) {
  EXPECT_EQ(HexOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HexOf(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Around the ends of blocks, where the padding takes one block or two.
TEST(Sha256Test, PiecesDoNotMatter) {
  for (size_t length = 0; length <= 200; ++length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += static_cast<char>(i * 7 + length);
    for (const size_t piece : {1, 3, 63, 64, 65}) {
      Sha256 hash;
      for (size_t at = 0; at < length; at += piece) {
        hash.Add(std::string_view(text).substr(at, piece));
        static_cast<void>(hash.Hex());  // asking ends nothing
      }
      EXPECT_EQ(hash.Hex(), HexOf(text)) << length << " bytes in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace altteul

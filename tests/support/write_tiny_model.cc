// SPDX-License-Identifier: Apache-2.0

// write_tiny_model KIND OUT: a made-up model for tests of the whole program.
//
//   random    answers nonsense, has a chat template and BOS
//   endless   never ends: a to z, and again
//   nobos     has neither chat template nor BOS, continues the alphabet
//   notext    has no tokenizer
//   deep      as random, of six layers

#include <cstdio>
#include <cstring>

#include "engine/test_model.h"

int main(int argc, char** argv) {
  using altteul::engine::testing::BytesAsTokens;
  altteul::engine::testing::TestModelOptions options;
  options.context = 8192;
  if (argc != 3) {
    std::fprintf(stderr, "usage: write_tiny_model random|endless|nobos|notext|deep OUT\n");
    return 2;
  }
  const char* kTemplate =
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}[assistant]";
  if (std::strcmp(argv[1], "random") == 0) {
    options.chat_template = kTemplate;
    options.add_bos = true;
  } else if (std::strcmp(argv[1], "endless") == 0) {
    // The prompt ends with the template's last character, so that begins the circle.
    options.chat_template = kTemplate;
    options.script = BytesAsTokens("]abcdefghijklmnopqrstuvwxyz\n");
    options.script_repeats = true;
  } else if (std::strcmp(argv[1], "nobos") == 0) {
    options.script = BytesAsTokens("abcdefghijklmnopqrstuvwxyz\n");
  } else if (std::strcmp(argv[1], "notext") == 0) {
    options.tokenizer = false;
  } else if (std::strcmp(argv[1], "deep") == 0) {
    options.layers = 6;
  }
  const altteul::Status status = altteul::engine::testing::WriteTestModel(argv[2], options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0

#include "support/family_golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/test_models.h"

namespace altteul::tests {
namespace {

using nlohmann::json;

std::string DecodeBase64(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    const size_t digit = alphabet.find(c);
    if (digit == std::string::npos) continue;  // '=' at the end
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    bytes.push_back(static_cast<char>((bits >> n_bits) & 0xff));
  }
  return bytes;
}

}  // namespace

bool GoldenRun::HoldsFor(const std::string& file) const {
  return std::find(files.begin(), files.end(), file) != files.end();
}

const GoldenRun& FamilyGolden::Run(const std::string& name) const {
  for (const GoldenRun& run : runs) {
    if (run.name == name) return run;
  }
  ADD_FAILURE() << folder << ": no run is called " << name;
  static const GoldenRun kNone;
  return kNone;
}

FamilyGolden ReadFamilyGolden(const std::string& model) {
  FamilyGolden golden;
  golden.folder = (GoldenFolder() / "families" / model).string();
  std::ifstream file(golden.folder + "/golden.json");
  const json content = json::parse(file);
  golden.options = content["options"].get<std::map<std::string, double>>();
  for (const json& one : content["runs"]) {
    GoldenRun run;
    run.name = one["name"].get<std::string>();
    run.files = one["files"].get<std::vector<std::string>>();
    run.tokens = one["tokens"].get<std::vector<text::TokenId>>();
    run.tolerance = one["tolerance"].get<double>();
    const std::string bytes = DecodeBase64(one["logits_f32_base64"].get<std::string>());
    run.logits.resize(bytes.size() / sizeof(float));
    std::memcpy(run.logits.data(), bytes.data(), run.logits.size() * sizeof(float));
    const auto vocabulary = content["vocab_size"].get<size_t>();
    EXPECT_EQ(run.logits.size(), run.tokens.size() * vocabulary) << model << " " << run.name;
    golden.runs.push_back(std::move(run));
  }
  return golden;
}

}  // namespace altteul::tests

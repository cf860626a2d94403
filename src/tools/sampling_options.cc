// SPDX-License-Identifier: Apache-2.0

#include "tools/sampling_options.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <CLI/CLI.hpp>

#include "tools/option_values.h"

namespace altteul::tools {
namespace {

constexpr std::string_view kRandomSeed = "-1";

bool ReadSeed(std::string_view text, uint64_t* seed) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), *seed);
  return !text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size();
}

CLI::Validator Seed() {
  const auto check = [](const std::string& text) -> std::string {
    uint64_t seed = 0;
    if (text == kRandomSeed || ReadSeed(text, &seed)) return "";
    return text + ": a whole number from 0 to 18446744073709551615, or -1 for a random one";
  };
  return {check, "-1 is a random one"};
}

Result<std::pair<text::TokenId, float>> ReadBias(const std::string& text) {
  const size_t equals = text.find('=');
  char* id_end = nullptr;
  char* bias_end = nullptr;
  const long id = std::strtol(text.c_str(), &id_end, 10);
  const char* bias_text = equals == std::string::npos ? "" : text.c_str() + equals + 1;
  const float bias = std::strtof(bias_text, &bias_end);
  if (equals == std::string::npos || id_end != text.c_str() + equals || equals == 0 ||
      *bias_text == '\0' || *bias_end != '\0' || id < 0 || id > INT32_MAX) {
    return Status(ErrorCode::kInvalidArgument, "'" + text + "' is not of the form ID=BIAS");
  }
  return std::pair(static_cast<text::TokenId>(id), bias);
}

}  // namespace

void SamplingOptions::AddTo(CLI::App& app) {
  engine::SamplerOptions& s = sampler_;
  app.add_option("--temp", s.temperature, "temperature, 0 is greedy")->capture_default_str();
  app.add_option("--top-k", s.top_k, "0 and -1 are off")
      ->check(WholeNumber(-1, kMostCount))
      ->capture_default_str();
  app.add_option("--top-p", s.top_p, "1 is off")->capture_default_str();
  app.add_option("--min-p", s.min_p, "0 is off")->capture_default_str();
  app.add_option("--repeat-penalty", s.repeat_penalty, "1 is off")->capture_default_str();
  app.add_option("--frequency-penalty", s.frequency_penalty, "0 is off")->capture_default_str();
  app.add_option("--presence-penalty", s.presence_penalty, "0 is off")->capture_default_str();
  app.add_option("--repeat-last-n", penalty_window_,
                 "tokens that penalties look back, -1: the whole context")
      ->check(WholeNumber(-1, kMostCount, "-1 means the whole context"))
      ->capture_default_str();
  app.add_option("-l,--logit-bias", biases_, "ID=BIAS, -inf forbids; may be repeated")
      ->allow_extra_args(false);
  app.add_option("-s,--seed", seed_, "the same seed gives the same answer, -1: a random one")
      ->check(Seed())
      ->capture_default_str();
}

Result<engine::SamplerOptions> SamplingOptions::Read() const {
  engine::SamplerOptions read = sampler_;
  read.top_k = std::max(read.top_k, 0);
  read.penalty_window =
      penalty_window_ < 0 ? engine::kWholeContext : static_cast<uint32_t>(penalty_window_);
  for (const std::string& text : biases_) {
    ALT_ASSIGN_OR_RETURN(const auto bias, ReadBias(text));
    read.logit_bias.push_back(bias);
  }
  if (seed_ == kRandomSeed) {
    read.seed = std::random_device()();
    std::fprintf(stderr, "seed %llu (-s %llu gives this answer again)\n",
                 static_cast<unsigned long long>(read.seed),
                 static_cast<unsigned long long>(read.seed));
  } else {
    ReadSeed(seed_, &read.seed);
  }
  return read;
}

}  // namespace altteul::tools

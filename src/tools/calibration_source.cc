// SPDX-License-Identifier: Apache-2.0

#include "tools/calibration_source.h"

#include <charconv>
#include <filesystem>
#include <span>

#include <CLI/CLI.hpp>

#include "base/sha256.h"
#include "compress/own_text.h"
#include "model/checkpoint.h"
#include "tools/file_digest.h"
#include "tools/option_values.h"

namespace altteul::tools {
namespace {

Status Invalid(const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); }

template <typename Bytes>
std::string HexOf(const Bytes& bytes) {
  Sha256 hash;
  hash.Add(std::as_bytes(std::span(bytes)));
  return hash.Hex();
}

}  // namespace

void CalibrationSource::AddTo(CLI::App& app) {
  app.add_option("--text", texts_,
                 "FILE or FILE=WEIGHT: weights are encoded for the inputs that this text gives "
                 "them; may be repeated, each file gives its share of the chunks")
      ->allow_extra_args(false);
  app.add_flag("--own-text", own_text_,
               "calibrate on text that the model writes itself (what a mix does without --text)");
  seed_option_ = app.add_option("--seed", seed_, "of the model's own text")->capture_default_str();
  chunks_option_ = app.add_option("--chunks", chunks_,
                                  "chunks of 512 tokens to calibrate on, 0: all of the text")
                       ->check(WholeNumber(0, kMostCount, "0 means all"))
                       ->capture_default_str();
  held_out_option_ =
      app.add_option("--held-out", held_out_chunks_,
                     "further chunks, on which a mix is chosen and judged; with --swaps or "
                     "--minutes 8, of which the first half is for those")
          ->check(WholeNumber(1, 10000))
          ->capture_default_str();
}

void CalibrationSource::FitTo(size_t chunks) {
  if (chunks_option_->count() == 0) chunks_ = chunks;
}

void CalibrationSource::HoldOut(size_t chunks) {
  if (held_out_option_->count() == 0) held_out_chunks_ = chunks;
}

std::vector<std::string> CalibrationSource::Files() const {
  std::vector<std::string> files;
  for (const std::string& argument : texts_) {
    const auto file = Split(argument);
    if (file.ok()) files.push_back(file.value().name);
  }
  return files;
}

std::vector<std::string> CalibrationSource::Datasets() const {
  return is_own_text() ? std::vector{OwnName()} : Files();
}

std::string CalibrationSource::OwnName() const {
  return "the model's own text, seed " + std::to_string(seed_);
}

Status CalibrationSource::Check(bool calibrates, bool holds_out) const {
  if (own_text_ && !texts_.empty()) {
    return Invalid("calibrate on --own-text or on --text " + texts_.front() + ", not on both");
  }
  for (const std::string& argument : texts_) ALT_RETURN_IF_ERROR(Split(argument).status());
  if (!calibrates && chunks_option_->count() != 0) {
    return Invalid("--chunks is about calibration; give --text or --own-text too");
  }
  if (!holds_out && held_out_option_->count() != 0) {
    return Invalid("--held-out has no effect: nothing is chosen or judged on held-out text here");
  }
  if (seed_option_->count() != 0 && (!calibrates || !texts_.empty())) {
    return Invalid("--seed is of the model's own text; give --own-text");
  }
  if (calibrates && texts_.empty() && chunks_ == 0) {
    return Invalid("--chunks 0 is all of a text, but the model's own has no end");
  }
  return Status();
}

// A file whose name looks like another's with a weight is that file.
Result<CalibrationSource::File> CalibrationSource::Split(const std::string& argument) {
  File file{.name = argument};
  std::error_code ignored;
  const size_t equals = argument.rfind('=');
  if (equals == std::string::npos || std::filesystem::exists(argument, ignored)) return file;
  const std::string weight = argument.substr(equals + 1);
  const char* end = weight.data() + weight.size();
  const auto parsed = std::from_chars(weight.data(), end, file.weight);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return Invalid("--text " + argument + ": '" + weight + "' is no weight");
  }
  file.name = argument.substr(0, equals);
  return file;
}

Result<Calibration> CalibrationSource::Read(const std::string& model, size_t context,
                                            bool holds_out, Runtime& runtime) const {
  ALT_ASSIGN_OR_RETURN(const auto source, model::Checkpoint::Open(model));
  ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, source->ReadTokenizer({}));
  const auto bos = spec.add_bos ? spec.bos : std::nullopt;
  Calibration calibration;
  ALT_ASSIGN_OR_RETURN(const auto texts, texts_.empty()
                                             ? Own(model, context, holds_out, calibration, runtime)
                                             : Given(std::move(spec), calibration));
  ALT_ASSIGN_OR_RETURN(
      calibration.text,
      compress::CutCalibrationText(texts, {.context = context,
                                           .fitted_chunks = chunks_,
                                           .held_out_chunks = holds_out ? held_out_chunks_ : 0,
                                           .bos = bos}));
  calibration.record.text_tokens = calibration.text.text_tokens;
  calibration.record.fitted_tokens = calibration.text.fitted.size();
  calibration.record.held_out_tokens = calibration.text.held_out.size();
  return calibration;
}

Result<std::vector<compress::WeightedText>> CalibrationSource::Given(text::TokenizerSpec spec,
                                                                     Calibration& into) const {
  ALT_ASSIGN_OR_RETURN(const auto tokenizer, text::MakeTokenizer(std::move(spec)));
  std::vector<compress::WeightedText> texts;
  std::vector<FileDigest> digests;
  for (const std::string& argument : texts_) {
    ALT_ASSIGN_OR_RETURN(const File file, Split(argument));
    ALT_ASSIGN_OR_RETURN(std::string content, ReadTextFile(file.name));
    compress::WeightedText text{.name = file.name, .ids = {}, .weight = file.weight};
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(
        text.ids, tokenizer->Encode(content, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
    WarnOfDroppedBytes(dropped);
    texts.push_back(std::move(text));
    digests.push_back({argument, HexOf(content)});
    into.record.file += (into.record.file.empty() ? "" : ", ") + argument;
    into.contents.push_back(std::move(content));
  }
  into.record.sha256 = JoinDigests(digests);
  return texts;
}

Result<std::vector<compress::WeightedText>> CalibrationSource::Own(const std::string& model,
                                                                   size_t context, bool holds_out,
                                                                   Calibration& into,
                                                                   Runtime& runtime) const {
  ALT_ASSIGN_OR_RETURN(const auto writer, Load(model, runtime, kernels::Precision::kFast));
  compress::WeightedText text{.name = "the model's own text", .ids = {}, .weight = 1};
  ALT_ASSIGN_OR_RETURN(
      text.ids, compress::WriteOwnText(*writer,
                                       {.n_chunks = chunks_ + (holds_out ? held_out_chunks_ : 0),
                                        .context = context,
                                        .seed = seed_},
                                       *runtime.compute, TerminalProgress("writing token")));
  into.record.file = OwnName();
  into.record.sha256 = HexOf(text.ids);
  return std::vector{std::move(text)};
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// Where calibration takes its text from: files, each with its share, or the model's own words.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "compress/calibration_text.h"
#include "tools/cli_forward.h"
#include "tools/compress_report.h"
#include "tools/runtime.h"

namespace altteul::tools {

/// What became of it.
struct Calibration {
  compress::CalibrationText text;
  std::vector<std::string> contents;  ///< of the files
  CalibrationRecord record;
};

class CalibrationSource {
 public:
  void AddTo(CLI::App& app);

  /// Whether a text was asked for.
  bool is_given() const { return own_text_ || !texts_.empty(); }
  /// The files, without their weights.
  std::vector<std::string> Files() const;
  /// What an importance matrix calls the text: its files, or in words.
  std::vector<std::string> Datasets() const;
  uint64_t seed() const { return seed_; }
  bool is_own_text() const { return texts_.empty(); }

  /// Calibrates on, and holds out, so many chunks, unless the user said how many.
  void FitTo(size_t chunks);
  void HoldOut(size_t chunks);

  /// @param calibrates  whether there will be calibration at all
  /// @param holds_out   whether chunks are held out of it
  /// @return kInvalidArgument for options that contradict each other or would have no effect
  Status Check(bool calibrates, bool holds_out) const;

  /// @return as CutCalibrationText(), WriteOwnText() and ReadTextFile()
  Result<Calibration> Read(const std::string& model, size_t context, bool holds_out,
                           Runtime& runtime) const;

 private:
  struct File {
    std::string name;
    double weight = 1;
  };
  std::string OwnName() const;
  static Result<File> Split(const std::string& argument);
  Result<std::vector<compress::WeightedText>> Given(text::TokenizerSpec spec,
                                                    Calibration& into) const;
  Result<std::vector<compress::WeightedText>> Own(const std::string& model, size_t context,
                                                  bool holds_out, Calibration& into,
                                                  Runtime& runtime) const;

  std::vector<std::string> texts_;  // "FILE" or "FILE=WEIGHT"
  bool own_text_ = false;
  uint64_t seed_ = 0;
  size_t chunks_ = 32, held_out_chunks_ = 4;
  const CLI::Option *seed_option_ = nullptr, *chunks_option_ = nullptr, *held_out_option_ = nullptr;
};

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// What `altteul compress` can be told, and which of it goes together.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "compress/calibrated_encoder.h"
#include "compress/recode.h"
#include "compress/type_rules.h"
#include "tools/calibration_source.h"
#include "tools/cli_forward.h"
#include "tools/compress_judge.h"
#include "tools/runtime.h"

namespace altteul::tools {

struct CompressOptions {
  std::string model, out;
  std::string type;         ///< for every matrix; empty for a mix
  std::string size;         ///< as written
  std::string machine;      ///< that there shall be room on; empty: not asked for
  size_t context = 0;       ///< tokens of its conversations, 0: as usual
  double bpw = 0, kld = 0;  ///< 0: not asked for
  bool plan = false;        ///< nothing is written
  size_t swaps = 0;         ///< tried at most to refine a mix, 0: not asked for
  double minutes = 0;       ///< the same by time
  bool quick = false;       ///< a first file in a fraction of the time
  std::vector<std::string> types, only, keep;
  std::string imatrix;        ///< in place of a text; empty: none
  std::string write_imatrix;  ///< where to write what the text shows; empty: nowhere
  CalibrationSource text;
  compress::CalibrationOptions calibration;
  std::vector<std::string> judge;
  JudgeOptions judge_options;
  double max_kld = 0;  ///< 0: any
  std::string report;  ///< empty: none
  bool card = true;    ///< written beside the file
  bool force = false, resume = false, restart = false, json = false;
  ComputeOptions compute;

  void AddTo(CLI::App& app);

  /// Also reads `size`.
  /// @return kInvalidArgument for options that contradict each other or would have no effect
  Status Check();

  bool IsMixed() const { return type.empty(); }
  bool IsCalibrated() const { return IsMixed() || text.is_given(); }
  /// Whether chunks of the calibration text are judged on.
  bool HoldsOut() const {
    return IsMixed() || (IsCalibrated() && judge.empty() && (max_kld > 0 || !report.empty()));
  }
  /// Whether swaps of types are tried.
  bool RefinesMix() const { return swaps > 0 || minutes > 0; }
  /// Whether speed, memory and answers are shown beside the quality.
  bool ShowsUse() const { return !judge.empty() || !report.empty(); }
  /// See compress::SurveyOptions::probe_every.
  size_t ProbeEvery() const;

  /// What --for allows, once that is known.
  void SetMostBytes(uint64_t bytes) { size_bytes_ = bytes; }
  /// What --size, --for or --bpw allow; nothing where none was asked for.
  /// @param elements  of all tensors
  std::optional<uint64_t> MostBytes(uint64_t elements) const;

  /// @return kInvalidArgument for what is no type or no expression
  Result<compress::TypeRules> MakeRules() const;
  /// The types on whose grids tensors may lie already: what a mix may be made of, or all where
  /// nobody says.
  Result<std::vector<DType>> ExactTypes() const;
  /// The types that a mix may be made of.
  Result<std::vector<DType>> MixedTypes() const;

  /// What of all this the file will tell: the target, and rules that were given.
  void AppendTo(compress::FileNotes& notes) const;

 private:
  // Parts of AddTo(), in the order in which the help shows them.
  void AddTargetTo(CLI::App& app);
  void AddTypesTo(CLI::App& app);
  void AddCalibrationTo(CLI::App& app);
  void AddJudgementTo(CLI::App& app);
  void AddFilesTo(CLI::App& app);
  std::string Target() const;
  Status CheckImatrix() const;
  Status CheckSwaps() const;

  std::optional<uint64_t> size_bytes_;
  std::vector<const CLI::Option*> for_calibration_;
  const CLI::Option* descents_option_ = nullptr;
  const CLI::Option* judge_chunks_option_ = nullptr;
};

}  // namespace altteul::tools

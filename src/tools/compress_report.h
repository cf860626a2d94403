// SPDX-License-Identifier: Apache-2.0

// What `altteul compress` says about its work, as text.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compress/recode.h"
#include "compress/refine.h"
#include "compress/type_plan.h"
#include "tools/compress_judge.h"
#include "tools/compress_room.h"
#include "tools/file_digest.h"

namespace altteul::tools {

/// What weights were fitted to.
struct CalibrationRecord {
  std::string file;
  std::string sha256;
  size_t text_tokens = 0;  ///< of the whole text
  size_t fitted_tokens = 0;
  size_t held_out_tokens = 0;
  size_t judged_tokens = 0;  ///< of those held out: what the result is judged on
};

/// How swaps refined a mix.
struct SwapsRecord {
  compress::RefinedMix mix;
  size_t text_tokens = 0;  ///< that they were measured on
  bool is_judged = false;  ///< there was too little text to judge the result on another
};

/// What told the importance of columns in place of a text.
struct ImatrixRecord {
  std::string file;
  std::string sha256;
  size_t tensors = 0;  ///< that were weighed with it
  size_t without = 0;  ///< that were encoded, but had no entry
};

/// Everything that is known of one compression.
struct CompressionRecord {
  std::string model;  ///< as the user named it
  std::string out;
  std::string command;    ///< that gives this again
  std::string version;    ///< of the program
  std::string processor;  ///< of the machine
  std::string isa;
  int threads = 0;
  compress::RecodeReport recoded;
  std::optional<CalibrationRecord> calibration;
  std::optional<ImatrixRecord> imatrix;
  std::optional<compress::TypePlan> plan;  ///< of a mix of types
  std::optional<compress::PlannedTypes> chosen;
  std::optional<SwapsRecord> swaps;
  std::optional<WeightRoom> room;  ///< with --for
  std::vector<FileDigest> source_files;
  std::string result_sha256;           ///< empty when nobody asked
  std::vector<JudgeText> judge_texts;  ///< what stood in judgement, without the words
  std::optional<Judgement> judgement;  ///< its use is empty where only the quality was judged
};

/// The name of what was held out of the calibration text, as a text that is judged on.
inline constexpr const char* kHeldOut = "held-out tokens";

/// The text of that name in the record's judgement; null without it.
const JudgedText* FindJudged(const CompressionRecord& record, std::string_view name);

/// Tensors of which nothing was lost in a type that has blocks: by the type, and whether they lay
/// on its grid (or else were blocks of it).
std::map<std::pair<DType, bool>, size_t> CountExact(const compress::RecodeReport& report);

/// Of which tensors nothing was lost though their type has blocks, and why; none where there are
/// none.
std::vector<std::string> ExactSentences(const compress::RecodeReport& report);

/// What swaps did to the mix, and how that was measured. @pre swaps is not empty
std::string SwapsSentence(const SwapsRecord& swaps);
/// "blk.0.ffn_up.weight Q4_K to Q5_K, ..."
std::string NamesOf(const compress::TriedSwap& swap);

/// Changes, a line for each kind of them; sizes; and what the judgement says.
void PrintCompression(const CompressionRecord& record);

/// Sizes and what they cost, at most some twenty of them.
void PrintFront(const compress::TypePlan& plan);

}  // namespace altteul::tools

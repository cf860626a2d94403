// A model family: which files are its own and how they fill a ModelConfig. Adding one is a file in
// arch/ and a row in family.cc.

#pragma once

#include <span>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/hf_names.h"

namespace altteul::model {

struct GgufForm;

struct Family {
  std::string_view gguf_architecture;                  ///< general.architecture
  std::span<const std::string_view> hf_architectures;  ///< config.json "architectures"
  std::span<const NamePair> hf_tensor_names;           ///< where they differ from the usual ones
  /// Fills what FillCommon() did not. Every size has been read and checked before.
  Status (*fill)(const Checkpoint& file, ModelConfig& config);
  /// How the family's GGUF files lay the rows of q and k; folders always have halves.
  kernels::RopePairs gguf_rope_pairs = kernels::RopePairs::kHalves;
  /// GGUF files may divide rope's frequencies by a tensor rope_freqs.weight (Llama 3's scaling).
  bool gguf_rope_freqs = false;
  /// Adds what the family's GGUF files say beside what all say (gguf_metadata.h), for a folder.
  /// @return kUnsupported for a configuration that they have no words for
  Status (*describe)(const Checkpoint& folder, const ModelConfig& config, GgufForm& form);
};

std::span<const Family* const> AllFamilies();
const Family* FindFamily(std::string_view gguf_architecture);
const Family* FindFamilyByHf(std::string_view hf_architecture);

/// Reads and checks the configuration of a checkpoint.
/// @return kUnsupported naming the architecture and those we know; kCorruptFile naming the key
/// @param log  hears of what was missing and taken as usual
Result<ModelConfig> ReadConfig(const Checkpoint& file, const LogSink& log = {});

// What families share.

/// One rope for every layer, from rope.freq_base, rope.dimension_count, rope scaling and
/// rope_freqs.weight. `pairs` is what GGUF files of the family use; folders always use halves.
Status FillRope(const Checkpoint& file, kernels::RopePairs pairs, ModelConfig& config);

/// What a GGUF file says of ropes[0]: base, dimensions, scaling. `freqs`: Family::gguf_rope_freqs.
/// @return kUnsupported for frequencies that GGUF cannot say
Status DescribeRope(const Checkpoint& folder, const ModelConfig& config, bool freqs,
                    GgufForm& form);

/// Says the window of the layers that have one.
Status DescribeWindow(const ModelConfig& config, GgufForm& form);

/// For families whose GGUF files leave to the reader which layers are local: all but every
/// `period`-th must be, with the same window.
Status CheckUsualLocalLayers(const Checkpoint& folder, const ModelConfig& config, size_t period);

/// For families whose GGUF files have no word for a window.
Status CheckNoWindows(const Checkpoint& folder, const ModelConfig& config);

/// Frequencies base^(-2i / n_rotated), i < n_rotated / 2.
std::vector<double> PlainFrequencies(double base, size_t n_rotated);

/// How many of a head's dimensions rope turns: rope.dimension_count, or partial_rotary_factor.
Result<size_t> RotatedDims(const Checkpoint& file, const ModelConfig& config);

/// A positive, finite rope base in f32, as GGUF holds it; `fallback` when absent.
Result<double> RopeBase(const Checkpoint& file, std::string_view key, double fallback);

/// Sets BlockPlan::window of the layers where local(layer) holds, from attention.sliding_window.
Status FillWindows(const Checkpoint& file, const std::vector<bool>& local, ModelConfig& config);

/// The layers that a folder's config.json calls local ("layer_types"), [n_layers]; empty when
/// absent.
Result<std::vector<bool>> HfLocalLayers(const Checkpoint& file, size_t n_layers);

/// The layers that look at a window only, [n_layers], as the file says it: a list of layers
/// (layer_types, attention.sliding_window_pattern), or that every n-th layer is global; where it
/// says nothing, every `usual_period`-th is.
Result<std::vector<bool>> LocalLayers(const Checkpoint& file, size_t n_layers,
                                      uint64_t usual_period);

/// rope_parameters (transformers 5) or rope_scaling (before), or null. With several groups of
/// parameters, those of `layer_type` ("full_attention").
const nlohmann::json* HfRopeParameters(const Checkpoint& file, std::string_view layer_type);

}  // namespace altteul::model

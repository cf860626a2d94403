// SPDX-License-Identifier: Apache-2.0

// A model family: which files are its own and how they fill a ModelConfig. Adding one is a file in
// arch/ and a row in family.cc.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/hf_names.h"

namespace altteul::model {

struct GgufForm;

/// What transformers' configuration class takes where config.json lacks a key (5.23.0).
struct HfDefault {
  std::string_view key;
  std::string_view value;  ///< as JSON
  std::string_view only_if =
      {};  ///< the key of a switch; while it is not true, nothing reads `key`
};

/// A class of transformers whose folders are read.
struct HfClass {
  std::string_view architecture;  ///< config.json "architectures"
  std::string_view model_type;    ///< config.json "model_type", where it names no architecture
  bool ties_head = false;         ///< "tie_word_embeddings" where config.json does not say
  std::span<const HfDefault> defaults;
};

/// A number that Ollama's engine takes where a file of its own lacks a key that others require.
struct OllamaDefault {
  std::string_view key;
  std::string_view own_key;  ///< Ollama's name for it, which goes before; or empty
  double value = 0.0;
  uint64_t from_context = 0;  ///< for models of this context_length or a longer one
};

struct Family {
  std::string_view gguf_architecture;  ///< general.architecture
  std::span<const HfClass> hf_classes;
  std::span<const NamePair> hf_tensor_names;  ///< where they differ from the usual ones
  /// Fills what FillCommon() did not. Every size has been read and checked before.
  Status (*fill)(const Checkpoint& file, const LogSink& log, ModelConfig& config);
  /// Which dimensions of a head rope turns together: how GGUF files of the family, and how its
  /// folders lay the rows of q and k.
  kernels::RopePairs gguf_rope_pairs = kernels::RopePairs::kHalves;
  kernels::RopePairs hf_rope_pairs = kernels::RopePairs::kHalves;
  /// GGUF files may divide rope's frequencies by a tensor rope_freqs.weight (Llama 3's scaling).
  bool gguf_rope_freqs = false;
  /// Adds what the family's GGUF files say beside what all say (gguf_metadata.h), for a folder.
  /// @return kUnsupported for a configuration that they have no words for
  Status (*describe)(const Checkpoint& folder, const ModelConfig& config, GgufForm& form);
  /// The first key tells: a file of this family without it was written for Ollama's engine.
  std::span<const OllamaDefault> ollama_defaults = {};
};

/// A family and the one of its classes that a folder names.
struct HfFamily {
  const Family* family = nullptr;
  const HfClass* hf_class = nullptr;
};

std::span<const Family* const> AllFamilies();
const Family* FindFamily(std::string_view gguf_architecture);
/// By architecture, or by model type. Null where it is unknown.
HfFamily FindFamilyByHf(std::string_view hf_architecture);
HfFamily FindFamilyByModelType(std::string_view model_type);

/// Reads and checks the configuration of a checkpoint.
/// @return kUnsupported naming the architecture and those we know; kCorruptFile naming the key
/// @param log  hears of what was missing and taken as usual
Result<ModelConfig> ReadConfig(const Checkpoint& file, const LogSink& log = {});

// What families share.

/// A number of heads or a width from 1 to 2^20; `fallback` when absent.
/// @return kCorruptFile naming the key
Result<size_t> WidthOr(const Checkpoint& file, std::string_view key, size_t fallback);

/// Gives n_heads heads their KV heads, their width, for keys and values alike, and the usual scale
/// 1 / sqrt(head_dim).
/// @return kCorruptFile when heads cannot share KV heads evenly or are wider than is believable
Status SetHeads(const Checkpoint& file, size_t n_kv_heads, size_t head_dim, AttentionPlan& plan);

/// How this file lays the rows of q and k, as its family says it of such files.
kernels::RopePairs RopePairsOf(const Checkpoint& file);

/// One rope for every layer, from rope.freq_base, rope.dimension_count, rope scaling and
/// rope_freqs.weight. All layers must have heads of one width.
/// @param log  hears of scaling that is said, but not followed
Status FillRope(const Checkpoint& file, const LogSink& log, ModelConfig& config);

/// The same for heads of `head_dim`; no layer is given it.
Result<RopePlan> ReadRope(const Checkpoint& file, const LogSink& log, const ModelConfig& config,
                          size_t head_dim);

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
Result<size_t> RotatedDims(const Checkpoint& file, size_t head_dim);

/// A positive, finite rope base in f32, as GGUF holds it; `fallback` when absent.
Result<double> RopeBase(const Checkpoint& file, std::string_view key, double fallback);

/// Sets AttentionPlan::window of the layers where local(layer) holds, from
/// attention.sliding_window.
Status FillWindows(const Checkpoint& file, const std::vector<bool>& local, ModelConfig& config);

/// The layers that a folder's config.json calls local ("layer_types"), [n_layers]; empty when
/// absent.
Result<std::vector<bool>> HfLocalLayers(const Checkpoint& file, size_t n_layers);

/// The layers that look at a window only, [n_layers], as the file says it: a list of layers
/// (layer_types, attention.sliding_window_pattern), or that every n-th layer is global; where it
/// says nothing, every `usual_period`-th is.
Result<std::vector<bool>> LocalLayers(const Checkpoint& file, size_t n_layers,
                                      uint64_t usual_period);

/// rope_scaling or rope_parameters (transformers 5), or null. With several groups of parameters,
/// those of `layer_type` ("full_attention").
const nlohmann::json* HfRopeParameters(const Checkpoint& file, std::string_view layer_type);

/// "rope_type", or "type" (before transformers 4.43); "default" where there is neither.
std::string HfRopeType(const nlohmann::json& rope_parameters);

/// The base of rope wherever config.json has it, or null.
const nlohmann::json* HfRopeTheta(const nlohmann::json& config, std::string_view layer_type);

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

#include "model/unused_tensors.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace altteul::model {
namespace {

constexpr std::string_view kSenses = "pictures and sound";
constexpr std::string_view kGuesses = "guessing further tokens";

struct Prefix {
  std::string_view text;
  std::string_view kind;
};
// GGUF's of Ollama and of projectors, then folders'.
constexpr Prefix kCompanions[] = {
    {"v.", kSenses},
    {"mm.", kSenses},
    {"a.", kSenses},
    {"visual.", kSenses},
    {"vision_tower.", kSenses},
    {"vision_model.", kSenses},
    {"embed_vision.", kSenses},
    {"audio_tower.", kSenses},
    {"embed_audio.", kSenses},
    {"multi_modal_projector.", kSenses},
    {"mtp.", kGuesses},
};

bool IsNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// "ffn_gate_exps", "mlp.experts.3.gate_proj", "ffn_gate.3": of one of several feed-forwards.
bool IsOfExperts(std::string_view name) {
  if (name.find("_exps.") != name.npos || name.find(".experts.") != name.npos) return true;
  const size_t ffn = name.find(".ffn_");
  if (ffn == name.npos) return false;
  const size_t dot = name.find('.', ffn + 1);
  if (dot == name.npos) return false;
  return IsNumber(name.substr(dot + 1, name.find('.', dot + 1) - dot - 1));
}

}  // namespace

std::string_view CompanionKind(std::string_view name) {
  constexpr std::string_view kModel = "model.";
  if (name.substr(0, kModel.size()) == kModel) name.remove_prefix(kModel.size());
  for (const Prefix& prefix : kCompanions) {
    if (name.substr(0, prefix.text.size()) == prefix.text) return prefix.kind;
  }
  return {};
}

std::optional<uint64_t> LayerOf(std::string_view name) {
  for (const std::string_view prefix : {"blk.", "model.layers."}) {
    if (name.substr(0, prefix.size()) != prefix) continue;
    const std::string_view number =
        name.substr(prefix.size(), name.find('.', prefix.size()) - prefix.size());
    constexpr size_t kMostDigits = 18;  // of a number in 64 bits
    if (!IsNumber(number) || number.size() > kMostDigits) return std::nullopt;
    return std::stoull(std::string(number));
  }
  return std::nullopt;
}

Status RefuseUnknownShapes(const Checkpoint& file, uint64_t n_layers) {
  for (const Checkpoint::NamedTensor& tensor : file.tensors()) {
    const auto layer = LayerOf(tensor.name);
    if (!layer || *layer >= n_layers) continue;
    // Files in NVFP4 and of experts have a factor beside a matrix.
    if (tensor.name.ends_with(".scale") || tensor.name.ends_with(".input_scale")) {
      return Status(ErrorCode::kUnsupported,
                    file.path() + ": tensor " + tensor.name + " " + tensor.view.shape.ToString() +
                        " is a factor of a matrix, which is not multiplied with here");
    }
    if (tensor.view.shape.n_dims <= 2 && !IsOfExperts(tensor.name)) continue;
    return Status(ErrorCode::kUnsupported,
                  file.path() + ": tensor " + tensor.name + " " + tensor.view.shape.ToString() +
                      " is of a kind that no supported architecture has (mixtures of experts are "
                      "not supported)");
  }
  return Status();
}

void ReportUnused(const Checkpoint& file, const std::set<std::string>& used, uint64_t n_layers,
                  const LogSink& log) {
  if (!log) return;
  struct Group {
    size_t n = 0;
    std::string first;
  };
  std::map<std::string, Group> groups;  // by what they are for
  for (const Checkpoint::NamedTensor& tensor : file.tensors()) {
    if (used.count(tensor.name) != 0 || tensor.name.rfind("rope_f", 0) == 0) continue;
    std::string kind(CompanionKind(tensor.name));
    if (LayerOf(tensor.name).value_or(0) >= n_layers) {
      kind = "layers beyond the " + std::to_string(n_layers) + " of the model";
    }
    if (kind.empty()) {
      log(LogLevel::kWarning, file.path() + ": tensor " + tensor.name + " " +
                                  tensor.view.shape.ToString() + " is not used");
      continue;
    }
    Group& group = groups[kind];
    if (group.n++ == 0) group.first = tensor.name;
  }
  for (const auto& [kind, group] : groups) {
    log(LogLevel::kWarning, file.path() + ": " + std::to_string(group.n) +
                                (group.n == 1 ? " tensor for " : " tensors for ") + kind + " (" +
                                group.first + (group.n == 1 ? ") is" : " and so on) are") +
                                " not used");
  }
}

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_room.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "base/ascii.h"
#include "base/human_units.h"
#include "base/machine.h"
#include "model/family.h"
#include "model/weights.h"
#include "plan/chips.h"
#include "plan/data_tables.h"
#include "plan/machine_spec.h"
#include "plan/memory_plan.h"
#include "plan/rent_plan.h"
#include "tools/plan_output.h"

namespace altteul::tools {
namespace {

constexpr size_t kUsualContext = 4096;
constexpr int kUsualThreads = 8;  // each has its own scratch; where nobody says how many there are
// Program, libraries and the tokenizer, whose words take some times their bytes in the file. Not
// measured as `plan` does, because the same words shall give the same file everywhere.
constexpr uint64_t kProgramBytes = 50'000'000;
constexpr uint64_t kMemoryOfHeaderByte = 6;

struct Machine {
  uint64_t memory_bytes = 0, system_bytes = 0;
  int threads = kUsualThreads;
  bool is_card = false;
};

/// Takes the last word off when it is one of these.
template <size_t kCount>
bool TakeWord(const std::array<std::string_view, kCount>& words, std::string& text) {
  for (const std::string_view word : words) {
    if (!text.ends_with(word)) continue;
    std::string rest = text.substr(0, text.size() - word.size());
    const bool is_word = rest.empty() || std::isspace(static_cast<unsigned char>(rest.back())) != 0;
    if (!is_word) continue;
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.back())) != 0) {
      rest.pop_back();
    }
    text = std::move(rest);
    return true;
  }
  return false;
}

Machine CardOf(uint64_t bytes) {
  return {.memory_bytes = bytes,
          .system_bytes = std::min(bytes, plan::kChipBaseBytes),
          .threads = kUsualThreads,
          .is_card = true};
}

Result<Machine> ChipOf(const std::string& name) {
  ALT_ASSIGN_OR_RETURN(const plan::DataTables tables, plan::LoadDataTables(""));
  ALT_ASSIGN_OR_RETURN(const size_t index, plan::FindChip(tables.chips, name));
  const plan::Chip& chip = tables.chips[index];
  if (!chip.memory_gb) {
    return Status(ErrorCode::kUnsupported, chip.name + ": its memory is not known");
  }
  return CardOf(static_cast<uint64_t>(*chip.memory_gb * 1e9));
}

Machine MachineOf(const plan::MachineSpec& spec) {
  return {.memory_bytes = spec.memory_bytes,
          .system_bytes = spec.memory_bytes - plan::FreeBytesOf(spec),
          .threads = spec.cores == 0 ? kUsualThreads : spec.cores,
          .is_card = false};
}

Result<Machine> ParseMachine(const std::string& words) {
  constexpr std::array<std::string_view, 5> kCards = {"card", "gpu", "graphics", "vram", "video"};
  constexpr std::array<std::string_view, 9> kMachines = {
      "laptop", "notebook", "computer", "machine", "desktop", "server", "pc", "ram", "memory"};
  std::string text = Lower(words);
  if (text == "this machine") {
    plan::MachineSpec spec;
    spec.memory_bytes = DetectMemory().total_bytes;
    return MachineOf(spec);
  }
  bool is_card = false, is_machine = false;
  while (TakeWord(kCards, text)) is_card = true;
  while (TakeWord(kMachines, text)) is_machine = true;
  if (is_card && is_machine) {
    return Status(ErrorCode::kInvalidArgument, "'" + words + "' is a card and a computer in one");
  }
  if (is_card) {
    const auto memory = plan::ParseMachineSpec(text);
    return memory.ok() ? CardOf(memory.value().memory_bytes) : ChipOf(text);
  }
  const auto spec = plan::ParseMachineSpec(text);
  if (spec.ok()) return MachineOf(spec.value());
  if (!is_machine) {
    auto chip = ChipOf(words);
    if (chip.ok() || chip.status().code() == ErrorCode::kUnsupported) return chip;
  }
  return Status(ErrorCode::kInvalidArgument,
                spec.status().message() + "; or a card, as \"8GB card\" or \"RTX 3090\"");
}

/// Of the file, without the tensors.
uint64_t HeaderBytes(const model::Checkpoint& source) {
  uint64_t tensors = 0;
  for (const auto& tensor : source.tensors()) tensors += tensor.view.bytes.size();
  return source.file_bytes() - std::min(tensors, source.file_bytes());
}

}  // namespace

std::string WeightRoom::Sentence() const {
  std::string text = "for " + machine + " the weights may have " + FormatBytes(weight_bytes) +
                     " of " + FormatBytes(memory_bytes) + "; taken off: " + FormatBytes(kv_bytes) +
                     " for the KV cache of " + FormatCount(context) + " tokens in f16, " +
                     FormatBytes(working_bytes) + " to compute with, " +
                     FormatBytes(program_bytes) + " for the program and its vocabulary, " +
                     FormatBytes(system_bytes) +
                     (is_card ? " for the card's driver, " : " for the system, ") +
                     FormatBytes(margin_bytes) + " to spare";
  if (is_card) {
    text +=
        ". Nothing runs on graphics cards here yet: it is assumed that all of this would lie in "
        "the card's memory, as other programs have it";
  }
  return text;
}

nlohmann::ordered_json WeightRoom::AsJson() const {
  return {{"machine", machine},           {"context", context},
          {"memory_bytes", memory_bytes}, {"system_bytes", system_bytes},
          {"margin_bytes", margin_bytes}, {"program_bytes", program_bytes},
          {"kv_bytes", kv_bytes},         {"working_bytes", working_bytes},
          {"weight_bytes", weight_bytes}, {"is_card", is_card}};
}

Result<WeightRoom> RoomForWeights(const std::string& machine, size_t context,
                                  const model::Checkpoint& source,
                                  const kernels::KernelTable& kernels) {
  ALT_ASSIGN_OR_RETURN(const Machine has, ParseMachine(machine));
  ALT_ASSIGN_OR_RETURN(const model::ModelConfig config, model::ReadConfig(source));
  ALT_ASSIGN_OR_RETURN(const model::WeightPlan weights,
                       model::PlanWeights(source, config, &kernels));
  WeightRoom room{.machine = machine, .context = context};
  if (context == 0) {
    room.context = config.context == 0 ? kUsualContext : std::min(kUsualContext, config.context);
  }
  ALT_ASSIGN_OR_RETURN(
      const plan::MemoryPlan memory,
      plan::PlanMemory(config, weights, {.context = room.context, .threads = has.threads}));
  room.memory_bytes = has.memory_bytes;
  room.system_bytes = has.system_bytes;
  room.is_card = has.is_card;
  const uint64_t free = has.memory_bytes - has.system_bytes;
  room.margin_bytes = free - static_cast<uint64_t>(static_cast<double>(free) / kMemoryMargin);
  room.program_bytes = kProgramBytes + kMemoryOfHeaderByte * HeaderBytes(source);
  room.kv_bytes = memory.kv;
  // While weights are loaded nothing is computed yet.
  const uint64_t running = memory.kv + memory.working + memory.answering;
  room.working_bytes = std::max(running, memory.loading) - memory.kv;
  const uint64_t taken = room.system_bytes + room.margin_bytes + room.program_bytes +
                         room.kv_bytes + room.working_bytes;
  if (taken >= room.memory_bytes) {
    return Status(ErrorCode::kDoesNotFit,
                  machine + " has " + FormatBytes(room.memory_bytes) + ", and a context of " +
                      FormatCount(room.context) + " tokens, the program and the system take " +
                      FormatBytes(taken) + " before there is a weight; a smaller -c may fit");
  }
  room.weight_bytes = room.memory_bytes - taken;
  return room;
}

}  // namespace altteul::tools

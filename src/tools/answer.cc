// SPDX-License-Identifier: Apache-2.0

#include "tools/answer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/human_units.h"
#include "base/machine.h"
#include "tools/interrupt.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

/// False: the reader went away. It ends the answer; main() tells it.
bool Write(std::string_view text) {
  if (text.empty()) return true;
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0;
}

}  // namespace

std::string_view ReasonName(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::kEndOfTurn:
    case engine::FinishReason::kStopText:
      return "stop";
    case engine::FinishReason::kMaxTokens:
      return "length";
    case engine::FinishReason::kContextFull:
      return "context_full";
    case engine::FinishReason::kCancelled:
      return "interrupted";
  }
  return "";
}

Result<engine::Generated> Answerer::Answer(bool show) const {
  const bool on_terminal = isatty(STDOUT_FILENO) != 0;
  TerminalText terminal;
  auto answer = session.Generate(options, sampler, [&](std::string_view piece) {
    if (show && !(on_terminal ? Write(terminal.Push(piece)) : Write(piece))) return false;
    return !Interrupted();
  });
  if (show && on_terminal) Write(terminal.Finish());
  return answer;
}

void Answerer::PrintStatistics(const engine::Generated& answer) const {
  std::string guesses;
  if (options.speculator != nullptr) {
    guesses = std::to_string(answer.proposed_tokens) + " tokens proposed, " +
              std::to_string(answer.accepted_tokens) + " accepted; ";
  }
  std::fprintf(stderr,
               "prompt %zu tokens, %.1f tokens/s; answer %zu tokens, %.1f tokens/s; %smemory %s at "
               "most (weights %s, KV %s)\n",
               answer.prompt_tokens,
               static_cast<double>(answer.prompt_tokens) / std::max(1e-9, answer.prompt_seconds),
               answer.ids.size(),
               static_cast<double>(answer.ids.size()) / std::max(1e-9, answer.answer_seconds),
               guesses.c_str(), FormatBytes(PeakResidentBytes()).c_str(),
               FormatBytes(model.weights.resting_bytes).c_str(),
               FormatBytes(session.kv_bytes()).c_str());
  if (answer.reason == engine::FinishReason::kContextFull) {
    std::fprintf(stderr, "the context of %zu tokens is full; -c gives more\n", session.context());
  }
}

}  // namespace altteul::tools

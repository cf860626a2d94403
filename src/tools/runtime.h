// SPDX-License-Identifier: Apache-2.0

// What every verb that computes needs: threads, kernels, a loaded model.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compute/compute.h"
#include "engine/forward.h"
#include "kernels/kernel_table.h"
#include "model/model.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

/// Options that mean the same in every verb.
struct ComputeOptions {
  int threads = 0;                  ///< 0 or less: one a core
  std::string gpu_layers = "auto";  ///< as -ngl takes it
  bool may_pull = false;            ///< a model of a hub may be fetched without asking

  void AddTo(CLI::App& app);
};

/// Warnings on standard error, each sentence once a run: a verb may open a model several times.
LogSink StandardErrorLog();

/// "done of total" on standard error while a person watches; asks to stop when interrupted.
ProgressSink TerminalProgress(std::string what);
/// The same with the time left as `seconds_left` says it.
ProgressSink TimedProgress(std::string what, std::function<double()> seconds_left);

/// The instruction set that ALTTEUL_ISA asks for, or the fastest.
Result<const kernels::KernelTable*> KernelsFromEnvironment();

struct Runtime {
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<compute::Compute> compute;  ///< the processor, by that team
  SteadyClock clock;
  bool may_pull = false;  ///< ComputeOptions::may_pull, for models that are loaded
};

/// @return also kInvalidArgument for a senseless number of threads
Result<std::unique_ptr<Runtime>> MakeRuntime(const ComputeOptions& options);

/// Loads with the kernels' fast panels, or for Precision::kF32 as the truth.
/// @param name  a path, or what ModelPath() knows
/// @return also kCancelled after Ctrl-C
Result<std::unique_ptr<const model::Model>> Load(const std::string& name, Runtime& runtime,
                                                 kernels::Precision precision);

/// "f16", "q8_0" ... as -ctk takes it.
Result<kernels::KvType> ParseKvType(const std::string& name);

/// The type of a KV cache, as run, eval and bench take it.
struct KvOptions {
  std::string name = "f16";
  std::string values_name;  ///< llama.cpp's -ctv; ours has one type for keys and values

  /// @param what  what the cache is of, for the help
  void AddTo(CLI::App& app, const std::string& what);
  /// @return kInvalidArgument for an unknown type, or for values of another type than keys
  Result<kernels::KvType> Read() const;
};

/// The text of a file or pipe, or of standard input for "-".
/// @return kNotFound, kIoError with the system's reason, kCancelled
Result<std::string> ReadTextFile(const std::string& path);

/// Takes away U+FEFF from the beginning: Windows' editors say with it that a file is UTF-8.
/// @return whether there was one
bool DropByteOrderMark(std::string* text);

/// One line on standard error when a tokenizer had to leave bytes out.
void WarnOfDroppedBytes(size_t n_bytes);

}  // namespace altteul::tools

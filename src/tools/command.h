// SPDX-License-Identifier: Apache-2.0

// A verb of the program. Adding one is a file cmd_<verb>.cc and a row in main.cc.

#pragma once

#include <memory>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/status.h"

namespace altteul::tools {

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;  ///< one line for the list of verbs
  virtual void AddOptions(CLI::App& app) = 0;
  /// Prints its result on standard output, everything else on standard error.
  virtual Status Run() = 0;
};

std::unique_ptr<Command> MakeBench();
std::unique_ptr<Command> MakeCompress();
std::unique_ptr<Command> MakeDoctor();
std::unique_ptr<Command> MakeEval();
std::unique_ptr<Command> MakeGap();
std::unique_ptr<Command> MakeLs();
std::unique_ptr<Command> MakePlan();
std::unique_ptr<Command> MakePull();
std::unique_ptr<Command> MakeRm();
std::unique_ptr<Command> MakeRun();
std::unique_ptr<Command> MakeShow();
std::unique_ptr<Command> MakeTokenize();

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul: one program, one verb a job. The way of a token starts here (ARCHITECTURE.md).

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/human_units.h"
#include "base/machine.h"
#include "tools/arguments.h"
#include "tools/command.h"
#include "tools/exit_codes.h"
#include "tools/interrupt.h"
#include "tools/terminal_text.h"
#include "tools/usage_error.h"
#include "tools/version.h"

namespace altteul::tools {
namespace {

// What was printed may still wait in the buffer, and the disk or the reader may be gone.
Status FlushOutput() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return Status();
  const std::string reason = errno == 0 ? "writing failed" : std::strerror(errno);
  return Status(ErrorCode::kIoError, "standard output: " + reason);
}

int Report(const Status& status) {
  if (status.ok()) return 0;
  const ExitRow& row = ExitRowOf(status.code());
  std::fflush(stdout);
  std::fprintf(stderr, "altteul: %s: %s\n", std::string(row.headline).c_str(),
               TerminalLines(status.message()).c_str());
  if (!row.advice.empty()) std::fprintf(stderr, "%s\n", std::string(row.advice).c_str());
  const int number = status.code() == ErrorCode::kCancelled ? InterruptSignal() : 0;
  return number == 0 ? row.exit_code : 128 + number;
}

/// The subcommand of this name.
Result<const CLI::App*> FindVerb(std::string_view verb, const CLI::App& app) {
  std::string verbs;
  for (const CLI::App* each : app.get_subcommands({})) {
    if (each->get_name() == verb) return each;
    verbs += (verbs.empty() ? "" : ", ") + each->get_name();
  }
  return Status(ErrorCode::kInvalidArgument,
                "'" + std::string(verb) + "' is no verb; these are: " + verbs);
}

/// Gives the options their values. False: help or version was asked for, and printed.
/// @return kInvalidArgument
Result<bool> Parse(std::vector<std::string> words, CLI::App& app) {
  const CLI::App* verb = &app;
  std::vector<std::string> given = words;
  if (!words.front().starts_with('-')) {
    ALT_ASSIGN_OR_RETURN(verb, FindVerb(words.front(), app));
    given.erase(given.begin());
    ALT_ASSIGN_OR_RETURN(const Arguments read, ReadArguments(given, *verb));
    for (const std::string& note : read.notes) {
      std::fprintf(stderr, "%s\n", TerminalLines(note).c_str());
    }
    words.resize(1);
    words.insert(words.end(), read.words.begin(), read.words.end());
  } else if (app.get_option_no_throw(words.front()) == nullptr) {
    return Status(ErrorCode::kInvalidArgument,
                  words.front() + ": a verb comes first, as in altteul run " + words.front());
  }
  std::reverse(words.begin(), words.end());  // the parser takes them back to front
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return UsageError(error, given, *verb);
    app.exit(error);
    return false;
  }
  return true;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Altteul: make an open language model smaller, run it on the machine at hand, and see what "
      "was lost.");
  app.name("altteul");
  app.set_version_flag("--version", "altteul " + std::string(ProgramVersion()));
  app.require_subcommand(1);

  std::unique_ptr<Command> commands[] = {MakeRun(),  MakeShow(),  MakeTokenize(), MakeCompress(),
                                         MakeEval(), MakeBench(), MakeDoctor(),   MakeGap(),
                                         MakePlan(), MakePull(),  MakeLs(),       MakeRm()};
  for (const auto& command : commands) {
    CLI::App& verb =
        *app.add_subcommand(std::string(command->name()), std::string(command->summary()));
    command->AddOptions(verb);
  }
  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  const Result<bool> parsed = Parse({argv + 1, argv + argc}, app);
  if (!parsed.ok()) return Report(parsed.status());
  if (!parsed.value()) return 0;
  InstallInterruptHandler();
  for (const auto& command : commands) {
    if (!app.got_subcommand(std::string(command->name()))) continue;
    const Status status = command->Run();
    if (!status.ok()) return Report(status);
    const Status flushed = FlushOutput();
    // "altteul show MODEL | head": the reader has enough, and nobody needs to hear of it.
    if (!flushed.ok() && errno == EPIPE) return 128 + SIGPIPE;
    return Report(flushed);
  }
  return kExitUsage;
}

/// What was thrown, as the trouble of this machine that it is.
Status StatusOf(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    // Everything large is asked for politely; this was a container, perhaps in a thread's share.
    return Status(ErrorCode::kOutOfMemory,
                  "the system gave no more memory, of which this machine has " +
                      FormatBytes(DetectMemory().available_bytes) +
                      " free; a limit of the shell (ulimit -v) may be lower");
  }
  const auto* refused = dynamic_cast<const std::system_error*>(&error);
  if (refused != nullptr && refused->code() == std::errc::resource_unavailable_try_again) {
    return Status(ErrorCode::kOutOfMemory,
                  "the system starts no more threads; -t N asks for fewer");
  }
  return Status(ErrorCode::kUnsupported, error.what());
}

}  // namespace
}  // namespace altteul::tools

int main(int argc, char** argv) {
  try {
    return altteul::tools::Main(argc, argv);
  } catch (const std::exception& error) {
    return altteul::tools::Report(altteul::tools::StatusOf(error));
  }
}

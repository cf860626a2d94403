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
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/command.h"
#include "tools/exit_codes.h"
#include "tools/interrupt.h"
#include "tools/model_pull.h"
#include "tools/version.h"

namespace altteul::tools {
namespace {

// llama.cpp's flags of several letters behind one dash, which the option parser would read as
// several flags of one letter.
constexpr std::string_view kLongFlagsWithOneDash[] = {"-ngl", "-ctk", "-ctv", "-sys"};

std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i >= 1; --i) {  // the parser takes them back to front
    std::string argument = argv[i];
    for (const std::string_view flag : kLongFlagsWithOneDash) {
      if (argument == flag) argument.insert(0, "-");
    }
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

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
               status.message().c_str());
  if (!row.advice.empty()) std::fprintf(stderr, "%s\n", std::string(row.advice).c_str());
  const int number = status.code() == ErrorCode::kCancelled ? InterruptSignal() : 0;
  return number == 0 ? row.exit_code : 128 + number;
}

/// OK when a subcommand has this name.
Status CheckVerb(std::string_view verb, const CLI::App& app) {
  std::string verbs;
  for (const CLI::App* each : app.get_subcommands({})) {
    if (each->get_name() == verb) return Status();
    verbs += (verbs.empty() ? "" : ", ") + each->get_name();
  }
  return Status(ErrorCode::kInvalidArgument,
                "'" + std::string(verb) + "' is no verb; these are: " + verbs);
}

/// Whether a verb opens a model as a whole, and so may have to fetch it.
bool OpensModels(std::string_view verb) {
  constexpr std::string_view kVerbs[] = {"run", "show", "tokenize", "compress", "eval", "bench"};
  return std::find(std::begin(kVerbs), std::end(kVerbs), verb) != std::end(kVerbs);
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
    if (OpensModels(command->name())) {
      verb.add_flag("--pull", MayPull(), "fetch a model hf:OWNER/NAME that is not here yet");
    }
  }
  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  if (argv[1][0] != '-') {
    const Status verb = CheckVerb(argv[1], app);
    if (!verb.ok()) return Report(verb);
  }
  try {
    app.parse(Arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or the complaint
    return code == 0 ? 0 : kExitUsage;
  }
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

}  // namespace
}  // namespace altteul::tools

int main(int argc, char** argv) {
  using altteul::ErrorCode;
  using altteul::Status;
  try {
    return altteul::tools::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    // Small containers only: everything large is asked for politely.
    return altteul::tools::Report(Status(ErrorCode::kOutOfMemory, "a small allocation failed"));
  } catch (const std::exception& error) {
    return altteul::tools::Report(Status(ErrorCode::kUnsupported, error.what()));
  }
}

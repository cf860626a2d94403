// altteul: one program, one verb a job. The way of a token starts here (ARCHITECTURE.md).

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/command.h"
#include "tools/exit_codes.h"
#include "tools/interrupt.h"

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

int Report(const Status& status) {
  if (status.ok()) return 0;
  const ExitRow& row = ExitRowOf(status.code());
  std::fflush(stdout);
  std::fprintf(stderr, "altteul: %s: %s\n", std::string(row.headline).c_str(),
               status.message().c_str());
  if (!row.advice.empty()) std::fprintf(stderr, "%s\n", std::string(row.advice).c_str());
  return row.exit_code;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Altteul: make an open language model smaller, run it on the machine at hand, and see what "
      "was lost.");
  app.name("altteul");
  app.set_version_flag("--version", "altteul 0.1.0");
  app.require_subcommand(1);

  std::unique_ptr<Command> commands[] = {MakeRun(),  MakeShow(),  MakeTokenize(), MakeCompress(),
                                         MakeEval(), MakeBench(), MakeDoctor()};
  for (const auto& command : commands) {
    command->AddOptions(
        *app.add_subcommand(std::string(command->name()), std::string(command->summary())));
  }
  try {
    app.parse(Arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or the complaint
    return code == 0 ? 0 : kExitUsage;
  }
  InstallInterruptHandler();
  for (const auto& command : commands) {
    if (app.got_subcommand(std::string(command->name()))) return Report(command->Run());
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

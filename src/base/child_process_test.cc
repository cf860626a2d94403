// SPDX-License-Identifier: Apache-2.0

#include "base/child_process.h"

#include <gtest/gtest.h>

#include <csignal>

#include "base/clock.h"

namespace altteul {
namespace {

constexpr uint64_t kMost = 1 << 20;

CommandResult RunShell(const std::string& command) {
  auto result = RunCommand(command, kMost, {});
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? result.value() : CommandResult{};
}

TEST(ChildProcessTest, GivesBackWhatWasPrintedAndTheExitCode) {
  const CommandResult result = RunShell("printf 'a\\nb'; exit 7");
  EXPECT_EQ(result.output, "a\nb");
  EXPECT_EQ(result.exit_code, 7);
}

TEST(ChildProcessTest, ACommandThatIsNotThereIs127AsTheShellSaysIt) {
  EXPECT_EQ(RunShell("/nowhere/at/all 2>/dev/null").exit_code, 127);
}

TEST(ChildProcessTest, ASignalIs128AndItsNumber) {
  EXPECT_EQ(RunShell("kill -KILL $$").exit_code, 128 + SIGKILL);
}

TEST(ChildProcessTest, ItsStandardInputIsEmpty) {
  EXPECT_EQ(RunShell("cat; echo end").output, "end\n");
}

TEST(ChildProcessTest, SignalsThatWeIgnoreEndTheChildAsEver) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(RunShell("kill -PIPE $$; echo still here").output, "");
  std::signal(SIGPIPE, before);
}

TEST(ChildProcessTest, OutputBeyondThePipeIsReadWhileItRuns) {
  EXPECT_EQ(RunShell("head -c 1000000 /dev/zero").output.size(), 1000000u);
}

TEST(ChildProcessTest, OutputBeyondTheLimitEndsIt) {
  const auto result = RunCommand("yes", 1000, {});
  EXPECT_EQ(result.status().code(), ErrorCode::kRefused);
  EXPECT_EQ(result.status().message(), "the command printed more than 1000 bytes");
}

TEST(ChildProcessTest, StoppingEndsTheCommandAndItsChildren) {
  const SteadyClock clock;
  const double start = clock.Seconds();
  int asked = 0;
  const auto result = RunCommand("sleep 60 & sleep 60; wait", kMost, [&] { return ++asked > 2; });
  EXPECT_EQ(result.status().code(), ErrorCode::kCancelled);
  EXPECT_LT(clock.Seconds() - start, 20.0);
}

TEST(ChildProcessTest, ACommandThatClosedItsOutputCanBeStoppedToo) {
  const SteadyClock clock;
  const double start = clock.Seconds();
  const auto result =
      RunCommand("exec >&-; exec sleep 60", kMost, [&] { return clock.Seconds() - start > 0.2; });
  EXPECT_EQ(result.status().code(), ErrorCode::kCancelled);
  EXPECT_LT(clock.Seconds() - start, 20.0);
}

TEST(ChildProcessTest, AZeroByteInTheCommandIsRefused) {
  EXPECT_EQ(RunCommand(std::string("echo a\0b", 8), kMost, {}).status().code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace altteul

// SPDX-License-Identifier: Apache-2.0

#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace altteul {
namespace {

constexpr int kAskAgainMs = 100;
constexpr int kPatienceMs = 2000;  // between asking a child to end and ending it

Status SystemError(const char* what, int error) {
  return Status(ErrorCode::kIoError, std::string(what) + ": " + std::strerror(error));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// Starts the shell; its standard output goes to `out`.
Result<pid_t> Spawn(const std::string& command, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawn_file_actions_init(&actions)) {
    return SystemError("a child process", error);
  }
  if (const int error = posix_spawnattr_init(&attributes)) {
    posix_spawn_file_actions_destroy(&actions);
    return SystemError("a child process", error);
  }
  int error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ}) sigaddset(&defaults, number);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &defaults);
  if (error == 0) error = posix_spawnattr_setpgroup(&attributes, 0);
  if (error == 0) {
    error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  pid_t child = 0;
  if (error == 0) {
    std::string shell = "sh", option = "-c", line = command;
    std::array<char*, 4> arguments = {shell.data(), option.data(), line.data(), nullptr};
    error = posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return SystemError("/bin/sh", error);
  return child;
}

/// Waits for the child at most so long; true when it has ended.
bool WaitFor(pid_t child, int most_ms, int* status) {
  for (int waited = 0;; waited += kAskAgainMs / 10) {
    const pid_t ended = waitpid(child, status, WNOHANG);
    if (ended == child || (ended < 0 && errno == ECHILD)) return true;
    if (waited >= most_ms) return false;
    poll(nullptr, 0, kAskAgainMs / 10);
  }
}

void End(pid_t child) {
  int ignored = 0;
  kill(-child, SIGTERM);
  if (WaitFor(child, kPatienceMs, &ignored)) {
    kill(-child, SIGKILL);  // what the shell left behind
    return;
  }
  kill(-child, SIGKILL);
  while (waitpid(child, &ignored, 0) < 0 && errno == EINTR) {
  }
}

/// Reads until the writers are gone.
Status ReadAll(int in, uint64_t most_bytes, const std::function<bool()>& stop, std::string* out) {
  std::array<char, 65536> chunk;
  while (true) {
    if (stop && stop()) return Status(ErrorCode::kCancelled, "the command was interrupted");
    pollfd waiting = {.fd = in, .events = POLLIN, .revents = 0};
    const int ready = poll(&waiting, 1, kAskAgainMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) return SystemError("waiting for a command", errno);
    const ssize_t n = read(in, chunk.data(), chunk.size());
    if (n == 0) return Status();
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("reading from a command", errno);
    if (static_cast<uint64_t>(n) > most_bytes - out->size()) {
      return Status(ErrorCode::kRefused,
                    "the command printed more than " + std::to_string(most_bytes) + " bytes");
    }
    out->append(chunk.data(), static_cast<size_t>(n));
  }
}

}  // namespace

Result<CommandResult> RunCommand(const std::string& command, uint64_t most_bytes,
                                 const std::function<bool()>& stop) {
  // A shell would stop reading there, and run half of what was meant.
  if (command.find('\0') != std::string::npos) {
    return Status(ErrorCode::kInvalidArgument, "a command line with a zero byte");
  }
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("a pipe", errno);
  FileDescriptor in(ends[0]), out(ends[1]);
  ALT_ASSIGN_OR_RETURN(const pid_t child, Spawn(command, out.get()));
  out.Close();

  CommandResult result;
  const Status read = ReadAll(in.get(), most_bytes, stop, &result.output);
  if (!read.ok()) {
    End(child);
    return read;
  }
  int status = 0;
  while (!WaitFor(child, kAskAgainMs, &status)) {
    if (stop && stop()) {
      End(child);
      return Status(ErrorCode::kCancelled, "the command was interrupted");
    }
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace altteul

// SPDX-License-Identifier: Apache-2.0

#include "tools/chat_loop.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <span>
#include <string_view>
#include <utility>

#include "formats/atomic_file.h"
#include "text/chat_variables.h"
#include "tools/interrupt.h"
#include "tools/runtime.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

using engine::Generated;
using nlohmann::ordered_json;

constexpr std::string_view kBlanks = " \t";  // that nobody sees at the end of a command
constexpr std::string_view kFence = "\"\"\"";

constexpr const char* kHelp =
    "/clear       start anew\n"
    "/save FILE   write the conversation as JSON\n"
    "/bye         end (also Ctrl-D); Ctrl-C ends an answer\n"
    "\"\"\"          begins and ends a message of several lines\n";

}  // namespace

ChatLoop::ChatLoop(const text::ChatEncoder& encoder, const Answerer& answerer,
                   ordered_json first_messages)
    : encoder_(encoder),
      answerer_(answerer),
      first_messages_(std::move(first_messages)),
      messages_(first_messages_),
      watched_(isatty(STDIN_FILENO) != 0) {}

Status ChatLoop::Run() {
  if (watched_) std::fprintf(stderr, "Chat. /help tells the commands, Ctrl-D ends.\n");
  Input input;
  while (ReadInput(&input)) {
    bool go_on = true;
    if (input.text.empty()) continue;
    if (input.text.front() == '/' && !input.quoted) {
      ALT_ASSIGN_OR_RETURN(go_on, ObeyCommand(input.text));
    } else {
      ALT_ASSIGN_OR_RETURN(go_on, Answer(input.text));
    }
    if (!go_on) break;
  }
  if (watched_) std::fprintf(stderr, "\n");
  if (Interrupted()) return Status(ErrorCode::kCancelled, "the chat was cut short");
  return Status();
}

/// One line without its end, be it LF or CR LF: files of Windows are piped in too, and begin with
/// the mark that says that they are UTF-8. False at the end of the input.
bool ChatLoop::ReadLine(std::string* line) {
  if (!std::getline(std::cin, *line)) return false;
  if (line->ends_with('\r')) line->pop_back();
  if (!std::exchange(begun_, true)) DropByteOrderMark(line);
  return true;
}

/// A line, or the lines between two """.
bool ChatLoop::ReadInput(Input* input) {
  if (watched_) std::fprintf(stderr, "> ");
  if (!ReadLine(&input->text)) return false;
  input->quoted = input->text.starts_with(kFence);
  if (!input->quoted) return true;
  std::string& text = input->text;
  text.erase(0, kFence.size());
  std::string line;
  while (!text.ends_with(kFence)) {
    if (watched_) std::fprintf(stderr, ". ");
    if (!ReadLine(&line)) return true;  // the input ended before the message did
    text += (text.empty() ? "" : "\n") + line;
  }
  text.erase(text.size() - kFence.size());
  if (text.ends_with('\n')) text.pop_back();  // the closing """ stood on a line of its own
  return true;
}

/// False: the chat ends.
Result<bool> ChatLoop::Answer(const std::string& text) {
  messages_.push_back(text::ChatMessage("user", text));
  const Status accepted = SetPrompt();
  if (!accepted.ok()) {
    if (!watched_) return accepted;
    // What was said is not lost: it can be saved, or shortened by starting anew.
    std::fprintf(stderr, "%s\n/save FILE keeps the conversation, /clear starts anew.\n",
                 TerminalLines(accepted.message()).c_str());
    messages_.erase(messages_.size() - 1);
    return true;
  }
  ALT_ASSIGN_OR_RETURN(const Generated answer, answerer_.Answer(true));
  std::printf("\n");
  if (std::fflush(stdout) != 0) return false;
  if (watched_) answerer_.PrintStatistics(answer);
  if (Interrupted() && !watched_) return false;
  ClearInterrupt();
  messages_.push_back(text::ChatMessage("assistant", answer.text));
  return true;
}

Status ChatLoop::SetPrompt() const {
  size_t dropped = 0;
  ALT_ASSIGN_OR_RETURN(const auto ids, encoder_.Encode(messages_, &dropped));
  WarnOfDroppedBytes(dropped);
  return answerer_.session.SetPrompt(ids);
}

/// False: the chat ends.
Result<bool> ChatLoop::ObeyCommand(const std::string& typed) {
  const std::string line = typed.substr(0, typed.find_last_not_of(kBlanks) + 1);
  if (line == "/bye" || line == "/exit" || line == "/quit") return false;
  if (line == "/clear") {
    messages_ = first_messages_;
    std::fprintf(stderr, "The conversation starts anew.\n");
    return true;
  }
  if (line == "/save") {
    std::fprintf(stderr, "/save needs the name of a file.\n");
    return true;
  }
  if (line.starts_with("/save ")) {
    const Status saved = Save(line.substr(line.find_first_not_of(kBlanks, 6)));
    // A wrong path must not end the chat.
    std::fprintf(stderr, "%s\n", saved.ok() ? "Saved." : TerminalLines(saved.message()).c_str());
    return true;
  }
  if (line != "/help") std::fprintf(stderr, "Unknown command %s.\n", Printable(line).c_str());
  std::fputs(kHelp, stderr);
  return true;
}

Status ChatLoop::Save(const std::string& path) const {
  ALT_ASSIGN_OR_RETURN(auto file, formats::AtomicFile::Create(path));
  const std::string text = ordered_json{{"messages", messages_}}.dump(
                               2, ' ', false, ordered_json::error_handler_t::replace) +
                           "\n";
  ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(text))));
  return file.Commit();
}

}  // namespace altteul::tools

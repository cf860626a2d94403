// SPDX-License-Identifier: Apache-2.0

// altteul tokenize MODEL: words to ids and back.

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "model/checkpoint.h"
#include "tools/command.h"
#include "tools/escaped_text.h"
#include "tools/json_output.h"
#include "tools/model_pull.h"
#include "tools/runtime.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

std::string Hex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

class TokenizeCommand : public Command {
 public:
  std::string_view name() const override { return "tokenize"; }
  std::string_view summary() const override { return "words to token ids and back"; }

  void AddOptions(CLI::App& app) override {
    app.add_option("model,-m,--model", model_, "GGUF file or Hugging Face folder")->required();
    text_option_ = app.add_option("-p,--prompt", text_, "the text");
    file_option_ =
        app.add_option("--text-file,-f", file_, "a file with the text, - for standard input");
    auto* ids = app.add_option("--ids", ids_, "ids to turn into text, separated by commas")
                    ->delimiter(',')
                    ->allow_extra_args(false);
    text_option_->excludes(file_option_)->excludes(ids);
    file_option_->excludes(ids);
    app.add_flag("--special", special_, "control tokens written in the text become their ids");
    app.add_flag("--bos", bos_, "begin and end as the model asks (BOS, EOS)");
    app.add_flag("-e,--escape,!--no-escape", escape_, "\\n, \\t, \\xHH in -p are escapes");
    app.add_flag("--json", json_, "one JSON object: ids, tokens, detokenized, detokenized_hex");
    AddPullFlag(app, &may_pull_);
  }

  Status Run() override {
    if (text_option_->empty() && file_option_->empty() && ids_.empty()) {
      return Status(ErrorCode::kInvalidArgument, "give a text (-p or -f) or ids (--ids)");
    }
    ALT_ASSIGN_OR_RETURN(const std::string path, ModelPath(model_, may_pull_));
    ALT_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(path, StandardErrorLog()));
    ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, checkpoint->ReadTokenizer(StandardErrorLog()));
    auto made = text::MakeTokenizer(std::move(spec), StandardErrorLog());
    if (!made.ok()) return Status(made.status().code(), path + ": " + made.status().message());
    const auto tokenizer = std::move(made).value();
    std::vector<text::TokenId> ids(ids_.begin(), ids_.end());
    for (const text::TokenId id : ids) {
      if (id < 0 || static_cast<size_t>(id) >= tokenizer->vocabulary()) {
        return Status(ErrorCode::kInvalidArgument, "id " + std::to_string(id) +
                                                       " is outside the vocabulary of " +
                                                       std::to_string(tokenizer->vocabulary()));
      }
    }
    if (ids_.empty()) {
      std::string text = escape_ ? Unescape(text_) : text_;
      if (!file_.empty()) {
        ALT_ASSIGN_OR_RETURN(text, ReadTextFile(file_));
      }
      ALT_ASSIGN_OR_RETURN(
          ids, tokenizer->Encode(text, {.parse_special = special_, .add_bos_eos = bos_}));
    } else if (!json_) {
      std::string text = tokenizer->Decode(ids, special_);
      // Bytes as they are for a file or pipe; a person's prompt shall begin on a new line.
      if (isatty(STDOUT_FILENO) != 0) text = TerminalLines(text) + "\n";
      std::fwrite(text.data(), 1, text.size(), stdout);
      return Status();
    }
    Print(*tokenizer, ids);
    return Status();
  }

 private:
  void Print(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& ids) const {
    nlohmann::ordered_json tokens = nlohmann::ordered_json::array();
    for (const text::TokenId id : ids) tokens.push_back(tokenizer.TokenBytes(id, true));
    if (json_) {
      const std::string text = tokenizer.Decode(ids, special_);
      PrintJson({{"ids", ids},
                 {"tokens", tokens},
                 {"detokenized", text},
                 {"detokenized_hex", Hex(text)}});
      return;
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string shown =
          tokens[i].dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
      std::printf("%8d  %s\n", ids[i], Printable(shown).c_str());
    }
  }

  std::string model_, text_, file_;
  CLI::Option* text_option_ = nullptr;  // the parser owns them
  CLI::Option* file_option_ = nullptr;
  std::vector<int32_t> ids_;
  bool special_ = false, bos_ = false, escape_ = false, json_ = false, may_pull_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeTokenize() { return std::make_unique<TokenizeCommand>(); }

}  // namespace altteul::tools

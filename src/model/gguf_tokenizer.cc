// SPDX-License-Identifier: Apache-2.0

// tokenizer.ggml.* metadata as a TokenizerSpec. docs/formats/tokenizers.md tells the keys.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/ascii.h"
#include "formats/gguf.h"
#include "model/gguf_checkpoint.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/rowless_tokens.h"

namespace altteul::model {
namespace {

using formats::GgufFile;
using text::TokenId;
using text::TokenizerSpec;
using text::TokenKind;

Status Corrupt(const std::string& path, const std::string& what) {
  return Status(ErrorCode::kCorruptFile, path + ": " + what);
}

/// The elements of an array, or what is wrong with them under the key's name.
template <typename T>
Result<T> Of(const char* key, const std::string& path, Result<T> elements) {
  if (elements.ok()) return elements;
  return Status(elements.status().code(),
                path + ": key \"" + key + "\": " + elements.status().message());
}

/// A file's tokenizer keys, and where to say what is wrong with them.
class Reader {
 public:
  Reader(const GgufFile& file, const std::string& path, const LogSink& log)
      : file_(file), path_(path), log_(log) {}

  Result<TokenizerSpec> Read();

 private:
  Status ReadModel();
  Status ReadTables();
  Status ReadKinds();
  Status ReadScores();
  Status ReadMerges();
  Status ReadSpecials();
  Status ReadMoreEnds();
  Status ReadFlags();
  void TakeRawText();
  Status ReadStrips();
  bool HasToken(std::string_view text) const {
    return std::find(spec_.tokens.begin(), spec_.tokens.end(), text) != spec_.tokens.end();
  }
  void Strip(std::string_view token, bool before, bool after);
  Result<std::optional<TokenId>> Id(const char* key);
  std::string LowerCase(const char* key) const;
  void Warn(const std::string& what) const {
    if (log_) log_(LogLevel::kWarning, path_ + ": " + what);
  }

  const GgufFile& file_;
  const std::string& path_;
  const LogSink& log_;
  TokenizerSpec spec_;
  text::PreTokenizerHabits habits_;
};

Status Reader::ReadModel() {
  ALT_ASSIGN_OR_RETURN(const auto model, file_.GetString("tokenizer.ggml.model"));
  if (!model) return Corrupt(path_, "tokenizer.ggml.model is missing");
  if (*model == "none" || *model == "no_vocab") {
    spec_.model = TokenizerSpec::Model::kNone;
    return Status();
  }
  ALT_ASSIGN_OR_RETURN(const auto pre, file_.GetString("tokenizer.ggml.pre"));
  spec_.pre_tokenizer = std::string(pre.value_or("default"));
  if (*model == "llama") {
    spec_.model = TokenizerSpec::Model::kSentencePieceBpe;
    return Status();
  }
  if (*model == "gemma4") {
    spec_.pre_tokenizer = "gemma4";
  } else if (*model == "whitespace") {
    ALT_ASSIGN_OR_RETURN(const auto lower, file_.GetBool("tokenizer.ggml.normalizer.lowercase"));
    if (lower.value_or(false)) {
      return Status(ErrorCode::kUnsupported, path_ + ": a tokenizer that makes a text lower case");
    }
    spec_.pre_tokenizer = "whitespace";
  } else if (*model != "gpt2") {
    return Status(ErrorCode::kUnsupported,
                  path_ + ": tokenizer model '" + std::string(*model) +
                      "' is not supported (gpt2, llama, gemma4 and whitespace are)");
  }
  habits_ = text::HabitsOfPreTokenizer(spec_.pre_tokenizer);
  if (spec_.pre_tokenizer == "default") {
    Warn(std::string(pre ? "the pre-tokenizer is \"default\"" : "no pre-tokenizer is named") +
         " (tokenizer.ggml.pre), as in files made before May 2024: text may be cut otherwise than "
         "the model has learned it; a newer file of this model is better");
  }
  return Status();
}

Status Reader::ReadTables() {
  ALT_ASSIGN_OR_RETURN(const auto tokens, file_.GetArray("tokenizer.ggml.tokens"));
  if (!tokens) return Corrupt(path_, "tokenizer.ggml.tokens is missing");
  ALT_ASSIGN_OR_RETURN(const auto texts, Of("tokenizer.ggml.tokens", path_, tokens->Strings()));
  spec_.tokens.assign(texts.begin(), texts.end());
  ALT_RETURN_IF_ERROR(ReadKinds());
  ALT_RETURN_IF_ERROR(ReadMerges());
  return ReadScores();
}

Status Reader::ReadKinds() {
  spec_.kinds.assign(spec_.tokens.size(), TokenKind::kNormal);
  ALT_ASSIGN_OR_RETURN(const auto kinds, file_.GetArray("tokenizer.ggml.token_type"));
  if (!kinds) return Status();
  ALT_ASSIGN_OR_RETURN(const auto values,
                       Of("tokenizer.ggml.token_type", path_, kinds->Integers()));
  if (values.size() != spec_.tokens.size()) {
    Warn("tokenizer.ggml.token_type has " + std::to_string(values.size()) + " entries for " +
         std::to_string(spec_.tokens.size()) + " tokens; " +
         (values.size() < spec_.tokens.size() ? "those without are taken as normal tokens"
                                              : "the last ones are ignored"));
  }
  size_t n_unknown = 0, first_unknown = 0;
  for (size_t id = 0; id < std::min(values.size(), spec_.kinds.size()); ++id) {
    if (values[id] >= 1 && values[id] <= 6) {
      spec_.kinds[id] = static_cast<TokenKind>(values[id]);
    } else if (values[id] != 0 && n_unknown++ == 0) {  // 0 is "undefined" in some files
      first_unknown = id;
    }
  }
  if (n_unknown > 0) {
    Warn("token " + std::to_string(first_unknown) + " has the unknown type " +
         std::to_string(values[first_unknown]) +
         (n_unknown > 1 ? ", and there are " + std::to_string(n_unknown - 1) + " more like it"
                        : "") +
         "; taken as a normal token");
  }
  return Status();
}

Status Reader::ReadScores() {
  if (spec_.model != TokenizerSpec::Model::kSentencePieceBpe) return Status();
  const size_t n_tokens = spec_.tokens.size();
  ALT_ASSIGN_OR_RETURN(const auto scores, file_.GetArray("tokenizer.ggml.scores"));
  if (scores) {
    ALT_ASSIGN_OR_RETURN(spec_.scores, Of("tokenizer.ggml.scores", path_, scores->Floats()));
  }
  if (spec_.scores.size() == n_tokens || !spec_.merges.empty()) return Status();
  Warn(
      "tokenizer.ggml.scores has " + std::to_string(spec_.scores.size()) + " entries for " +
      std::to_string(n_tokens) + " tokens; " +
      (spec_.scores.size() < n_tokens
           ? "those without are taken as 0: text may be cut otherwise than the model has learned it"
           : "the last ones are ignored"));
  spec_.scores.resize(n_tokens, 0.0f);
  return Status();
}

Status Reader::ReadMerges() {
  ALT_ASSIGN_OR_RETURN(const auto merges, file_.GetArray("tokenizer.ggml.merges"));
  if (merges) {
    ALT_ASSIGN_OR_RETURN(const auto list, Of("tokenizer.ggml.merges", path_, merges->Strings()));
    spec_.merges.assign(list.begin(), list.end());
  }
  if (spec_.merges.empty() && spec_.model == TokenizerSpec::Model::kByteLevelBpe) {
    Warn(
        "tokenizer.ggml.merges is missing or empty: every byte of a text becomes a token of its "
        "own");
  }
  return Status();
}

/// The id that `key` names; nothing when it names none, or one that is no token. Of a list the
/// first counts; a list of ends ends an answer with each.
Result<std::optional<TokenId>> Reader::Id(const char* key) {
  const formats::GgufValue* value = file_.FindValue(key);
  if (value == nullptr) return std::optional<TokenId>();
  std::vector<int64_t> ids;
  if (const auto* list = std::get_if<formats::GgufArray>(&value->held)) {
    ALT_ASSIGN_OR_RETURN(ids, Of(key, path_, list->Integers()));
    if (!ids.empty()) Warn(std::string(key) + " is a list; the first id of it is taken");
  } else if (const auto* integer = std::get_if<int64_t>(&value->held)) {
    ids.push_back(*integer);
  } else {
    ALT_ASSIGN_OR_RETURN(const auto id, file_.GetUint(key));
    ids.push_back(static_cast<int64_t>(std::min<uint64_t>(*id, INT64_MAX)));
  }
  if (ids.empty() || ids[0] < 0 || ids[0] == 0xFFFFFFFF)
    return std::optional<TokenId>();  // -1: none
  if (static_cast<uint64_t>(ids[0]) < spec_.tokens.size()) {
    return std::optional<TokenId>(static_cast<TokenId>(ids[0]));
  }
  Warn(std::string(key) + " is " + std::to_string(ids[0]) + ", but there are " +
       std::to_string(spec_.tokens.size()) + " tokens; ignored");
  return std::optional<TokenId>();
}

Status Reader::ReadSpecials() {
  ALT_ASSIGN_OR_RETURN(spec_.bos, Id("tokenizer.ggml.bos_token_id"));
  ALT_ASSIGN_OR_RETURN(spec_.eos, Id("tokenizer.ggml.eos_token_id"));
  ALT_ASSIGN_OR_RETURN(spec_.unk, Id("tokenizer.ggml.unknown_token_id"));
  ALT_ASSIGN_OR_RETURN(spec_.pad, Id("tokenizer.ggml.padding_token_id"));
  if (spec_.model == TokenizerSpec::Model::kSentencePieceBpe) {
    // Where SentencePiece puts them, for files that do not say so.
    const auto at = [&](TokenId id, TokenKind kind, std::optional<TokenId>& place) {
      const auto index = static_cast<size_t>(id);
      if (!place && index < spec_.kinds.size() && spec_.kinds[index] == kind) place = id;
    };
    at(0, TokenKind::kUnknown, spec_.unk);
    at(1, TokenKind::kControl, spec_.bos);
    at(2, TokenKind::kControl, spec_.eos);
  }
  if (spec_.eos) spec_.end_of_turn.push_back(*spec_.eos);
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    ALT_ASSIGN_OR_RETURN(const auto id, Id(key));
    if (id) spec_.end_of_turn.push_back(*id);
  }
  return ReadMoreEnds();
}

/// Ollama's own converter writes a list where a model has several; others write it under the key
/// for one.
Status Reader::ReadMoreEnds() {
  const formats::GgufValue* one = file_.FindValue("tokenizer.ggml.eos_token_id");
  const bool is_list = one != nullptr && one->type == formats::GgufType::kArray;
  const char* key = is_list ? "tokenizer.ggml.eos_token_id" : "tokenizer.ggml.eos_token_ids";
  ALT_ASSIGN_OR_RETURN(const auto list, file_.GetArray(key));
  if (!list) return Status();
  ALT_ASSIGN_OR_RETURN(const auto ids, Of(key, path_, list->Integers()));
  for (const int64_t id : ids) {
    if (id >= 0 && static_cast<uint64_t>(id) < spec_.tokens.size()) {
      spec_.end_of_turn.push_back(static_cast<TokenId>(id));
    } else {
      Warn(std::string(key) + " holds " + std::to_string(id) + ", but there are " +
           std::to_string(spec_.tokens.size()) + " tokens; ignored");
    }
  }
  return Status();
}

Status Reader::ReadFlags() {
  const bool sentencepiece = spec_.model == TokenizerSpec::Model::kSentencePieceBpe;
  ALT_ASSIGN_OR_RETURN(const auto add_bos, file_.GetBool("tokenizer.ggml.add_bos_token"));
  ALT_ASSIGN_OR_RETURN(const auto add_eos, file_.GetBool("tokenizer.ggml.add_eos_token"));
  ALT_ASSIGN_OR_RETURN(const auto add_space, file_.GetBool("tokenizer.ggml.add_space_prefix"));
  spec_.add_bos = add_bos.value_or(sentencepiece || habits_.begins_with_bos);
  spec_.add_eos = add_eos.value_or(false);
  spec_.add_space_prefix = add_space.value_or(sentencepiece);
  spec_.ignore_merges = habits_.ignore_merges;
  return Status();
}

/// BPE whose merges join characters as SentencePiece's do (Gemma 4).
void Reader::TakeRawText() {
  spec_.model = TokenizerSpec::Model::kSentencePieceBpe;
  spec_.explicit_steps = true;
  spec_.add_space_prefix = false;
  if (habits_.marks_spaces) {
    spec_.normalizers.push_back(
        {.kind = text::NormalizeStep::Kind::kReplace, .pattern = " ", .text = "\xE2\x96\x81"});
  }
  spec_.pre_patterns = *text::PrePatternsByName(spec_.pre_tokenizer);
  spec_.whole_newlines = true;
  for (size_t id = 0; id < spec_.tokens.size(); ++id) {
    if (text::ByteOfToken(spec_.tokens[id])) spec_.kinds[id] = TokenKind::kByte;
  }
  if (habits_.begins_with_bos && !spec_.add_bos) {
    Warn(
        "tokenizer.ggml.add_bos_token is false, but models with this tokenizer cannot do without "
        "a BOS; it is put before each prompt");
    spec_.add_bos = true;
  }
}

/// A value that is no text is none: names are for people, and only hints here.
std::string Reader::LowerCase(const char* key) const {
  const formats::GgufValue* value = file_.FindValue(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string_view>(&value->held);
  return text == nullptr ? "" : Lower(*text);
}

void Reader::Strip(std::string_view token, bool before, bool after) {
  const auto found = std::find(spec_.tokens.begin(), spec_.tokens.end(), token);
  if (found == spec_.tokens.end()) return;
  spec_.added.push_back({.id = static_cast<TokenId>(found - spec_.tokens.begin()),
                         .lstrip = before,
                         .rstrip = after});
}

/// White space beside a token may belong to it. GGUF has no key for that, so it is known by the
/// model: each rule is a fact of the tokenizer.json of the models it names.
Status Reader::ReadStrips() {
  const std::string name = LowerCase("general.name");
  const std::string architecture = LowerCase("general.architecture");
  const auto named = [&](std::string_view part) { return name.find(part) != name.npos; };
  // Fine-tunes have names of their own; other vocabularies in the same architecture no such tokens.
  const bool is_phi3 =
      named("phi-3") || named("phi3") ||
      (architecture == "phi3" && HasToken("<|user|>") && HasToken("<|assistant|>") &&
       HasToken("<|end|>") && spec_.model == TokenizerSpec::Model::kSentencePieceBpe);
  if (spec_.pre_tokenizer == "jina-v2-de" || spec_.pre_tokenizer == "jina-v2-es" ||
      spec_.pre_tokenizer == "jina-v2-code") {
    Strip("<mask>", true, false);
  } else if (is_phi3) {
    for (size_t id = 0; id < spec_.tokens.size(); ++id) {
      const std::string& token = spec_.tokens[id];
      const TokenKind kind = spec_.kinds[id];
      const bool is_text =
          kind == TokenKind::kNormal || kind == TokenKind::kUnused || kind == TokenKind::kByte;
      if ((is_text && !text::IsTurnEnd(token)) || token == "<unk>" || token == "<s>" ||
          token == "<|endoftext|>")
        continue;
      spec_.added.push_back({.id = static_cast<TokenId>(id), .rstrip = true});
    }
  } else if (named("modern-bert")) {
    Strip("[MASK]", true, false);
  }
  return Status();
}

Result<TokenizerSpec> Reader::Read() {
  ALT_RETURN_IF_ERROR(ReadModel());
  if (spec_.model == TokenizerSpec::Model::kNone) return std::move(spec_);
  ALT_RETURN_IF_ERROR(ReadTables());
  ALT_RETURN_IF_ERROR(ReadSpecials());
  ALT_RETURN_IF_ERROR(ReadFlags());
  ALT_RETURN_IF_ERROR(ReadStrips());
  if (habits_.raw_text) TakeRawText();
  const formats::GgufTensor* embedding = file_.FindTensor("token_embd.weight");
  if (embedding != nullptr && embedding->view.shape.n_dims == 2) {
    text::ForgetRowlessTokens(spec_, embedding->view.shape.rows(),
                              [&](LogLevel, std::string_view what) { Warn(std::string(what)); });
  }
  return std::move(spec_);
}

}  // namespace

Result<TokenizerSpec> ReadGgufTokenizer(const GgufFile& file, const std::string& path,
                                        const LogSink& log) {
  return Reader(file, path, log).Read();
}

}  // namespace altteul::model

// tokenizer.ggml.* metadata as a TokenizerSpec. docs/formats/tokenizers.md tells the keys.

#include <string>
#include <utility>

#include "formats/gguf.h"
#include "model/gguf_checkpoint.h"

namespace altteul::model {
namespace {

using formats::GgufArray;
using formats::GgufFile;
using text::TokenId;
using text::TokenizerSpec;
using text::TokenKind;

Status Corrupt(const std::string& path, const std::string& what) {
  return Status(ErrorCode::kCorruptFile, path + ": " + what);
}

Result<std::optional<TokenId>> Id(const GgufFile& file, const std::string& path, const char* key,
                                  size_t vocabulary) {
  ALT_ASSIGN_OR_RETURN(const auto id, file.GetUint(key));
  if (!id || *id == 0xFFFFFFFFu) return std::optional<TokenId>();  // -1 in some files: none
  if (*id >= vocabulary) {
    return Corrupt(path, std::string(key) + " is " + std::to_string(*id) + ", but there are " +
                             std::to_string(vocabulary) + " tokens");
  }
  return std::optional<TokenId>(static_cast<TokenId>(*id));
}

Status ReadTables(const GgufFile& file, const std::string& path, TokenizerSpec& spec) {
  ALT_ASSIGN_OR_RETURN(const auto tokens, file.GetArray("tokenizer.ggml.tokens"));
  if (!tokens) return Corrupt(path, "tokenizer.ggml.tokens is missing");
  ALT_ASSIGN_OR_RETURN(const auto texts, tokens->Strings());
  spec.tokens.assign(texts.begin(), texts.end());
  spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);

  ALT_ASSIGN_OR_RETURN(const auto kinds, file.GetArray("tokenizer.ggml.token_type"));
  if (kinds) {
    ALT_ASSIGN_OR_RETURN(const auto values, kinds->Integers());
    if (values.size() != spec.tokens.size()) {
      return Corrupt(path, "tokenizer.ggml.token_type has " + std::to_string(values.size()) +
                               " entries for " + std::to_string(spec.tokens.size()) + " tokens");
    }
    for (size_t id = 0; id < values.size(); ++id) {
      // 0 is "undefined" in some files; it behaves as a normal token.
      if (values[id] < 0 || values[id] > 6) {
        return Corrupt(path, "token " + std::to_string(id) + " has the unknown type " +
                                 std::to_string(values[id]));
      }
      spec.kinds[id] = values[id] == 0 ? TokenKind::kNormal : static_cast<TokenKind>(values[id]);
    }
  }
  ALT_ASSIGN_OR_RETURN(const auto scores, file.GetArray("tokenizer.ggml.scores"));
  if (scores) {
    ALT_ASSIGN_OR_RETURN(spec.scores, scores->Floats());
  }
  ALT_ASSIGN_OR_RETURN(const auto merges, file.GetArray("tokenizer.ggml.merges"));
  if (merges) {
    ALT_ASSIGN_OR_RETURN(const auto list, merges->Strings());
    spec.merges.assign(list.begin(), list.end());
  }
  return Status();
}

// Pre-tokenizers whose models begin a text with BOS although the file does not say so, and take a
// whole word that is a token as it is (Llama 3 and Mistral's Tekken).
bool BeginsWithBos(std::string_view pre) {
  return pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3" || pre == "tekken";
}

Status ReadSpecials(const GgufFile& file, const std::string& path, TokenizerSpec& spec) {
  const size_t n = spec.tokens.size();
  ALT_ASSIGN_OR_RETURN(spec.bos, Id(file, path, "tokenizer.ggml.bos_token_id", n));
  ALT_ASSIGN_OR_RETURN(spec.eos, Id(file, path, "tokenizer.ggml.eos_token_id", n));
  ALT_ASSIGN_OR_RETURN(spec.unk, Id(file, path, "tokenizer.ggml.unknown_token_id", n));
  ALT_ASSIGN_OR_RETURN(spec.pad, Id(file, path, "tokenizer.ggml.padding_token_id", n));

  const bool sentencepiece = spec.model == TokenizerSpec::Model::kSentencePieceBpe;
  ALT_ASSIGN_OR_RETURN(const auto add_bos, file.GetBool("tokenizer.ggml.add_bos_token"));
  ALT_ASSIGN_OR_RETURN(const auto add_eos, file.GetBool("tokenizer.ggml.add_eos_token"));
  ALT_ASSIGN_OR_RETURN(const auto add_space, file.GetBool("tokenizer.ggml.add_space_prefix"));
  spec.add_bos = add_bos.value_or(sentencepiece || BeginsWithBos(spec.pre_tokenizer));
  spec.add_eos = add_eos.value_or(false);
  spec.add_space_prefix = add_space.value_or(sentencepiece);
  spec.ignore_merges = BeginsWithBos(spec.pre_tokenizer);

  if (spec.eos) spec.end_of_turn.push_back(*spec.eos);
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    ALT_ASSIGN_OR_RETURN(const auto id, Id(file, path, key, n));
    if (id) spec.end_of_turn.push_back(*id);
  }
  return Status();
}

}  // namespace

Result<TokenizerSpec> ReadGgufTokenizer(const GgufFile& file, const std::string& path,
                                        const LogSink&) {
  TokenizerSpec spec;
  ALT_ASSIGN_OR_RETURN(const auto model, file.GetString("tokenizer.ggml.model"));
  if (!model) return Corrupt(path, "tokenizer.ggml.model is missing");
  if (*model == "none" || *model == "no_vocab") {
    spec.model = TokenizerSpec::Model::kNone;
    return spec;
  }
  if (*model == "gpt2") {
    spec.model = TokenizerSpec::Model::kByteLevelBpe;
  } else if (*model == "llama") {
    spec.model = TokenizerSpec::Model::kSentencePieceBpe;
  } else {
    return Status(ErrorCode::kUnsupported, path + ": tokenizer model '" + std::string(*model) +
                                               "' is not supported (gpt2 and llama are)");
  }
  ALT_ASSIGN_OR_RETURN(const auto pre, file.GetString("tokenizer.ggml.pre"));
  spec.pre_tokenizer = std::string(pre.value_or("default"));
  ALT_RETURN_IF_ERROR(ReadTables(file, path, spec));
  ALT_RETURN_IF_ERROR(ReadSpecials(file, path, spec));
  return spec;
}

}  // namespace altteul::model

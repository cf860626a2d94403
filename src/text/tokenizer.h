// Words to token ids and back, as the model was trained with.
//
// A TokenizerSpec is everything a file says about its tokenizer, whoever wrote it (GGUF metadata or
// tokenizer.json); MakeTokenizer() proves it and builds the tables. Two algorithms: byte-level BPE
// (text is cut by patterns, bytes are merged by rank) and SentencePiece-type BPE (pieces are merged by
// score, unknown characters fall back to bytes).

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::text {

using TokenId = int32_t;

enum class TokenKind : uint8_t {
  kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6,  // as GGUF
};

struct TokenizerSpec {
  enum class Model : uint8_t { kByteLevelBpe, kSentencePieceBpe, kNone };
  Model model = Model::kByteLevelBpe;

  std::vector<std::string> tokens;   ///< text of each id (byte-level BPE: in the GPT-2 alphabet)
  std::vector<TokenKind> kinds;      ///< [tokens.size()]
  std::vector<float> scores;         ///< [tokens.size()], SentencePiece only
  std::vector<std::string> merges;   ///< "left right", best first, byte-level only

  /// Cuts text before merging: a GGUF name ("smollm", "llama-bpe", ...) or patterns spelled out.
  std::string pre_tokenizer;
  std::vector<std::string> pre_patterns;  ///< PCRE2, applied one after the other; wins over the name

  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;     ///< SentencePiece: a space before the first word
  bool ignore_merges = false;        ///< a whole word that is a token is taken as it is
  bool normalize_nfc = false;        ///< before cutting
  std::optional<TokenId> bos, eos, unk, pad;
  std::vector<TokenId> end_of_turn;  ///< every id that ends an answer, eos included
};

// (yours: further fields that tokenizer.json needs)

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  struct EncodeOptions {
    bool parse_special = false;  ///< control tokens written in the text become their ids
    bool add_bos_eos = false;    ///< as the model asks (add_bos, add_eos)
  };
  /// Token ids of `text`. Any bytes are allowed; invalid UTF-8 is encoded byte for byte.
  /// Const and thread-safe. @return kInvalidArgument when a limit of the pattern engine is hit
  virtual Result<std::vector<TokenId>> Encode(std::string_view text,
                                              const EncodeOptions& options) const = 0;

  /// The bytes of one token in the middle of a text: "" for control tokens unless `show_special`.
  virtual std::string TokenBytes(TokenId id, bool show_special) const = 0;

  /// The bytes of a whole text (the first piece's added space removed where one was added).
  virtual std::string Decode(const std::vector<TokenId>& ids, bool show_special) const = 0;

  virtual const TokenizerSpec& spec() const = 0;
  size_t vocabulary() const { return spec().tokens.size(); }
  bool EndsTurn(TokenId id) const;
};

/// @return kCorruptFile when the tables contradict themselves (an id outside, a merge of unknown
///         parts, sizes that differ), kUnsupported for an unknown pre-tokenizer name
Result<std::unique_ptr<const Tokenizer>> MakeTokenizer(TokenizerSpec spec);

/// Reads tokenizer.json, with the neighbours that complete it (either may be empty).
Result<TokenizerSpec> ParseTokenizerJson(std::string_view tokenizer_json,
                                         std::string_view tokenizer_config_json,
                                         std::string_view generation_config_json);

/// Hands out text as tokens arrive and never cuts a UTF-8 character: an incomplete tail is held
/// back until it is complete, or until it can no longer become a character.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool show_special = false);
  std::string Push(TokenId id);  ///< what can be shown now
  std::string Finish();          ///< what is left, as it is

 private:
  const Tokenizer& tokenizer_;
  bool show_special_;
  bool first_ = true;
  std::string held_;
};

}  // namespace altteul::text

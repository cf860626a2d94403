// SPDX-License-Identifier: Apache-2.0

// Words to token ids and back, as the model was trained with.
//
// A TokenizerSpec is everything a file says about its tokenizer, whoever wrote it (GGUF metadata or
// tokenizer.json); MakeTokenizer() proves it and builds the tables. Two algorithms: byte-level BPE
// (text is cut by patterns, bytes are merged by rank) and SentencePiece-type BPE (pieces are merged
// by score, unknown characters fall back to bytes).

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "text/pattern.h"

namespace altteul::text {

using TokenId = int32_t;

enum class TokenKind : uint8_t {  // numbers as in GGUF
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

/// What becomes of the parts of a text that a pattern matches (the words of tokenizer.json).
enum class SplitBehavior : uint8_t {
  kIsolated,            ///< each match is a piece, and so is what lies between
  kRemoved,             ///< matches vanish
  kMergedWithPrevious,  ///< a match ends the piece before it
  kMergedWithNext,      ///< a match begins the piece after it
  kContiguous,          ///< neighbouring matches are one piece
};

/// One cut of the text before merging.
struct PrePattern {
  std::string pattern;  ///< PCRE2
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  ///< what does not match is what matches
};

/// One change of the text before cutting.
struct NormalizeStep {
  enum class Kind : uint8_t { kNfc, kNfd, kNfkc, kNfkd, kPrepend, kReplace };
  Kind kind = Kind::kNfc;
  std::string pattern;  ///< kReplace: PCRE2
  std::string text;     ///< kReplace: what stands there instead; kPrepend: what comes first
};

/// A text put before a piece when it does not begin with it already (tokenizer.json's Metaspace and
/// ByteLevel). Done after normalizing and after added tokens are taken out.
struct PiecePrefix {
  std::string text;
  bool first_piece_only = false;  ///< only at the very beginning of the whole text
};

/// How an added token is found in text. Tokens of the kinds control, unknown and user-defined that
/// have no entry are found as raw text, with none of the flags.
struct AddedToken {
  TokenId id = 0;
  bool lstrip = false;       ///< takes the whitespace before it along
  bool rstrip = false;       ///< takes the whitespace after it along
  bool single_word = false;  ///< only where no word character touches it
  bool normalized = false;   ///< looked for in the normalized text
};

struct TokenizerSpec {
  enum class Model : uint8_t { kByteLevelBpe, kSentencePieceBpe, kNone };
  Model model = Model::kByteLevelBpe;

  std::vector<std::string> tokens;  ///< text of each id (byte-level BPE: in the GPT-2 alphabet)
  std::vector<TokenKind> kinds;     ///< [tokens.size()]
  std::vector<float> scores;        ///< [tokens.size()], SentencePiece without merges only
  std::vector<std::string> merges;  ///< "left right", best first
  std::vector<std::pair<TokenId, TokenId>> merge_ids;  ///< the same as ids; wins over `merges`
  std::vector<AddedToken> added;                       ///< flags of added tokens, see AddedToken

  /// Cuts text before merging: a GGUF name ("smollm", "llama-bpe", ...) or patterns spelled out.
  std::string pre_tokenizer;
  std::vector<PrePattern> pre_patterns;  ///< applied one after the other; wins over the name

  /// True when a file spelled every step out: then `normalizers`, `piece_prefix` and `pre_patterns`
  /// are the whole way from text to pieces, and the name and the flags below do not add to it.
  bool explicit_steps = false;
  std::vector<NormalizeStep> normalizers;
  std::optional<PiecePrefix> piece_prefix;

  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;   ///< SentencePiece: a space before the first word
  bool ignore_merges = false;      ///< a whole word that is a token is taken as it is
  bool whole_newlines = false;     ///< a run of newlines that is a token is taken as it is
  bool normalize_nfc = false;      ///< before cutting
  bool fuse_unknown = false;       ///< neighbouring unknown characters are one `unk`
  bool strip_first_space = false;  ///< Decode takes one space from the beginning (SentencePiece:
                                   ///< set by MakeTokenizer when add_space_prefix is)
  std::optional<TokenId> bos, eos, unk, pad;
  /// Texts of tokens that chat templates read by name ("unk_token", "image_token"), as a folder
  /// names them, whether or not the vocabulary has them. GGUF files have ids only.
  std::vector<std::pair<std::string, std::string>> named_texts;
  std::vector<std::string> additional_special;  ///< the same without names, for templates
  std::vector<TokenId> end_of_turn;  ///< ids that end an answer; MakeTokenizer adds eos and the
                                     ///< published ones
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  struct EncodeOptions {
    bool parse_special = false;  ///< control tokens written in the text become their ids
    bool add_bos_eos = false;    ///< as the model asks (add_bos, add_eos), never twice

    /// Bytes that a user wrote, ascending: a control token is not parsed where it touches one. (The
    /// text is still encoded as a whole, because words reach over these borders.)
    std::span<const TextRange> plain = {};

    /// Bytes and characters for which the vocabulary has no token at all (SmolLM2 has none for
    /// U+0004) are an error; with this they are left out, and their bytes counted here.
    size_t* n_dropped_bytes = nullptr;
  };
  /// Token ids of `text`. Any bytes are allowed; invalid UTF-8 is encoded byte for byte.
  /// Const and thread-safe. @return kInvalidArgument when a limit of the pattern engine is hit or a
  /// byte has no token, kUnsupported when the file has no vocabulary
  virtual Result<std::vector<TokenId>> Encode(std::string_view text,
                                              const EncodeOptions& options) const = 0;

  /// The bytes of one token in the middle of a text: "" for control tokens unless `show_special`.
  virtual std::string TokenBytes(TokenId id, bool show_special) const = 0;

  /// The bytes of a whole text (the first piece's added space removed where one was added).
  virtual std::string Decode(const std::vector<TokenId>& ids, bool show_special) const = 0;

  virtual const TokenizerSpec& spec() const = 0;
  size_t vocabulary() const { return spec().tokens.size(); }
  bool EndsTurn(TokenId id) const;

  /// A control or unknown token: shown only when special tokens are.
  bool IsSpecial(TokenId id) const;
};

/// @param log  hears of what contradicts itself and was mended
/// @return kCorruptFile when the tables contradict themselves (an id outside, a merge of unknown
///         parts, sizes that differ), kUnsupported for an unknown pre-tokenizer name
Result<std::unique_ptr<const Tokenizer>> MakeTokenizer(TokenizerSpec spec, const LogSink& log = {});

/// True for the text of a token that ends a turn in the published families, whether or not a file
/// names it (turn_ends.h).
bool IsTurnEnd(std::string_view token);

/// The text of a tokenizer.json and of what stands beside it. What is not there is empty.
struct TokenizerFolder {
  std::string_view tokenizer_json = {};
  std::string_view tokenizer_config_json = {};
  std::string_view generation_config_json = {};
  std::string_view config_json = {};  ///< names the ends where generation_config.json does not
  std::string_view added_tokens_json = {};  ///< older folders: read where tokenizer_config.json
  std::string_view special_tokens_map_json =
      {};  ///< has no added_tokens_decoder, as by transformers
  /// Rows of the embedding. A token that the neighbours name and tokenizer.json has not gets the
  /// next id, as in transformers, where there is a row for it, and is ignored where there is none.
  size_t n_rows = 0;
};

/// @param log  hears of what is wrong but does no harm
/// @return kCorruptFile for what is cut or contradicts itself, kUnsupported for what is not known
Result<TokenizerSpec> ParseTokenizerJson(const TokenizerFolder& folder, const LogSink& log = {});

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

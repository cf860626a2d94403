// SPDX-License-Identifier: Apache-2.0

#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>
#include <utility>

#include "text/added_tokens.h"
#include "text/bpe_merger.h"
#include "text/byte_alphabet.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_tables.h"
#include "text/utf8.h"

namespace altteul::text {
namespace {

using Model = TokenizerSpec::Model;

/// One call of Encode: where ids go, and the memory that pieces share.
struct EncodeRun {
  const Tokenizer::EncodeOptions& options;
  std::vector<TokenId> ids;
  Pattern::Scratch scratch;
  BpeMerger merger;
  std::vector<BpeSymbol> symbols;
};

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(std::unique_ptr<TokenizerTables> tables) : tables_(std::move(tables)) {}

  Result<std::vector<TokenId>> Encode(std::string_view text,
                                      const EncodeOptions& options) const override;
  std::string TokenBytes(TokenId id, bool show_special) const override;
  std::string Decode(const std::vector<TokenId>& ids, bool show_special) const override;
  const TokenizerSpec& spec() const override { return tables_->spec; }

 private:
  Status EncodeSegment(std::string_view raw, bool at_beginning, bool parse_special,
                       EncodeRun& run) const;
  Status EncodePart(std::string_view text, bool at_beginning, EncodeRun& run) const;
  Status EncodePiece(std::string_view piece, EncodeRun& run) const;
  void StartSymbols(std::string_view piece, std::vector<BpeSymbol>& symbols) const;
  Status EmitUnknown(std::string_view bytes, EncodeRun& run) const;

  std::unique_ptr<TokenizerTables> tables_;
};

Result<std::vector<TokenId>> BpeTokenizer::Encode(std::string_view text,
                                                  const EncodeOptions& options) const {
  const TokenizerSpec& s = tables_->spec;
  // Symbols count bytes in 32 bits, with a sign; checked again after normalizing.
  if (text.size() > std::numeric_limits<int32_t>::max() / 8) {
    return Status(ErrorCode::kInvalidArgument,
                  "a text of " + std::to_string(text.size()) + " bytes is too long to tokenize");
  }
  EncodeRun run{.options = options, .ids = {}, .scratch = {}, .merger = {}, .symbols = {}};
  std::vector<AddedTokenMatcher::Part> parts;
  tables_->raw_tokens.Split(text, options.parse_special, options.plain, parts);
  for (const AddedTokenMatcher::Part& part : parts) {
    if (part.id != kNoToken) {
      run.ids.push_back(part.id);
      continue;
    }
    const bool parse_special =
        options.parse_special &&
        std::none_of(options.plain.begin(), options.plain.end(), [&](const TextRange& plain) {
          return plain.begin < part.range.end && plain.end > part.range.begin;
        });
    ALT_RETURN_IF_ERROR(EncodeSegment(text.substr(part.range.begin, part.range.size()),
                                      part.range.begin == 0, parse_special, run));
  }
  if (options.add_bos_eos && s.add_bos && s.bos && (run.ids.empty() || run.ids[0] != *s.bos)) {
    run.ids.insert(run.ids.begin(), *s.bos);
  }
  if (options.add_bos_eos && s.add_eos && s.eos && (run.ids.empty() || run.ids.back() != *s.eos)) {
    run.ids.push_back(*s.eos);
  }
  return std::move(run.ids);
}

Status BpeTokenizer::EncodeSegment(std::string_view raw, bool at_beginning, bool parse_special,
                                   EncodeRun& run) const {
  ALT_ASSIGN_OR_RETURN(const std::string text, tables_->normalizer.Run(raw, run.scratch));
  if (text.size() > std::numeric_limits<int32_t>::max() / 2) {
    return Status(ErrorCode::kInvalidArgument, "the text has " + std::to_string(text.size()) +
                                                   " bytes after normalizing, too many");
  }
  std::vector<AddedTokenMatcher::Part> parts;
  tables_->normalized_tokens.Split(text, parse_special, {}, parts);
  for (const AddedTokenMatcher::Part& part : parts) {
    if (part.id != kNoToken) {
      run.ids.push_back(part.id);
      continue;
    }
    ALT_RETURN_IF_ERROR(
        EncodePart(std::string_view(text).substr(part.range.begin, part.range.size()),
                   at_beginning && part.range.begin == 0, run));
  }
  return Status();
}

Status BpeTokenizer::EncodePart(std::string_view text, bool at_beginning, EncodeRun& run) const {
  const auto& prefix = tables_->spec.piece_prefix;
  std::string prefixed;
  if (prefix && (at_beginning || !prefix->first_piece_only) && !text.starts_with(prefix->text)) {
    prefixed = prefix->text;
    prefixed += text;
    text = prefixed;
  }
  std::vector<std::string_view> pieces;
  ALT_RETURN_IF_ERROR(tables_->pre_tokenizer.Split(text, run.scratch, pieces));
  for (const std::string_view piece : pieces) ALT_RETURN_IF_ERROR(EncodePiece(piece, run));
  return Status();
}

void BpeTokenizer::StartSymbols(std::string_view piece, std::vector<BpeSymbol>& symbols) const {
  const bool byte_level = tables_->spec.model == Model::kByteLevelBpe;
  symbols.clear();
  for (size_t at = 0; at < piece.size();) {
    BpeSymbol symbol;
    const size_t length = byte_level ? 1 : std::max<size_t>(1, CharacterLength(piece.substr(at)));
    symbol.begin = static_cast<uint32_t>(at);
    symbol.size = static_cast<uint32_t>(length);
    symbol.id = tables_->FindText(piece.substr(at, length));
    symbol.previous = static_cast<int32_t>(symbols.size()) - 1;
    at += length;
    symbol.next = at < piece.size() ? static_cast<int32_t>(symbols.size()) + 1 : -1;
    symbols.push_back(symbol);
  }
}

Status BpeTokenizer::EncodePiece(std::string_view piece, EncodeRun& run) const {
  const TokenizerSpec& s = tables_->spec;
  const bool may_be_whole =
      s.ignore_merges || piece.size() == 1 ||
      (s.whole_newlines && piece.find_first_not_of('\n') == std::string_view::npos);
  const TokenId whole = may_be_whole ? tables_->FindText(piece) : kNoToken;
  if (whole != kNoToken) {
    run.ids.push_back(whole);
    return Status();
  }
  StartSymbols(piece, run.symbols);
  run.merger.Run(piece, tables_->rules, run.symbols);
  for (const BpeSymbol& symbol : run.symbols) {
    if (symbol.size == 0) continue;
    if (symbol.id != kNoToken) {
      run.ids.push_back(symbol.id);
    } else {
      ALT_RETURN_IF_ERROR(EmitUnknown(piece.substr(symbol.begin, symbol.size), run));
    }
  }
  return Status();
}

Status BpeTokenizer::EmitUnknown(std::string_view bytes, EncodeRun& run) const {
  const auto byte_id = [&](char c) { return tables_->byte_ids[static_cast<uint8_t>(c)]; };
  const TokenizerSpec& s = tables_->spec;
  if (s.model == Model::kSentencePieceBpe &&
      std::all_of(bytes.begin(), bytes.end(), [&](char c) { return byte_id(c) != kNoToken; })) {
    for (const char c : bytes) run.ids.push_back(byte_id(c));
    return Status();
  }
  if (tables_->unknown_is_used) {
    const bool fused = s.fuse_unknown && !run.ids.empty() && run.ids.back() == *s.unk;
    if (!fused) run.ids.push_back(*s.unk);
    return Status();
  }
  if (run.options.n_dropped_bytes != nullptr) {
    *run.options.n_dropped_bytes += bytes.size();
    return Status();
  }
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kHex[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kHex[static_cast<uint8_t>(c) & 15]);
  }
  return Status(ErrorCode::kInvalidArgument,
                "the vocabulary has no token for the bytes 0x" + hex + " of the text");
}

std::string BpeTokenizer::TokenBytes(TokenId id, bool show_special) const {
  if (id < 0 || static_cast<size_t>(id) >= tables_->bytes.size()) return "";
  if (!show_special && IsSpecial(id)) return "";
  return tables_->bytes[static_cast<size_t>(id)];
}

std::string BpeTokenizer::Decode(const std::vector<TokenId>& ids, bool show_special) const {
  StreamDecoder stream(*this, show_special);
  std::string text;
  for (const TokenId id : ids) text += stream.Push(id);
  return text + stream.Finish();
}

/// A file without a vocabulary: ids in, ids out.
class NoTokenizer final : public Tokenizer {
 public:
  explicit NoTokenizer(TokenizerSpec spec) : spec_(std::move(spec)) {}

  Result<std::vector<TokenId>> Encode(std::string_view, const EncodeOptions&) const override {
    return Status(ErrorCode::kUnsupported, "this model comes without a vocabulary");
  }
  std::string TokenBytes(TokenId, bool) const override { return ""; }
  std::string Decode(const std::vector<TokenId>&, bool) const override { return ""; }
  const TokenizerSpec& spec() const override { return spec_; }

 private:
  TokenizerSpec spec_;
};

}  // namespace

bool Tokenizer::EndsTurn(TokenId id) const {
  const std::vector<TokenId>& ends = spec().end_of_turn;
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

bool Tokenizer::IsSpecial(TokenId id) const {
  const std::vector<TokenKind>& kinds = spec().kinds;
  if (id < 0 || static_cast<size_t>(id) >= kinds.size()) return false;
  const TokenKind kind = kinds[static_cast<size_t>(id)];
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

Result<std::unique_ptr<const Tokenizer>> MakeTokenizer(TokenizerSpec spec, const LogSink& log) {
  if (spec.model == Model::kNone) {
    return std::unique_ptr<const Tokenizer>(std::make_unique<NoTokenizer>(std::move(spec)));
  }
  ALT_ASSIGN_OR_RETURN(auto tables, TokenizerTables::Make(std::move(spec), log));
  return std::unique_ptr<const Tokenizer>(std::make_unique<BpeTokenizer>(std::move(tables)));
}

}  // namespace altteul::text

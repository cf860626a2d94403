// SPDX-License-Identifier: Apache-2.0

#include "text/tokenizer_json_steps.h"

#include <functional>
#include <utility>

#include "text/pattern.h"
#include "text/pre_tokenizer.h"

namespace altteul::text {
namespace {

using nlohmann::json;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr int kMaxNesting = 8;                           // published files nest sequences twice

Status Unsupported(std::string_view part, std::string_view what) {
  return Status(ErrorCode::kUnsupported,
                "tokenizer.json: " + std::string(part) + " " + std::string(what));
}

/// Calls `read` for the component, or for each in a Sequence, with its type.
Status ForEachComponent(const json& component, std::string_view part, const char* list, int depth,
                        const std::function<Status(const std::string&, const json&)>& read) {
  if (component.is_null()) return Status();
  ALT_ASSIGN_OR_RETURN(const std::string type, JsonString(component, "type", ""));
  if (type.empty()) {
    return Status(ErrorCode::kCorruptFile,
                  "tokenizer.json: a " + std::string(part) + " without a type");
  }
  if (type != "Sequence") return read(type, component);
  const json* children = JsonMember(component, list);
  if (children == nullptr || !children->is_array()) {
    return Status(ErrorCode::kCorruptFile,
                  "tokenizer.json: a Sequence of the " + std::string(part) + " without " + list);
  }
  if (depth >= kMaxNesting) return Unsupported(part, "nests sequences more than 8 deep");
  for (const json& child : *children) {
    ALT_RETURN_IF_ERROR(ForEachComponent(child, part, list, depth + 1, read));
  }
  return Status();
}

/// {"String": "..."} or {"Regex": "..."} as a pattern.
Result<std::string> ReadPattern(const json& component, std::string_view part) {
  const json* pattern = JsonMember(component, "pattern");
  if (pattern == nullptr) {
    return Status(ErrorCode::kCorruptFile,
                  "tokenizer.json: a " + std::string(part) + " without a pattern");
  }
  ALT_ASSIGN_OR_RETURN(std::string regex, JsonString(*pattern, "Regex", ""));
  if (!regex.empty()) return regex;
  ALT_ASSIGN_OR_RETURN(const std::string literal, JsonString(*pattern, "String", ""));
  if (literal.empty()) return Unsupported(part, "has an empty pattern");
  return Pattern::Quote(literal);
}

Result<SplitBehavior> ReadBehavior(const json& component, std::string_view absent) {
  ALT_ASSIGN_OR_RETURN(const std::string name, JsonString(component, "behavior", absent));
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return Unsupported("pre_tokenizer", "has the unknown behavior \"" + name + "\"");
}

/// "always", "first" or "never"; older files have add_prefix_space instead.
Result<std::string> ReadPrependScheme(const json& component) {
  ALT_ASSIGN_OR_RETURN(const bool add_prefix, JsonBool(component, "add_prefix_space", true));
  ALT_ASSIGN_OR_RETURN(std::string scheme,
                       JsonString(component, "prepend_scheme", add_prefix ? "always" : "never"));
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return Unsupported("Metaspace", "has the unknown prepend_scheme \"" + scheme + "\"");
  }
  ALT_ASSIGN_OR_RETURN(const std::string mark, JsonString(component, "replacement", kSpaceMark));
  if (mark != kSpaceMark) return Unsupported("Metaspace", "replaces spaces by \"" + mark + "\"");
  return scheme;
}

/// A prefix is put before each part of the text, so it cannot come after a cut.
Status AddPrefix(std::string_view type, std::string_view text, bool first_only,
                 TokenizerSpec& spec) {
  if (!spec.pre_patterns.empty() || spec.piece_prefix) {
    return Unsupported("pre_tokenizer", std::string(type) + " adds a prefix after another step");
  }
  spec.piece_prefix = PiecePrefix{.text = std::string(text), .first_piece_only = first_only};
  return Status();
}

Status ReadByteLevel(const json& component, TokenizerSpec& spec) {
  ALT_ASSIGN_OR_RETURN(const bool prefix, JsonBool(component, "add_prefix_space", true));
  ALT_ASSIGN_OR_RETURN(const bool use_regex, JsonBool(component, "use_regex", true));
  if (prefix) ALT_RETURN_IF_ERROR(AddPrefix("ByteLevel", " ", false, spec));
  if (prefix) spec.strip_first_space = true;
  if (use_regex) {
    const auto gpt2 = PrePatternsByName("gpt2");
    spec.pre_patterns.insert(spec.pre_patterns.end(), gpt2->begin(), gpt2->end());
  }
  spec.model = TokenizerSpec::Model::kByteLevelBpe;
  return Status();
}

Status ReadMetaspace(const json& component, TokenizerSpec& spec) {
  ALT_ASSIGN_OR_RETURN(const std::string scheme, ReadPrependScheme(component));
  ALT_ASSIGN_OR_RETURN(const bool split, JsonBool(component, "split", true));
  // The replacement is done with the normalizing, which must come to the same.
  if (!spec.pre_patterns.empty()) {
    return Unsupported("pre_tokenizer", "Metaspace stands after another step");
  }
  spec.normalizers.push_back(
      {.kind = NormalizeStep::Kind::kReplace, .pattern = " ", .text = std::string(kSpaceMark)});
  if (scheme != "never") {
    ALT_RETURN_IF_ERROR(AddPrefix("Metaspace", kSpaceMark, scheme == "first", spec));
  }
  if (split) {
    spec.pre_patterns.push_back({.pattern = Pattern::Quote(kSpaceMark),
                                 .behavior = SplitBehavior::kMergedWithNext,
                                 .invert = false});
  }
  return Status();
}

Status ReadSplit(const json& component, TokenizerSpec& spec) {
  ALT_ASSIGN_OR_RETURN(std::string pattern, ReadPattern(component, "pre_tokenizer Split"));
  ALT_ASSIGN_OR_RETURN(const SplitBehavior behavior, ReadBehavior(component, "Isolated"));
  ALT_ASSIGN_OR_RETURN(const bool invert, JsonBool(component, "invert", false));
  spec.pre_patterns.push_back(
      {.pattern = std::move(pattern), .behavior = behavior, .invert = invert});
  return Status();
}

Status ReadOnePreTokenizer(const std::string& type, const json& component, TokenizerSpec& spec) {
  const auto add = [&](const char* pattern, SplitBehavior behavior) {
    spec.pre_patterns.push_back({.pattern = pattern, .behavior = behavior, .invert = false});
    return Status();
  };
  if (spec.model == TokenizerSpec::Model::kByteLevelBpe) {
    return Unsupported("pre_tokenizer", type + " stands after ByteLevel");
  }
  if (type == "ByteLevel") return ReadByteLevel(component, spec);
  if (type == "Metaspace") return ReadMetaspace(component, spec);
  if (type == "Split") return ReadSplit(component, spec);
  if (type == "Digits") {
    ALT_ASSIGN_OR_RETURN(const bool each, JsonBool(component, "individual_digits", false));
    return add(R"(\p{N})", each ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (type == "Punctuation") {
    ALT_ASSIGN_OR_RETURN(const SplitBehavior behavior, ReadBehavior(component, "Isolated"));
    return add(R"([\p{P}!-/:-@\[-`{-~])", behavior);
  }
  if (type == "WhitespaceSplit") return add(R"(\s)", SplitBehavior::kRemoved);
  if (type == "Whitespace") {
    spec.pre_patterns.push_back({.pattern = R"([\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}]+)"
                                            R"(|[^\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\s]+)",
                                 .behavior = SplitBehavior::kRemoved,
                                 .invert = true});
    return Status();
  }
  return Unsupported("pre_tokenizer", "\"" + type + "\" is not supported");
}

Status ReadOneNormalizer(const std::string& type, const json& component, TokenizerSpec& spec) {
  using Kind = NormalizeStep::Kind;
  constexpr std::pair<std::string_view, Kind> kForms[] = {
      {"NFC", Kind::kNfc}, {"NFD", Kind::kNfd}, {"NFKC", Kind::kNfkc}, {"NFKD", Kind::kNfkd}};
  for (const auto& [name, kind] : kForms) {
    if (type != name) continue;
    spec.normalizers.push_back({.kind = kind, .pattern = "", .text = ""});
    return Status();
  }
  if (type == "Prepend") {
    ALT_ASSIGN_OR_RETURN(std::string prefix, JsonString(component, "prepend", kSpaceMark));
    spec.normalizers.push_back({.kind = Kind::kPrepend, .pattern = "", .text = std::move(prefix)});
    return Status();
  }
  if (type == "Replace") {
    ALT_ASSIGN_OR_RETURN(std::string pattern, ReadPattern(component, "normalizer Replace"));
    ALT_ASSIGN_OR_RETURN(std::string content, JsonString(component, "content", ""));
    spec.normalizers.push_back(
        {.kind = Kind::kReplace, .pattern = std::move(pattern), .text = std::move(content)});
    return Status();
  }
  return Unsupported("normalizer", "\"" + type + "\" is not supported");
}

Status ReadOneDecoder(const std::string& type, const json& component, TokenizerSpec& spec) {
  // Bytes, fusing and U+2581 are what decoding here does anyway.
  if (type == "ByteLevel" || type == "ByteFallback" || type == "Fuse") return Status();
  if (type == "Metaspace") {
    ALT_ASSIGN_OR_RETURN(const std::string scheme, ReadPrependScheme(component));
    if (scheme != "never") spec.strip_first_space = true;
    return Status();
  }
  if (type == "Replace") {
    ALT_ASSIGN_OR_RETURN(const std::string pattern, ReadPattern(component, "decoder Replace"));
    ALT_ASSIGN_OR_RETURN(const std::string content, JsonString(component, "content", ""));
    if (pattern == kSpaceMark && content == " ") return Status();
    return Unsupported("decoder", "replaces \"" + pattern + "\" by \"" + content + "\"");
  }
  if (type == "Strip") {
    ALT_ASSIGN_OR_RETURN(const std::string content, JsonString(component, "content", " "));
    const json* start = JsonMember(component, "start");
    const json* stop = JsonMember(component, "stop");
    const bool stops = stop != nullptr && *stop != 0;
    if (content != " " || stops || start == nullptr || (*start != 0 && *start != 1)) {
      return Unsupported("decoder", "strips something other than one leading space");
    }
    if (*start == 1) spec.strip_first_space = true;
    return Status();
  }
  return Unsupported("decoder", "\"" + type + "\" is not supported");
}

Status ReadTemplate(const json& component, AroundText& around) {
  const json* single = JsonMember(component, "single");
  if (single == nullptr || !single->is_array()) {
    return Status(ErrorCode::kCorruptFile,
                  "tokenizer.json: post_processor TemplateProcessing without single");
  }
  bool text_seen = false;
  for (const json& item : *single) {
    if (JsonMember(item, "Sequence") != nullptr) {
      text_seen = true;
      continue;
    }
    const json* special = JsonMember(item, "SpecialToken");
    if (special == nullptr) return Unsupported("post_processor", "has an item that is no token");
    ALT_ASSIGN_OR_RETURN(const std::string id, JsonString(*special, "id", ""));
    std::string& place = text_seen ? around.after : around.before;
    if (!place.empty()) {
      return Unsupported("post_processor", "adds two tokens on one side of the text");
    }
    place = id;
  }
  return Status();
}

Status ReadOnePostProcessor(const std::string& type, const json& component, AroundText& around) {
  if (type == "ByteLevel") return Status();  // trims offsets, which nobody asks for
  if (type == "TemplateProcessing") return ReadTemplate(component, around);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    const std::pair<const char*, std::string*> sides[] = {{"cls", &around.before},
                                                          {"sep", &around.after}};
    for (const auto& [key, place] : sides) {
      const json* token = JsonMember(component, key);
      if (token != nullptr && token->is_array() && !token->empty() && (*token)[0].is_string()) {
        *place = (*token)[0].get<std::string>();
      }
    }
    return Status();
  }
  return Unsupported("post_processor", "\"" + type + "\" is not supported");
}

}  // namespace

const json* JsonMember(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<bool> JsonBool(const json& object, const char* key, bool absent) {
  const json* member = JsonMember(object, key);
  if (member == nullptr) return absent;
  if (!member->is_boolean()) {
    return Status(ErrorCode::kCorruptFile, "\"" + std::string(key) + "\" is not true or false");
  }
  return member->get<bool>();
}

Result<std::string> JsonString(const json& object, const char* key, std::string_view absent) {
  const json* member = JsonMember(object, key);
  if (member == nullptr) return std::string(absent);
  if (!member->is_string()) {
    return Status(ErrorCode::kCorruptFile, "\"" + std::string(key) + "\" is not a string");
  }
  return member->get<std::string>();
}

Status ReadNormalizer(const json& component, TokenizerSpec& spec) {
  return ForEachComponent(
      component, "normalizer", "normalizers", 0,
      [&](const std::string& type, const json& one) { return ReadOneNormalizer(type, one, spec); });
}

Status ReadPreTokenizer(const json& component, TokenizerSpec& spec) {
  return ForEachComponent(component, "pre_tokenizer", "pretokenizers", 0,
                          [&](const std::string& type, const json& one) {
                            return ReadOnePreTokenizer(type, one, spec);
                          });
}

Status ReadDecoder(const json& component, TokenizerSpec& spec) {
  return ForEachComponent(
      component, "decoder", "decoders", 0,
      [&](const std::string& type, const json& one) { return ReadOneDecoder(type, one, spec); });
}

Status ReadPostProcessor(const json& component, AroundText& around) {
  return ForEachComponent(component, "post_processor", "processors", 0,
                          [&](const std::string& type, const json& one) {
                            return ReadOnePostProcessor(type, one, around);
                          });
}

}  // namespace altteul::text

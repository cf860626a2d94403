// SPDX-License-Identifier: Apache-2.0

#include "tools/card_license.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "formats/gguf.h"

namespace altteul::tools {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostOfText = size_t{64} << 10;

/// The lines between the two "---", without their ends.
std::vector<std::string_view> HeadLines(std::string_view card) {
  std::vector<std::string_view> lines;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (card.starts_with(kByteOrderMark)) card.remove_prefix(kByteOrderMark.size());
  for (bool first = true; !card.empty(); first = false) {
    const size_t end = std::min(card.find('\n'), card.size());
    std::string_view line = card.substr(0, end);
    card.remove_prefix(std::min(end + 1, card.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool is_border = Trim(line) == "---" && line.starts_with('-');
    if (first && !is_border) return {};
    if (first) continue;
    if (is_border) return lines;
    lines.push_back(line);
  }
  return {};  // a head without an end is none
}

/// A word or quoted text, without a comment behind it. @param rest  what follows it
std::string TakeScalar(std::string_view text, std::string_view ends, std::string_view* rest) {
  text = Trim(text);
  *rest = {};
  if (text.empty() || text.front() == '#') return "";
  std::string value;
  if (const char quote = text.front(); quote == '"' || quote == '\'') {
    size_t at = 1;
    for (; at < text.size(); ++at) {
      const char next = at + 1 < text.size() ? text[at + 1] : '\0';
      const bool is_escape = quote == '"' ? text[at] == '\\' : text[at] == quote && next == quote;
      if (text[at] == quote && !is_escape) break;
      if (is_escape) ++at;
      if (at < text.size()) value += text[at];
    }
    *rest = text.substr(std::min(at + 1, text.size()));
    return value;
  }
  size_t end = std::min(text.find_first_of(ends), text.size());
  end = std::min({end, text.find(" #"), text.find("\t#")});
  *rest = text.substr(end);
  return std::string(Trim(text.substr(0, end)));
}

/// "[a, 'b c']"
std::vector<std::string> FlowList(std::string_view text) {
  std::vector<std::string> values;
  text.remove_prefix(1);
  while (!text.empty()) {
    std::string_view rest;
    std::string value = TakeScalar(text, ",]", &rest);
    if (!value.empty()) values.push_back(std::move(value));
    rest = Trim(rest);
    if (rest.empty() || rest.front() != ',') break;
    text = rest.substr(1);
  }
  return values;
}

bool IsIndented(std::string_view line) {
  return line.empty() || line.front() == ' ' || line.front() == '\t';
}

/// Lines below a key that are part of its value, joined. @param joint  a blank or a new line
std::string Joined(std::span<const std::string_view> lines, char joint) {
  std::string text;
  for (const std::string_view line : lines) {
    if (!IsIndented(line)) break;
    const std::string_view part = Trim(line);
    if (part.empty()) continue;
    if (!text.empty()) text += joint;
    text += part;
  }
  return text;
}

/// "- a" on lines of their own, indented or not.
std::vector<std::string> BlockList(std::span<const std::string_view> lines) {
  std::vector<std::string> values;
  for (const std::string_view line : lines) {
    std::string_view item = Trim(line), rest;
    if (item.empty() || item.front() == '#') continue;
    if (!item.starts_with("- ") && item != "-") break;
    std::string value = TakeScalar(item.substr(1), "", &rest);
    if (!value.empty()) values.push_back(std::move(value));
  }
  return values;
}

std::string FirstOf(const std::vector<std::string>& values) {
  return values.empty() ? "" : values.front();
}

void ReadFolder(const fs::path& folder, CardLicense* license) {
  const std::string card = ReadBeginning((folder / "README.md").string(), kMostOfText);
  license->ids = CardValues(card, "license");
  license->name = FirstOf(CardValues(card, "license_name"));
  license->link = FirstOf(CardValues(card, "license_link"));
  for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt",
                           "LICENCE.md", "COPYING", "license", "license.txt", "license.md"}) {
    if (!license->text.empty()) break;
    TakeText(ReadBeginning((folder / name).string(), kMostOfText + 1), kMostOfText, license);
  }
}

void ReadGguf(const formats::GgufFile& file, CardLicense* license) {
  const auto text_of = [&](const char* key) -> std::string {
    const auto text = file.GetString(key);
    return text.ok() && text.value() ? std::string(Trim(*text.value())) : "";
  };
  if (std::string id = text_of("general.license"); !id.empty()) {
    license->ids.push_back(std::move(id));
  }
  license->name = text_of("general.license.name");
  license->link = text_of("general.license.link");
}

}  // namespace

std::string ReadBeginning(const std::string& path, size_t most_bytes) {
  std::ifstream in(path, std::ios::binary);
  std::string text(most_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

std::vector<std::string> CardValues(std::string_view card, std::string_view key) {
  const std::vector<std::string_view> lines = HeadLines(card);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with(key) || !lines[i].substr(key.size()).starts_with(':')) continue;
    const std::string_view value = Trim(lines[i].substr(key.size() + 1));
    const auto below = std::span(lines).subspan(i + 1);
    if (value.starts_with('>') || value.starts_with('|')) {
      std::string text = Joined(below, value.front() == '>' ? ' ' : '\n');
      return text.empty() ? std::vector<std::string>() : std::vector{std::move(text)};
    }
    if (value.starts_with('[')) {  // may go on below
      return FlowList(std::string(value) + " " + Joined(below, ' '));
    }
    std::string_view rest;
    std::string word = TakeScalar(value, "", &rest);
    if (word.empty()) {
      if (auto values = BlockList(below); !values.empty()) return values;
    }
    // A text without quotes may go on below, too.
    const bool is_quoted = value.starts_with('"') || value.starts_with('\'');
    const std::string more = is_quoted || !rest.empty() ? "" : Joined(below, ' ');
    if (!more.empty()) word += (word.empty() ? "" : " ") + more;
    if (word.empty() || word == "null" || word == "~") return {};
    return {std::move(word)};
  }
  return {};
}

void TakeText(std::string text, size_t most_bytes, CardLicense* license) {
  license->is_cut = text.size() > most_bytes;
  if (license->is_cut) {
    text.resize(most_bytes);
    if (const size_t line = text.rfind('\n'); line != text.npos) text.resize(line + 1);
  }
  std::erase(text, '\0');
  // What is no UTF-8 becomes U+FFFD on the way through JSON, which knows how.
  using nlohmann::json;
  license->text = json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace))
                      .get<std::string>();
  license->is_mended = license->text != text;
}

CardLicense LicenseOf(const model::Checkpoint& source) {
  CardLicense license;
  if (source.gguf() != nullptr) {
    ReadGguf(*source.gguf(), &license);
  } else {
    ReadFolder(source.path(), &license);
  }
  return license;
}

}  // namespace altteul::tools

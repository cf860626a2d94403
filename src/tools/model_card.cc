// SPDX-License-Identifier: Apache-2.0

#include "tools/model_card.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include "base/human_units.h"
#include "formats/atomic_file.h"
#include "formats/gguf.h"
#include "tools/compress_warnings.h"

namespace altteul::tools {
namespace {

namespace fs = std::filesystem;

// The line by which a page of ours is known again.
constexpr std::string_view kMark =
    "<!-- Written by altteul compress, which replaces pages that have this line. -->";
constexpr size_t kMostOfText = size_t{64} << 10;  // of a file that is looked into
constexpr size_t kMostOfIdentifier = 40;
constexpr std::string_view kHub = "https://huggingface.co/";

/// The beginning of a text file; empty when it cannot be read.
std::string ReadBeginning(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMostOfText, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\"'";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The licence in the YAML at the head of a folder's own card.
std::string LicenseOfCard(const std::string& card) {
  if (!card.starts_with("---")) return "";
  constexpr std::string_view kKey = "\nlicense:";
  const size_t end = card.find("\n---", 3);
  const size_t at = card.find(kKey);
  if (end == card.npos || at >= end) return "";
  const size_t value = at + kKey.size();
  return std::string(Trimmed(std::string_view(card).substr(value, card.find('\n', value) - value)));
}

bool IsRepository(std::string_view name) {
  const auto is_letter = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  const auto begins = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const size_t slash = name.find('/');
  return slash != name.npos && slash + 1 < name.size() && begins(name[0]) &&
         begins(name[slash + 1]) &&
         std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(slash), is_letter) &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(slash) + 1, name.end(), is_letter);
}

/// "hf:OWNER/NAME:FILE", or a path through the hub's cache,
/// ".../models--OWNER--NAME/snapshots/...".
std::string RepositoryOfName(const std::string& name) {
  constexpr std::string_view kScheme = "hf:", kFolder = "models--";
  if (name.starts_with(kScheme)) {
    const std::string rest = name.substr(kScheme.size());
    const std::string repository = rest.substr(0, rest.find_first_of(":@"));
    return IsRepository(repository) ? repository : "";
  }
  for (const fs::path& part : fs::path(name)) {
    const std::string folder = part.string();
    const size_t between = folder.find("--", kFolder.size());
    if (!folder.starts_with(kFolder) || between == folder.npos) continue;
    const std::string repository =
        folder.substr(kFolder.size(), between - kFolder.size()) + "/" + folder.substr(between + 2);
    if (IsRepository(repository)) return repository;
  }
  return "";
}

std::string RepositoryOfFile(const model::Checkpoint& source) {
  if (source.gguf() == nullptr) return "";
  for (const char* key : {"general.source.huggingface.repository", "general.source.repo_url",
                          "general.source.url", "general.repo_url"}) {
    const auto text = source.gguf()->GetString(key);
    if (!text.ok() || !text.value()) continue;
    std::string_view repository = *text.value();
    if (repository.starts_with(kHub)) repository.remove_prefix(kHub.size());
    if (IsRepository(repository)) return std::string(repository);
  }
  return "";
}

/// Lower case, when it is one that hubs may know: "apache-2.0".
std::optional<std::string> IdentifierOf(const std::string& license) {
  std::string lower(license);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool is_identifier =
      !lower.empty() && lower.size() <= kMostOfIdentifier &&
      std::all_of(lower.begin(), lower.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
      });
  return is_identifier ? std::optional(lower) : std::nullopt;
}

/// Quoted as JSON does, which YAML reads alike.
std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A block of text that nothing in it can end.
std::string Fenced(const std::string& text) {
  std::string fence = "```";
  while (text.find(fence) != text.npos) fence += '`';
  return fence + "text\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

/// A cell or a sentence cannot be left, whatever stands in it.
std::string Plain(const std::string& text) {
  constexpr std::string_view kSpecial = "\\`*_[]<>|#";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != kSpecial.npos) out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

std::string NameOf(const std::string& path) { return fs::path(path).filename().string(); }

using Rows = std::vector<std::vector<std::string>>;

std::string Table(const std::vector<std::string>& head, const Rows& rows) {
  const auto line = [](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (const std::string& cell : cells) text += " " + cell + " |";
    return text + "\n";
  };
  std::string text = line(head) + line(std::vector<std::string>(head.size(), "---"));
  for (const auto& row : rows) text += line(row);
  return text + "\n";
}

std::string FrontMatter(const CompressionRecord& record, const CardSource& source) {
  std::string text = "---\n";
  if (!source.repository.empty()) {
    text += "base_model: " + Quoted(source.repository) + "\nbase_model_relation: quantized\n";
  }
  if (const auto identifier = IdentifierOf(source.license)) {
    text += "license: " + Quoted(*identifier) + "\n";
  } else if (!source.license.empty() || !source.license_text.empty()) {
    text += "license: other\n";
  }
  return text + "quantized_by: " + Quoted("Altteul " + record.version) +
         "\ntags:\n- gguf\n- altteul\n---\n";
}

std::string Losses(const CompressionRecord& record) {
  std::string text = "## What was lost\n\n";
  if (!record.judgement) {
    return text + "Not measured. This does it:\n\n" +
           Fenced("altteul eval " + NameOf(record.out) + " --reference SOURCE --text FILE");
  }
  Rows rows;
  for (const JudgedText& judged : record.judgement->texts) {
    const eval::Evaluation& e = judged.evaluation;
    rows.push_back(
        {Plain(judged.name), FormatCount(e.scored_tokens), FormatFixed(*e.perplexity_reference, 3),
         FormatFixed(e.perplexity, 3),
         FormatFixed(e.divergence->mean, 5) + " ± " + FormatFixed(e.divergence->stderr_, 5),
         FormatFixed(100 * e.divergence->same_top, 2) + " %"});
  }
  return text +
         Table({"text", "tokens scored", "perplexity before", "after", "KL divergence",
                "same top token"},
               rows) +
         "KL divergence from the source's answers in nats a token: 0 is no loss.\n\n";
}

std::string Types(const compress::RecodeReport& recoded) {
  struct Sum {
    size_t tensors = 0;
    uint64_t bytes = 0;
  };
  std::map<DType, Sum> sums;
  uint64_t all = 0;
  for (const auto& tensor : recoded.tensors) {
    ++sums[tensor.to].tensors;
    sums[tensor.to].bytes += tensor.to_bytes;
    all += tensor.to_bytes;
  }
  std::vector<std::pair<DType, Sum>> ordered(sums.begin(), sums.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  Rows rows;
  for (const auto& each : ordered) {
    const Sum& sum = each.second;
    rows.push_back(
        {std::string(TraitsOf(each.first).name), FormatCount(sum.tensors), FormatCount(sum.bytes),
         FormatFixed(100 * static_cast<double>(sum.bytes) / static_cast<double>(all), 1) + " %"});
  }
  return "## Types\n\n" + Table({"type", "tensors", "bytes", "share"}, rows);
}

std::string Remarks(const compress::RecodeReport& recoded) {
  std::vector<std::string> sentences = ExactSentences(recoded);
  for (std::string& warning : WarningsOf(recoded)) sentences.push_back(std::move(warning));
  if (sentences.empty()) return "";
  std::string text;
  for (const std::string& each : sentences) text += "- " + Plain(each) + "\n";
  return text + "\n";
}

std::string Making(const CompressionRecord& record) {
  Rows rows;
  for (const FileDigest& file : record.source_files) {
    rows.push_back({"source", Plain(file.name), "`" + file.sha256 + "`"});
  }
  rows.push_back({"result", Plain(NameOf(record.out)), "`" + record.result_sha256 + "`"});
  if (record.calibration) {
    rows.push_back({"calibration text", Plain(record.calibration->file),
                    "`" + record.calibration->sha256 + "`"});
  }
  if (record.imatrix) {
    rows.push_back({"importance matrix", Plain(NameOf(record.imatrix->file)),
                    "`" + record.imatrix->sha256 + "`"});
  }
  return "## How it was made\n\nBy Altteul " + Plain(record.version) + ":\n\n" +
         Fenced(record.command) + "\n" + Table({"", "file", "SHA-256"}, rows);
}

std::string License(const CardSource& source) {
  std::string text = "## Licence\n\n";
  if (source.license.empty() && source.license_text.empty()) {
    return text + "The source states none; see where it comes from.\n";
  }
  if (const auto identifier = IdentifierOf(source.license)) {
    text += "That of the source: " + Plain(source.license) + ".\n";
  } else if (!source.license.empty()) {
    text += "That of the source:\n\n" + Fenced(source.license);
  }
  return source.license_text.empty() ? text : text + "\n" + Fenced(source.license_text);
}

}  // namespace

std::string CardPathOf(const std::string& out) {
  constexpr std::string_view kEnding = ".gguf";
  const bool ends = out.ends_with(kEnding);
  return (ends ? out.substr(0, out.size() - kEnding.size()) : out) + ".md";
}

CardSource CardSourceOf(const model::Checkpoint& source, const std::string& asked_for) {
  CardSource card;
  card.repository = RepositoryOfName(asked_for);
  if (card.repository.empty()) card.repository = RepositoryOfName(source.path());
  if (card.repository.empty()) card.repository = RepositoryOfFile(source);
  card.license = source.License();
  if (source.gguf() != nullptr) return card;
  const fs::path folder(source.path());
  if (card.license.empty()) card.license = LicenseOfCard(ReadBeginning(folder / "README.md"));
  for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"}) {
    if (card.license_text.empty()) card.license_text = ReadBeginning(folder / name);
  }
  return card;
}

std::string ModelCard(const CompressionRecord& record, const CardSource& source) {
  const compress::RecodeReport& recoded = record.recoded;
  const std::string name = NameOf(record.out);
  std::string text = FrontMatter(record, source) + std::string(kMark) + "\n\n# " +
                     Plain(fs::path(name).stem().string()) + "\n\n";
  text += (source.repository.empty() ? "A model" : Plain(source.repository)) + " in " +
          FormatBytes(recoded.file_bytes) + ": " + FormatFixed(recoded.bits_per_weight, 2) +
          " bits a weight. The source has " + FormatBytes(recoded.source_bytes) + " and " +
          FormatFixed(recoded.source_bits_per_weight, 2) + " bits a weight.\n\n";
  text += Losses(record);
  text += "## How to run it\n\n" + Fenced("altteul run " + name + "\nllama-cli -m " + name) + "\n";
  return text + Types(recoded) + Remarks(recoded) + Making(record) + License(source);
}

Result<bool> WriteCard(const std::string& path, const std::string& card) {
  std::error_code ignored;
  if (fs::exists(path, ignored) && (!fs::is_regular_file(path, ignored) ||
                                    ReadBeginning(path).find(kMark) == std::string::npos)) {
    return false;
  }
  ALT_ASSIGN_OR_RETURN(formats::AtomicFile file, formats::AtomicFile::Create(path));
  ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(card))));
  ALT_RETURN_IF_ERROR(file.Commit());
  return true;
}

}  // namespace altteul::tools

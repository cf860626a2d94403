// SPDX-License-Identifier: Apache-2.0

#include "tools/model_card.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/human_units.h"
#include "formats/atomic_file.h"
#include "formats/gguf.h"
#include "tools/command_line.h"
#include "tools/compress_warnings.h"

namespace altteul::tools {
namespace {

namespace fs = std::filesystem;

// The line by which a page of ours is known again.
constexpr std::string_view kMark =
    "<!-- Written by altteul compress, which replaces pages that have this line. -->";
constexpr size_t kMostOfPage = size_t{64} << 10;  // that is looked into
constexpr size_t kMostOfIdentifier = 40;
constexpr std::string_view kHub = "https://huggingface.co/";

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
    std::string repository =
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
  const std::string lower = Lower(license);
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

/// Identifiers where all are such that hubs may know them; none else.
std::vector<std::string> IdentifiersOf(const CardLicense& license) {
  std::vector<std::string> identifiers;
  for (const std::string& id : license.ids) {
    const auto identifier = IdentifierOf(id);
    if (!identifier) return {};
    identifiers.push_back(*identifier);
  }
  return identifiers;
}

/// Where a licence can be read; empty for a path when nobody knows within what.
std::string LinkOf(const CardSource& source) {
  const std::string& link = source.license.link;
  if (link.empty() || link.starts_with("https://") || link.starts_with("http://")) return link;
  if (source.repository.empty() || link.find_first_of(" :\\\n") != link.npos) return "";
  const size_t name = link.starts_with("./") ? 2 : link.starts_with('/') ? 1 : 0;
  return std::string(kHub) + source.repository + "/blob/main/" + link.substr(name);
}

/// The fields of a card's head that hubs know.
std::string LicenseMatter(const CardSource& source) {
  const CardLicense& license = source.license;
  if (!license.IsStated()) return "";
  const std::vector<std::string> identifiers = IdentifiersOf(license);
  std::string text;
  if (identifiers.empty()) {
    text = "license: other\n";
  } else if (identifiers.size() == 1) {
    text = "license: " + Quoted(identifiers.front()) + "\n";
  } else {
    text = "license:\n";
    for (const std::string& each : identifiers) text += "- " + Quoted(each) + "\n";
  }
  if (!license.name.empty()) text += "license_name: " + Quoted(license.name) + "\n";
  if (const std::string link = LinkOf(source); !link.empty()) {
    text += "license_link: " + Quoted(link) + "\n";
  }
  return text;
}

std::string FrontMatter(const CompressionRecord& record, const CardSource& source) {
  std::string text = "---\n";
  if (!source.repository.empty()) {
    text += "base_model: " + Quoted(source.repository) + "\nbase_model_relation: quantized\n";
  }
  text += LicenseMatter(source);
  return text + "quantized_by: " + Quoted("Altteul " + record.version) +
         "\ntags:\n- gguf\n- altteul\n---\n";
}

/// A file as a shell and a program take it.
std::string FileWord(const std::string& name) {
  return ShellWord(name.starts_with('-') ? "./" + name : name);
}

std::string Losses(const CompressionRecord& record) {
  std::string text = "## What was lost\n\n";
  if (!record.judgement) {
    return text + "Not measured. This does it:\n\n" +
           Fenced("altteul eval " + FileWord(NameOf(record.out)) +
                  " --reference SOURCE --text FILE");
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
  const CardLicense& license = source.license;
  std::string text = "## Licence\n\n";
  if (!license.IsStated()) {
    return text + "The source states none; see where it comes from.\n";
  }
  if (!IdentifiersOf(license).empty()) {
    std::string names;
    for (const std::string& id : license.ids) names += (names.empty() ? "" : ", ") + Plain(id);
    if (!license.name.empty()) names += " (" + Plain(license.name) + ")";
    text += "That of the source: " + names + ".\n";
  } else {
    text += "That of the source" + (license.name.empty() ? "" : ": " + Plain(license.name));
    text += license.ids.empty() ? ".\n" : ":\n";
    for (const std::string& id : license.ids) text += "\n" + Fenced(id);
  }
  if (const std::string link = LinkOf(source); !link.empty()) {
    text += "\nIts text: <" + Quoted(link).substr(1, Quoted(link).size() - 2) + ">\n";
  }
  if (license.text.empty()) return text;
  text += "\n" + Fenced(license.text);
  if (license.is_cut) text += "\nCut here; the source's own file has the whole text.\n";
  if (license.is_mended) {
    text += "\nThe source's file is not in UTF-8; what could not be read stands as \uFFFD.\n";
  }
  return text;
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
  card.license = LicenseOf(source);
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
  text += "## How to run it\n\n" +
          Fenced("altteul run " + FileWord(name) + "\nllama-cli -m " + FileWord(name)) + "\n";
  return text + Types(recoded) + Remarks(recoded) + Making(record) + License(source);
}

Result<bool> WriteCard(const std::string& path, const std::string& card) {
  std::error_code ignored;
  if (fs::exists(path, ignored) &&
      (!fs::is_regular_file(path, ignored) ||
       ReadBeginning(path, kMostOfPage).find(kMark) == std::string::npos)) {
    return false;
  }
  ALT_ASSIGN_OR_RETURN(formats::AtomicFile file, formats::AtomicFile::Create(path));
  ALT_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(card))));
  ALT_RETURN_IF_ERROR(file.Commit());
  return true;
}

void WriteCardBeside(const CompressionRecord& record, const CardSource& source) {
  const std::string path = CardPathOf(record.out);
  const auto written = WriteCard(path, ModelCard(record, source));
  if (!written.ok()) {
    std::fprintf(stderr, "warning: the model is written, its card is not: %s\n",
                 written.status().message().c_str());
  } else if (!written.value()) {
    std::fprintf(stderr, "%s is there and not of altteul, so it stays; there is no card\n",
                 path.c_str());
  }
}

}  // namespace altteul::tools

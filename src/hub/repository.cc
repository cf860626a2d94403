// SPDX-License-Identifier: Apache-2.0

#include "hub/repository.h"

#include <algorithm>
#include <cctype>

namespace altteul::hub {
namespace {

constexpr size_t kMostIdPart = 96;     // the hub's own limit
constexpr size_t kMostFilePart = 255;  // of most file systems

bool IsAlnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Text of a stranger inside a sentence: no control characters, not too much of it.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, 120)) {
    quoted += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return quoted + (text.size() > 120 ? "...'" : "'");
}

Status Refused(std::string_view what, std::string_view text, const std::string& why) {
  return Status(ErrorCode::kInvalidArgument,
                Quoted(text) + " is no name of a " + std::string(what) + ": " + why);
}

/// @return what is wrong with a part of a repository's name; empty: nothing
std::string WrongWithIdPart(std::string_view part) {
  if (part.empty()) return "a part is empty";
  if (part.size() > kMostIdPart) return "a part has more than 96 bytes";
  const bool is_known = std::ranges::all_of(
      part, [](char c) { return IsAlnum(c) || c == '.' || c == '_' || c == '-'; });
  if (!is_known) return "it may hold letters, digits, '.', '_' and '-'";
  if (part.find("..") != part.npos || part.find("--") != part.npos) {
    return "'..' and '--' are not allowed";
  }
  const auto is_edge = [](char c) { return c == '.' || c == '-'; };
  if (is_edge(part.front()) || is_edge(part.back()))
    return "no part begins or ends with '.' or '-'";
  return "";
}

/// The same for a path whose parts become folders.
std::string WrongWithPath(std::string_view path) {
  const bool has_control = std::ranges::any_of(
      path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; });
  if (has_control) return "it holds a control character or a backslash";
  for (size_t begin = 0;;) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty()) return "a part between slashes is empty";
    if (part == "." || part == "..") return "'.' and '..' are not allowed";
    if (part.size() > kMostFilePart) return "a part has more than 255 bytes";
    if (end == path.size()) return "";
    begin = end + 1;
  }
}

}  // namespace

Result<Repository> ParseRepository(std::string_view id) {
  const size_t slash = id.find('/');
  std::string wrong;
  if (slash == id.npos) {
    wrong = WrongWithIdPart(id);
  } else {
    wrong = WrongWithIdPart(id.substr(0, slash));
    if (wrong.empty()) wrong = WrongWithIdPart(id.substr(slash + 1));
  }
  if (!wrong.empty()) return Refused("repository", id, wrong);
  return Repository{std::string(id)};
}

Status CheckRevision(std::string_view revision) {
  const std::string wrong = WrongWithPath(revision);
  return wrong.empty() ? Status() : Refused("revision", revision, wrong);
}

bool IsCommit(std::string_view revision) { return revision.size() == 40 && IsHex(revision); }

Status CheckFileName(std::string_view name) {
  const std::string wrong = WrongWithPath(name);
  return wrong.empty() ? Status() : Refused("file", name, wrong);
}

bool IsBlobHash(std::string_view hash) {
  return (hash.size() == 40 || hash.size() == 64) && IsHex(hash);
}

std::string UrlEncoded(std::string_view name) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : name) {
    if (IsAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace altteul::hub

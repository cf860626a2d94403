// SPDX-License-Identifier: Apache-2.0

#include "model/hf_chat_template.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "formats/json_file.h"
#include "formats/quote.h"
#include "tensor/buffer.h"

namespace altteul::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view kUsualName = "default";
constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kTemplateFolder = "additional_chat_templates";
constexpr const char* kKey = "chat_template";

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Result<std::string> ReadText(const fs::path& path) {
  ALT_ASSIGN_OR_RETURN(const Buffer file, Buffer::MapFile(path.string()));
  const auto bytes = file.bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void WarnOfNames(const std::string& place, std::vector<std::string> names, const LogSink& log) {
  if (!log || names.empty()) return;
  std::ranges::sort(names);
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + formats::Quote(name);
  }
  log(LogLevel::kWarning,
      place + ": the chat templates " + list + " are not used, because none is named default");
}

/// The value of "chat_template": a text, texts by name, or a list of {"name", "template"}.
std::string UsualTemplate(const json& value, const std::string& place, const LogSink& log) {
  if (value.is_string()) return value.get<std::string>();
  std::vector<std::string> names;
  const auto take = [&](const std::string& name, const json& text) -> std::optional<std::string> {
    if (!text.is_string()) return std::nullopt;
    if (name == kUsualName) return text.get<std::string>();
    names.push_back(name);
    return std::nullopt;
  };
  if (value.is_object()) {
    for (const auto& [name, text] : value.items()) {
      if (auto found = take(name, text)) return *found;
    }
  }
  if (value.is_array()) {
    for (const json& each : value) {
      if (!each.is_object() || !each.value("name", json()).is_string()) continue;
      if (auto found = take(each["name"], each.value("template", json()))) return *found;
    }
  }
  WarnOfNames(place, std::move(names), log);
  return "";
}

Result<std::string> TemplateOfKey(const fs::path& file, const LogSink& log) {
  if (!Exists(file)) return std::string();
  std::error_code ignored;
  if (fs::file_size(file, ignored) == 0) return std::string();  // holds no template
  ALT_ASSIGN_OR_RETURN(const json parsed,
                       formats::ReadJsonFile(file.string(), formats::kWrittenByPython, log));
  const auto found = parsed.is_object() ? parsed.find(kKey) : parsed.end();
  if (found == parsed.end()) return std::string();
  return UsualTemplate(*found, file.string(), log);
}

Result<std::string> TemplateOfFolder(const fs::path& folder, bool has_file, const LogSink& log) {
  const fs::path usual = folder / (std::string(kUsualName) + ".jinja");
  if (Exists(usual)) return ReadText(usual);
  if (has_file) return std::string();  // the file is the default one
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".jinja") names.push_back(it->path().stem().string());
  }
  WarnOfNames(folder.string(), std::move(names), log);
  return std::string();
}

/// The name in a text that is nothing but {% include 'name' %}.
std::optional<std::string> OnlyInclude(std::string_view text) {
  const auto trim = [&text] {
    constexpr std::string_view kSpaces = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
    text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
  };
  const auto take = [&text](std::string_view begin, std::string_view end) {
    if (text.size() < begin.size() + end.size()) return false;
    if (!text.starts_with(begin) || !text.ends_with(end)) return false;
    text = text.substr(begin.size(), text.size() - begin.size() - end.size());
    return true;
  };
  trim();
  if (!take("{%", "%}")) return std::nullopt;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.ends_with('-')) text.remove_suffix(1);
  trim();
  if (!take("include", "")) return std::nullopt;
  trim();
  if (!take("'", "'") && !take("\"", "\"")) return std::nullopt;
  if (text.find_first_of("'\"") != std::string_view::npos) return std::nullopt;
  return std::string(text);
}

Result<std::string> FindTemplate(const fs::path& folder, const LogSink& log) {
  const fs::path file = folder / kTemplateFile;
  const bool has_file = Exists(file);
  ALT_ASSIGN_OR_RETURN(std::string text, TemplateOfFolder(folder / kTemplateFolder, has_file, log));
  if (!text.empty()) return text;
  if (has_file) {
    ALT_ASSIGN_OR_RETURN(text, ReadText(file));
    if (!text.empty()) return text;
  }
  for (const char* name :
       {"tokenizer_config.json", "chat_template.json", "processor_config.json"}) {
    ALT_ASSIGN_OR_RETURN(text, TemplateOfKey(folder / name, log));
    if (!text.empty()) return text;
  }
  return text;
}

}  // namespace

Result<std::string> ReadHfChatTemplate(const std::string& folder, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(std::string text, FindTemplate(folder, log));
  // Any other include, and one of a file that is missing, is refused where the template is parsed.
  const fs::path file = fs::path(folder) / kTemplateFile;
  return OnlyInclude(text) == kTemplateFile && Exists(file) ? ReadText(file) : text;
}

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

#include "tools/ollama_chat.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "text/ollama_template.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

using nlohmann::json;
using text::ChatSource;

constexpr uintmax_t kMostLayerBytes = uintmax_t{1} << 20;  // of texts that a person wrote

Result<std::string> ReadLayer(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return Status(ErrorCode::kNotFound, path + ": " + error.message());
  if (bytes > kMostLayerBytes) {
    return Status(ErrorCode::kUnsupported,
                  path + ": has " + std::to_string(bytes) + " bytes, at most 1 MiB is read");
  }
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class LayerReader {
 public:
  LayerReader(const hub::StoredModel& stored, const LogSink& log) : stored_(stored), log_(log) {}

  ChatSource Read(const std::string& own_template) {
    ChatSource source{.chat_template = own_template};
    const hub::OllamaLayers& layers = stored_.layers;
    if (!layers.renderer.empty() && !own_template.empty()) {
      // Beside one stands a template that Ollama does not run, often only the prompt itself.
      Say(LogLevel::kInfo, "Ollama writes its chats by code of its own ('" + layers.renderer +
                               "'); here the chat template inside the file is used");
    } else if (!layers.chat_template.empty()) {
      std::string beside = Template(layers.chat_template, !own_template.empty());
      if (!beside.empty()) source.chat_template = Choose(own_template, std::move(beside));
    }
    if (!layers.system.empty()) source.system = Text(layers.system, "system message");
    if (!layers.parameters.empty()) source.stop = Stops(layers.parameters);
    for (const std::string& kind : layers.others) {
      Say(LogLevel::kWarning, "Ollama's layer '" + kind + "' of the model is not used");
    }
    return source;
  }

 private:
  void Say(LogLevel level, const std::string& sentence) const {
    if (log_) log_(level, Printable(stored_.name + ": " + sentence));
  }

  void NotUsed(const std::string& what, const Status& why) const {
    Say(LogLevel::kWarning, "Ollama's " + what + " is not used: " + why.message());
  }

  std::string Text(const std::string& path, const std::string& what) const {
    auto text = ReadLayer(path);
    if (text.ok()) return std::move(text).value();
    NotUsed(what, text.status());
    return "";
  }

  /// @param has_own  whether there is one inside the model in its place
  std::string Template(const std::string& path, bool has_own) const {
    const std::string what = "chat template";
    auto text = ReadLayer(path);
    if (!text.ok()) {
      NotUsed(what, text.status());
      return "";
    }
    if (text.value().empty()) return "";
    auto translated = text::TranslateOllamaTemplate(text.value());
    if (translated.ok()) return std::move(translated).value();
    const Status& why = translated.status();
    NotUsed(what + " " + path,
            Status(why.code(), why.message() + (has_own ? "; the one inside the file is" : "")));
    return "";
  }

  /// Ollama runs the layer, whose owner may have meant it against what the file says.
  std::string Choose(const std::string& own, std::string beside) const {
    if (own.empty()) return beside;
    if (text::WriteAlike(own, beside)) return own;  // and it may know of tools and variables
    Say(LogLevel::kInfo,
        "Ollama's chat template is used, as Ollama does; the one inside the file says something "
        "else (opened as " +
            stored_.path + " it is used)");
    return beside;
  }

  // Stop texts are used; settings of the sampler are this program's own.
  std::vector<std::string> Stops(const std::string& path) const {
    std::vector<std::string> stops;
    const std::string text = Text(path, "parameter layer");
    const json parameters = json::parse(text, nullptr, false);
    if (!parameters.is_object()) {
      if (!text.empty())
        Say(LogLevel::kWarning, "Ollama's parameters are not used: no JSON object");
      return stops;
    }
    std::string others;
    for (const auto& [name, value] : parameters.items()) {
      if (name != "stop") {
        others += (others.empty() ? "" : ", ") + name;
        continue;
      }
      for (const json& each : value.is_array() ? value : json::array({value})) {
        if (each.is_string() && each != "") stops.push_back(each.get<std::string>());
      }
    }
    if (!others.empty()) Say(LogLevel::kInfo, "Ollama's parameters are not used: " + others);
    return stops;
  }

  const hub::StoredModel& stored_;
  const LogSink& log_;
};

}  // namespace

ChatSource ChatSourceOf(const std::string& own_template, const hub::StoredModel& stored,
                        const LogSink& log) {
  return LayerReader(stored, log).Read(own_template);
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// altteul show MODEL: what is inside a file.

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "formats/gguf.h"
#include "model/checkpoint.h"
#include "model/family.h"
#include "report/table.h"
#include "text/chat_template.h"
#include "text/chat_variables.h"
#include "tools/chat.h"
#include "tools/command.h"
#include "tools/json_output.h"
#include "tools/model_pull.h"
#include "tools/runtime.h"
#include "tools/terminal_text.h"

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;

constexpr size_t kShownCharacters = 60;

// A metadata value as JSON; arrays as their type and length.
struct ToJson {
  ordered_json operator()(std::string_view text) const { return std::string(text); }
  ordered_json operator()(const formats::GgufArray& array) const {
    return {{"array_of", std::string(formats::GgufTypeName(array.element_type))},
            {"length", array.n_elements}};
  }
  template <typename T>
  ordered_json operator()(T value) const {
    return value;
  }
};

std::string Shorten(std::string text) {
  text = Printable(text);
  if (text.size() <= kShownCharacters) return text;
  size_t end = kShownCharacters;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;  // cut at a code point
  return text.substr(0, end) + "... (" + std::to_string(text.size()) + " bytes)";
}

struct TypeSum {
  uint64_t tensors = 0, elements = 0, bytes = 0;
};

class ShowCommand : public Command {
 public:
  std::string_view name() const override { return "show"; }
  std::string_view summary() const override { return "metadata, tensors by type, bits a weight"; }

  void AddOptions(CLI::App& app) override {
    app.add_option("model", model_, "GGUF file or Hugging Face folder")->required();
    app.add_flag("--tensors", list_tensors_, "every tensor, not only sums by type");
    app.add_flag("--json", json_, "one JSON object");
    AddPullFlag(app, &may_pull_);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(const std::string path, ModelPath(model_, may_pull_));
    ALT_ASSIGN_OR_RETURN(const auto file, model::Checkpoint::Open(path, StandardErrorLog()));
    const auto config = model::ReadConfig(*file, StandardErrorLog());
    const Result<TemplateFacts> chat = ReadTemplate(*file);
    TypeSum all;
    std::map<DType, TypeSum> by_type;
    for (const auto& tensor : file->tensors()) {
      for (TypeSum* sum : {&all, &by_type[tensor.view.type]}) {
        ++sum->tensors;
        sum->elements += tensor.view.shape.Elements();
        sum->bytes += tensor.view.bytes.size();
      }
    }
    if (json_) {
      PrintAsJson(*file, config, chat, by_type, all);
    } else {
      PrintAsText(*file, config, chat, by_type, all);
    }
    return Status();
  }

 private:
  static double BitsPerWeight(const TypeSum& sum) {
    return sum.elements == 0
               ? 0.0
               : 8.0 * static_cast<double>(sum.bytes) / static_cast<double>(sum.elements);
  }

  struct TemplateFacts {
    bool is_there = false;
    std::vector<std::string> variables;
  };

  Result<TemplateFacts> ReadTemplate(const model::Checkpoint& file) const {
    ALT_ASSIGN_OR_RETURN(const std::string own, file.ReadChatTemplate(StandardErrorLog()));
    const text::ChatSource source = FindChatSource(model_, own, StandardErrorLog());
    if (source.chat_template.empty()) return TemplateFacts();
    ALT_ASSIGN_OR_RETURN(const auto parsed, text::ChatTemplate::Parse(source.chat_template));
    return TemplateFacts{.is_there = true, .variables = text::ChosenVariables(parsed)};
  }

  static std::string Describe(const Result<TemplateFacts>& chat) {
    if (!chat.ok()) return "cannot be used: " + chat.status().message();
    if (!chat.value().is_there) return "none";
    std::string names;
    for (const std::string& name : chat.value().variables) {
      names += (names.empty() ? "" : ", ") + name;
    }
    return names.empty() ? "reads no variables" : "reads " + names;
  }

  void PrintAsJson(const model::Checkpoint& file, const Result<model::ModelConfig>& config,
                   const Result<TemplateFacts>& chat, const std::map<DType, TypeSum>& by_type,
                   const TypeSum& all) const {
    ordered_json out = {{"file", model_},
                        {"architecture", std::string(file.architecture())},
                        {"license", file.License()},
                        {"file_bytes", file.file_bytes()},
                        {"parameters", all.elements},
                        {"tensor_bytes", all.bytes},
                        {"bits_per_weight", BitsPerWeight(all)}};
    if (config.ok()) out["config"] = Describe(config.value());
    if (chat.ok() && chat.value().is_there) out["template_variables"] = chat.value().variables;
    if (!chat.ok()) out["template_error"] = chat.status().message();
    for (const auto& row : by_type) {
      out["types"][std::string(TraitsOf(row.first).name)] = {{"tensors", row.second.tensors},
                                                             {"parameters", row.second.elements},
                                                             {"bytes", row.second.bytes}};
    }
    if (file.gguf() != nullptr) {
      for (const formats::GgufEntry& entry : file.gguf()->metadata()) {
        out["metadata"][std::string(entry.key)] = std::visit(ToJson(), entry.value.held);
      }
    }
    if (list_tensors_) {
      for (const auto& tensor : file.tensors()) {
        out["tensors"].push_back({{"name", tensor.name},
                                  {"type", std::string(TraitsOf(tensor.view.type).name)},
                                  {"shape", tensor.view.shape.ToString()},
                                  {"bytes", tensor.view.bytes.size()}});
      }
    }
    PrintJson(out);
  }

  static ordered_json Describe(const model::ModelConfig& c) {
    using model::LayerPlan;
    const auto of = [&c](size_t (*value)(const LayerPlan&)) { return OfLayers(c, value); };
    return {{"layers", c.n_layers()},
            {"hidden", c.hidden},
            {"heads", of([](const LayerPlan& l) { return l.attention()->n_heads; })},
            {"kv_heads", of([](const LayerPlan& l) { return l.attention()->n_kv_heads; })},
            {"head_dim", of([](const LayerPlan& l) { return l.attention()->key_dim; })},
            {"ffn", of([](const LayerPlan& l) { return l.dense()->inner; })},
            {"vocabulary", c.vocabulary},
            {"context", c.context}};
  }

  /// One number where all layers have the same, else a list.
  static ordered_json OfLayers(const model::ModelConfig& config,
                               size_t (*value)(const model::LayerPlan&)) {
    std::vector<size_t> values;
    values.reserve(config.n_layers());
    for (const model::LayerPlan& layer : config.layers) values.push_back(value(layer));
    const bool same = std::equal(values.begin() + 1, values.end(), values.begin());
    return same ? ordered_json(values.front()) : ordered_json(values);
  }

  /// "16", or of layers that differ "16 (25 layers), 32 (5 layers)".
  static std::string InWords(const ordered_json& number) {
    if (!number.is_array()) return FormatCount(number.get<uint64_t>());
    std::map<uint64_t, size_t> layers_of;
    for (const auto& each : number) ++layers_of[each.get<uint64_t>()];
    std::string words;
    for (const auto& count : layers_of) {
      words += (words.empty() ? "" : ", ") + FormatCount(count.first) + " (" +
               std::to_string(count.second) + (count.second == 1 ? " layer)" : " layers)");
    }
    return words;
  }

  void PrintAsText(const model::Checkpoint& file, const Result<model::ModelConfig>& config,
                   const Result<TemplateFacts>& chat, const std::map<DType, TypeSum>& by_type,
                   const TypeSum& all) const {
    std::printf("%s\n", model_.c_str());
    report::Table facts({"what", "value"});
    facts.AddRow({"architecture", Printable(file.architecture())});
    const std::string license = file.License();
    facts.AddRow({"licence", license.empty() ? "not stated in the file" : Shorten(license)});
    if (config.ok()) {
      const ordered_json numbers = Describe(config.value());
      for (const auto& item : numbers.items()) {
        facts.AddRow({item.key(), InWords(item.value())});
      }
    } else {
      facts.AddRow({"cannot be run", Printable(config.status().message())});
    }
    facts.AddRow({"parameters", FormatCount(all.elements)});
    facts.AddRow({"file", FormatBytes(file.file_bytes())});
    facts.AddRow({"bits a weight", FormatFixed(BitsPerWeight(all), 2)});
    facts.AddRow({"chat template", Printable(Describe(chat))});
    std::printf("%s\n", facts.ToString().c_str());

    report::Table types({"type", "tensors", "parameters", "bytes", "bits a weight"});
    for (const auto& row : by_type) {
      types.AddRow({std::string(TraitsOf(row.first).name), std::to_string(row.second.tensors),
                    FormatCount(row.second.elements), FormatBytes(row.second.bytes),
                    FormatFixed(BitsPerWeight(row.second), 2)});
    }
    std::printf("%s\n", types.ToString().c_str());
    if (list_tensors_) PrintTensors(file);
    if (file.gguf() == nullptr) return;
    report::Table metadata({"key", "value"});
    for (const formats::GgufEntry& entry : file.gguf()->metadata()) {
      const ordered_json value = std::visit(ToJson(), entry.value.held);
      std::string text = value.is_string()
                             ? value.get<std::string>()
                             : value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
      if (value.is_object()) {
        text = FormatCount(value["length"].get<uint64_t>()) + " x " +
               value["array_of"].get<std::string>();
      }
      metadata.AddRow({Printable(entry.key), Shorten(std::move(text))});
    }
    std::printf("%s", metadata.ToString().c_str());
  }

  static void PrintTensors(const model::Checkpoint& file) {
    report::Table tensors({"tensor", "type", "shape", "bytes"});
    for (const auto& tensor : file.tensors()) {
      tensors.AddRow({Printable(tensor.name), std::string(TraitsOf(tensor.view.type).name),
                      tensor.view.shape.ToString(), FormatBytes(tensor.view.bytes.size())});
    }
    std::printf("%s\n", tensors.ToString().c_str());
  }

  std::string model_;
  bool list_tensors_ = false, json_ = false, may_pull_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeShow() { return std::make_unique<ShowCommand>(); }

}  // namespace altteul::tools

// altteul compress MODEL OUT --type TYPE: a smaller file, every weight rounded to the nearest code.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/human_units.h"
#include "compress/recode.h"
#include "report/table.h"
#include "tools/command.h"
#include "tools/json_output.h"
#include "tools/runtime.h"

namespace altteul::tools {
namespace {

class CompressCommand : public Command {
 public:
  std::string_view name() const override { return "compress"; }
  std::string_view summary() const override { return "write a model again in fewer bits"; }

  void AddOptions(CLI::App& app) override {
    app.add_option("model", model_, "GGUF file or Hugging Face folder")->required();
    app.add_option("out", out_, "the file to write")->required();
    app.add_option("--type", type_,
                   "for every matrix; the embedding and the head get at least Q8_0. One of " +
                       compress::WritableTypes())
        ->required();
    app.add_option("--only", only_,
                   "REGEX=TYPE: another type for tensors whose name matches; may be repeated, the "
                   "last match wins")
        ->allow_extra_args(false);
    CLI::Option* text = app.add_option(
        "--text", text_, "calibration text: weights are encoded for the inputs that it gives them");
    app.add_option("--chunks", chunks_, "with --text: chunks of 512 tokens used, 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str()
        ->needs(text);
    app.add_option("--damping", calibration_.damping,
                   "with --text: how far what the text does not show is trusted to stay")
        ->check(CLI::Range(1e-4, 1e4))
        ->capture_default_str()
        ->needs(text);
    app.add_option("--descents", calibration_.steps.descents,
                   "with --text: sweeps that move codes and scales after the first rounding")
        ->check(CLI::Range(0, 100))
        ->capture_default_str()
        ->needs(text);
    app.add_flag("!--no-feedback", calibration_.steps.feedback,
                 "with --text: columns do not make up for earlier ones")
        ->needs(text);
    app.add_flag("!--symmetric", calibration_.asymmetric,
                 "with --text: layers do not make up for earlier ones")
        ->needs(text);
    app.add_flag("--force", force_, "replace a file that is already there");
    app.add_flag("--json", json_, "one JSON object");
    compute_.AddTo(app);
  }

  Status Run() override {
    ALT_ASSIGN_OR_RETURN(const DType type, compress::ParseWritableType(type_));
    ALT_ASSIGN_OR_RETURN(const auto rules, compress::TypeRules::Create(type, only_));
    std::error_code ignored;
    if (!force_ && std::filesystem::exists(out_, ignored)) {
      return Status(ErrorCode::kInvalidArgument,
                    out_ + ": is already there; give another name or --force");
    }
    ALT_ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(compute_));
    ALT_ASSIGN_OR_RETURN(const auto source, model::Checkpoint::Open(model_));
    ALT_RETURN_IF_ERROR(compress::CheckRecode(*source, out_));
    ALT_ASSIGN_OR_RETURN(const compress::EncodedTensors calibrated, Calibrate(rules, *runtime));
    ALT_ASSIGN_OR_RETURN(const auto report,
                         compress::Recode(*source, rules, calibrated, out_, *runtime->team,
                                          TerminalProgress("writing tensor")));
    for (const std::string& tensor : report.left_out) {
      std::fprintf(stderr, "warning: %s: tensor %s is not used and was left out\n", model_.c_str(),
                   tensor.c_str());
    }
    if (json_) {
      PrintAsJson(report);
    } else {
      PrintAsText(report);
    }
    return Status();
  }

 private:
  /// Nothing without a text.
  Result<compress::EncodedTensors> Calibrate(const compress::TypeRules& rules, Runtime& runtime) {
    if (text_.empty()) return compress::EncodedTensors();
    ALT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(text_));
    ALT_ASSIGN_OR_RETURN(const auto model, Load(model_, runtime, kernels::Precision::kF32));
    size_t dropped = 0;
    ALT_ASSIGN_OR_RETURN(
        const auto ids,
        model->tokenizer->Encode(text, {.add_bos_eos = true, .n_dropped_bytes = &dropped}));
    WarnOfDroppedBytes(dropped);
    const size_t n =
        chunks_ == 0 ? ids.size() : std::min(ids.size(), chunks_ * calibration_.context);
    const auto choose = [&](std::string_view name, const TensorView& tensor) -> Result<DType> {
      ALT_ASSIGN_OR_RETURN(const auto choice, rules.For(name, tensor));
      return choice.type;
    };
    used_tokens_ = n / calibration_.context * calibration_.context;
    text_tokens_ = ids.size();
    return compress::EncodeCalibrated(*model, choose, std::span(ids).first(n), calibration_,
                                      *runtime.kernels, *runtime.team,
                                      TerminalProgress("encoding group"));
  }

  void PrintAsJson(const compress::RecodeReport& report) const {
    nlohmann::ordered_json out = {{"file", out_},
                                  {"bytes", report.file_bytes},
                                  {"bits_per_weight", report.bits_per_weight},
                                  {"source_bytes", report.source_bytes},
                                  {"source_bits_per_weight", report.source_bits_per_weight}};
    if (!text_.empty()) {
      out["calibration_tokens"] = used_tokens_;
      out["text_tokens"] = text_tokens_;
    }
    for (const auto& tensor : report.tensors) {
      nlohmann::ordered_json row = {{"name", tensor.name},
                                    {"from", std::string(TraitsOf(tensor.from).name)},
                                    {"to", std::string(TraitsOf(tensor.to).name)},
                                    {"bytes", tensor.to_bytes}};
      if (!tensor.note.empty()) row["note"] = tensor.note;
      out["tensors"].push_back(std::move(row));
    }
    PrintJson(out);
  }

  // One line for each kind of change, not one for each tensor.
  void PrintAsText(const compress::RecodeReport& report) const {
    struct Sum {
      size_t count = 0;
      uint64_t from_bytes = 0, to_bytes = 0;
    };
    std::map<std::pair<std::string, std::string>, Sum> kinds;
    for (const auto& tensor : report.tensors) {
      const std::string change =
          std::string(TraitsOf(tensor.from).name) + " to " + std::string(TraitsOf(tensor.to).name);
      Sum& sum = kinds[{change, tensor.note}];
      ++sum.count;
      sum.from_bytes += tensor.from_bytes;
      sum.to_bytes += tensor.to_bytes;
    }
    report::Table table({"tensors", "change", "before", "after", "why"});
    for (const auto& kind : kinds) {
      table.AddRow({std::to_string(kind.second.count), kind.first.first,
                    FormatBytes(kind.second.from_bytes), FormatBytes(kind.second.to_bytes),
                    kind.first.second});
    }
    std::printf("%s\n%s: %s, %s bits a weight (before: %s, %s bits a weight)\n",
                table.ToString().c_str(), out_.c_str(), FormatBytes(report.file_bytes).c_str(),
                FormatFixed(report.bits_per_weight, 2).c_str(),
                FormatBytes(report.source_bytes).c_str(),
                FormatFixed(report.source_bits_per_weight, 2).c_str());
    if (!text_.empty()) {
      std::printf("Calibrated on %s of the text's %s tokens\n", FormatCount(used_tokens_).c_str(),
                  FormatCount(text_tokens_).c_str());
    }
    std::printf("What was lost: altteul eval %s --reference %s --text FILE\n", out_.c_str(),
                model_.c_str());
  }

  std::string model_, out_, type_, text_;
  compress::CalibrationOptions calibration_;
  size_t chunks_ = 0;
  size_t used_tokens_ = 0, text_tokens_ = 0;
  std::vector<std::string> only_;
  bool force_ = false, json_ = false;
  ComputeOptions compute_;
};

}  // namespace

std::unique_ptr<Command> MakeCompress() { return std::make_unique<CompressCommand>(); }

}  // namespace altteul::tools

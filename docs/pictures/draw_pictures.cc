// SPDX-License-Identifier: Apache-2.0

// draw_pictures FOLDER [OUT]: the pictures of the READMEs, drawn by the program's own charts from
// the table in FOLDER, which holds figures of docs/measured.md. A test draws them again and
// compares.

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/csv_file.h"
#include "report/svg_chart.h"

namespace {

using altteul::Result;
using altteul::formats::CsvTable;
using altteul::report::ChartMark;
using altteul::report::SvgChart;

struct Words {
  const char* file;
  const char* title;
  const char* x;
  const char* y;
  const char* names[3];  // of the makers below, in their order
};

constexpr std::string_view kMakers[] = {"altteul", "llama.cpp", "llama.cpp smaller embedding"};

constexpr Words kWords[] = {
    {.file = "loss_by_size.svg",
     .title = "What a size costs: KL divergence of compressed SmolLM2 by size of the file, "
              "Altteul's below llama.cpp's at every size",
     .x = "size of the file [MB]; the original has 271",
     .y = "loss: KL divergence [nats a token], less is better",
     .names = {"Altteul, --size", "llama.cpp's presets, with an importance matrix",
               "the same, with a smaller type for the embedding"}},
    {.file = "loss_by_size.ko.svg",
     .title =
         "크기별 손실: 압축한 SmolLM2의 파일 크기와 KL 발산. 모든 크기에서 알뜰이 llama.cpp보다 "
         "덜 잃음",
     .x = "파일 크기 [MB], 원본은 271",
     .y = "손실: KL 발산 [nat/토큰], 낮을수록 좋음",
     .names = {"알뜰, --size", "llama.cpp의 기본 설정(중요도 행렬 사용)",
               "llama.cpp에서 임베딩까지 작은 자료형으로 바꾼 것"}},
};

std::optional<double> Number(const std::string& text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string Draw(const CsvTable& table, const Words& words) {
  SvgChart chart(words.title, {.label = words.x}, {.label = words.y, .logarithmic = true});
  for (size_t maker = 0; maker < std::size(kMakers); ++maker) {
    std::vector<ChartMark> marks;
    for (const auto& row : table.rows) {
      const auto field = [&](const char* name) { return row.fields[*table.Column(name)]; };
      if (field("by") != kMakers[maker]) continue;
      const double kl = Number(field("kl")).value();
      const double error = Number(field("kl_error")).value_or(0);
      marks.push_back({.at = {Number(field("file_mb")).value(), kl},
                       .label = field("label"),
                       .tooltip = field("file_mb") + " MB: " + field("kl"),
                       .low_y = kl - 2 * error,
                       .high_y = kl + 2 * error});
    }
    chart.AddMarks(words.names[maker], std::move(marks), maker == 0);
  }
  return chart.ToSvgFile();
}

}  // namespace

int main(int argc, char** argv) {
  const bool only_check = argc == 3 && std::string_view(argv[2]) == "--check";
  if (argc != 2 && !only_check) {
    std::fprintf(stderr, "usage: draw_pictures FOLDER [--check]\n");
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  const auto table = altteul::formats::ReadCsvFile(folder + "loss_by_size.csv");
  if (!table.ok()) {
    std::fprintf(stderr, "%s\n", table.status().message().c_str());
    return 1;
  }
  for (const Words& words : kWords) {
    const std::string path = folder + words.file, picture = Draw(table.value(), words);
    if (only_check) {
      std::ifstream file(path, std::ios::binary);
      if (picture != std::string(std::istreambuf_iterator<char>(file), {})) {
        std::fprintf(stderr, "%s is not what draw_pictures draws\n", path.c_str());
        return 1;
      }
      continue;
    }
    std::ofstream file(path, std::ios::binary);
    file << picture;
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s\n", path.c_str());
      return 1;
    }
  }
  return 0;
}

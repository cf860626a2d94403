// SPDX-License-Identifier: Apache-2.0

#include "tools/report_files.h"

#include <span>
#include <utility>

#include "tools/compress_json.h"
#include "tools/compress_page.h"
#include "tools/json_output.h"

namespace altteul::tools {

std::string ReportJsonOf(const std::string& page) {
  constexpr std::string_view kEnding = ".html";
  if (!page.ends_with(kEnding)) return "";
  return page.substr(0, page.size() - kEnding.size()) + ".json";
}

Result<ReportFiles> ReportFiles::Create(const std::string& page,
                                        const std::function<bool(const std::string&)>& may_write) {
  const std::string json = ReportJsonOf(page);
  if (json.empty()) {
    return Status(ErrorCode::kInvalidArgument,
                  "--report " + page + ": the name of a page ends in .html");
  }
  for (const std::string& name : {page, json}) {
    if (may_write(name)) continue;
    return Status(ErrorCode::kInvalidArgument,
                  name + ": is already there; give another name or --force");
  }
  ALT_ASSIGN_OR_RETURN(formats::AtomicFile page_file, formats::AtomicFile::Create(page));
  ALT_ASSIGN_OR_RETURN(formats::AtomicFile json_file, formats::AtomicFile::Create(json));
  return ReportFiles(std::move(page_file), std::move(json_file));
}

Status ReportFiles::Write(const CompressionRecord& record) {
  const std::string html = CompressionHtml(record);
  const std::string json = JsonLine(CompressionAsJson(record));
  ALT_RETURN_IF_ERROR(page_.Write(std::as_bytes(std::span(html))));
  ALT_RETURN_IF_ERROR(json_.Write(std::as_bytes(std::span(json))));
  ALT_RETURN_IF_ERROR(page_.Commit());
  return json_.Commit();
}

}  // namespace altteul::tools

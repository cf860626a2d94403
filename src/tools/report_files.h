// SPDX-License-Identifier: Apache-2.0

// The page that --report asks for and its JSON.

#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/status.h"
#include "formats/atomic_file.h"
#include "tools/compress_report.h"

namespace altteul::tools {

/// NAME.json beside NAME.html; empty for a name that ends otherwise.
std::string ReportJsonOf(const std::string& page);

class ReportFiles {
 public:
  /// Opened before the work, so that a wrong folder is told at once.
  /// @param page       NAME.html; the JSON is NAME.json
  /// @param may_write  whether a file of this name may be made or replaced
  /// @return kInvalidArgument for a name that ends otherwise or is there already, kIoError
  static Result<ReportFiles> Create(const std::string& page,
                                    const std::function<bool(const std::string&)>& may_write);

  /// Both appear whole or not at all.
  Status Write(const CompressionRecord& record);

 private:
  ReportFiles(formats::AtomicFile page, formats::AtomicFile json)
      : page_(std::move(page)), json_(std::move(json)) {}

  formats::AtomicFile page_, json_;
};

}  // namespace altteul::tools

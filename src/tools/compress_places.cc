// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_places.h"

#include <filesystem>
#include <system_error>

#include "compress/work_folder.h"
#include "formats/atomic_file.h"
#include "tools/model_card.h"

namespace altteul::tools {
namespace {

Status CheckImatrixPlace(const CompressOptions& options) {
  const std::string& name = options.write_imatrix;
  if (name.empty()) return Status();
  std::error_code ignored;
  if (name == options.out || std::filesystem::equivalent(name, options.model, ignored)) {
    return Status(ErrorCode::kInvalidArgument,
                  name + ": is the model itself; give the importance matrix another name");
  }
  if (options.card && name == CardPathOf(options.out)) {
    return Status(ErrorCode::kInvalidArgument,
                  name +
                      ": is where the model card goes; give the importance matrix another name "
                      "or --no-card");
  }
  // Made and thrown away.
  return formats::AtomicFile::Create(name).status();
}

}  // namespace

std::string WorkPathOf(const CompressOptions& options) { return options.out + ".work"; }

bool MayWrite(const CompressOptions& options, const std::string& name) {
  std::error_code ignored;
  if (options.force || !std::filesystem::exists(name, ignored)) return true;
  return options.resume && compress::WorkFolder::HasText(WorkPathOf(options), kWritingText);
}

Status CheckPlaces(const CompressOptions& options) {
  for (const std::string& name : {options.out, options.write_imatrix}) {
    if (name.empty() || MayWrite(options, name)) continue;
    return Status(ErrorCode::kInvalidArgument,
                  name + ": is already there; give another name or --force");
  }
  return CheckImatrixPlace(options);
}

}  // namespace altteul::tools

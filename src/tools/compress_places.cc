// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_places.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include <CLI/CLI.hpp>

#include "formats/atomic_file.h"
#include "tools/model_card.h"
#include "tools/refine_mix.h"
#include "tools/report_files.h"
#include "tools/runtime.h"

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

/// Made and thrown away: the folder may not be there, or the name be too long.
Status CheckOut(const CompressOptions& options) {
  if (options.max_kld > 0 || options.kld > 0) {  // it gets its name after a test
    ALT_ASSIGN_OR_RETURN(const auto pending, formats::PendingFile::Beside(options.out));
    return formats::AtomicFile::Create(pending.name()).status();
  }
  return formats::AtomicFile::Create(options.out).status();
}

/// What the work belongs to: all that the file will say of how it was made, and what else its bytes
/// depend on.
compress::Job JobOf(const CompressOptions& options, const compress::FileNotes& notes,
                    const std::string& isa) {
  compress::Job job;
  for (const auto& note : notes) {
    if (note.first == kSwapsNote || note.first == kSwapsTakenNote) continue;
    const std::string value = std::visit(
        [](const auto& each) -> std::string { return CLI::detail::to_string(each); }, note.second);
    (note.first == "altteul.target" ? job.target : job.input).emplace_back(note.first, value);
  }
  job.input.emplace_back("instruction set", isa);
  job.target.emplace_back("number of swaps", SwapsAsked(options));
  return job;
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
  if (!options.plan) ALT_RETURN_IF_ERROR(CheckOut(options));
  return CheckImatrixPlace(options);
}

Result<std::optional<compress::WorkFolder>> OpenWork(const CompressOptions& options,
                                                     const compress::FileNotes& notes,
                                                     const std::string& isa) {
  std::optional<compress::WorkFolder> work;
  if (options.plan || !options.IsCalibrated()) return work;
  const std::string path = WorkPathOf(options);
  if (options.restart) ALT_RETURN_IF_ERROR(compress::WorkFolder::Remove(path));
  std::error_code ignored;
  if (options.resume && !std::filesystem::exists(path, ignored)) {
    // A script may say --resume always.
    std::fprintf(stderr, "There is no unfinished work in %s; it begins anew\n", path.c_str());
  }
  if (!options.resume && std::filesystem::exists(path, ignored)) {
    return Status(ErrorCode::kInvalidArgument,
                  path +
                      ": holds unfinished work on this file; --resume goes on with it, "
                      "--restart throws it away");
  }
  ALT_ASSIGN_OR_RETURN(
      work, compress::WorkFolder::Resume(path, JobOf(options, notes, isa), StandardErrorLog()));
  if (!options.resume) return work;
  for (const std::string& name : {options.out, CardPathOf(options.out), options.report,
                                  ReportJsonOf(options.report), options.write_imatrix}) {
    if (!name.empty()) formats::RemoveAbandoned(name);
  }
  return work;
}

Status EndWork(const CompressOptions& options, const Status& status, compress::WorkFolder* work) {
  if (status.ok() || work->n_pieces() == 0) {
    const Status finished = work->Finish();
    return status.ok() ? finished : status;
  }
  std::fprintf(stderr, "What is finished is kept in %s; the same command with --resume goes on\n",
               WorkPathOf(options).c_str());
  return status;
}

}  // namespace altteul::tools

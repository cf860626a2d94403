// SPDX-License-Identifier: Apache-2.0

// Where `altteul compress` writes, what may be replaced there, and where unfinished work is kept.

#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "compress/recode.h"
#include "compress/work_folder.h"
#include "tools/compress_options.h"

namespace altteul::tools {

/// Kept in the work folder once the result is being written.
inline constexpr const char* kWritingText = "writing";

/// The folder that keeps what is finished of a long work.
std::string WorkPathOf(const CompressOptions& options);

/// Whether a file of this name may be made, or replaced: with --force, or where the work that goes
/// on had begun to write it.
bool MayWrite(const CompressOptions& options, const std::string& name);

/// Said before the work, because the files are written when all else is done.
/// @return kInvalidArgument for a file that is there or is the model itself; as
///         formats::AtomicFile::Create()
Status CheckPlaces(const CompressOptions& options);

/// What is calibrated takes long; what of it is finished is kept beside the result. Nothing for
/// other work.
/// @param notes  say what the work belongs to
/// @param isa    the instruction set, on which bytes depend
/// @return kInvalidArgument where unfinished work lies and nobody says what is to become of it; as
///         compress::WorkFolder::Resume()
Result<std::optional<compress::WorkFolder>> OpenWork(const CompressOptions& options,
                                                     const compress::FileNotes& notes,
                                                     const std::string& isa);

/// Removes the folder when nothing in it is worth keeping, and says on standard error how to go on
/// when something is.
/// @param status  how the work ended
/// @return that, or what removing the folder gives
Status EndWork(const CompressOptions& options, const Status& status, compress::WorkFolder* work);

}  // namespace altteul::tools

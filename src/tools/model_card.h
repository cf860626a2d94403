// SPDX-License-Identifier: Apache-2.0

// The page beside a compressed model that says what it is, what it was made from and what that
// cost, as model hubs show it: Markdown behind a few lines of YAML.

#pragma once

#include <string>

#include "base/status.h"
#include "model/checkpoint.h"
#include "tools/card_license.h"
#include "tools/compress_report.h"

namespace altteul::tools {

/// "dir/model.gguf": "dir/model.md"; anything else gets ".md" behind it.
std::string CardPathOf(const std::string& out);

/// What the source says of itself, from its file, its folder or the name it was asked for by.
struct CardSource {
  std::string repository;  ///< "OWNER/NAME" on a hub; empty where nothing tells
  CardLicense license;
};

/// @param asked_for  the model as the user named it
CardSource CardSourceOf(const model::Checkpoint& source, const std::string& asked_for);

std::string ModelCard(const CompressionRecord& record, const CardSource& source);

/// Writes the page, whole or not at all. One that is there and was not written by us stays.
/// @return true when it was written, false when another one stays; kIoError
Result<bool> WriteCard(const std::string& path, const std::string& card);

/// The page of a model that is written, in its place. What goes wrong is only told, on standard
/// error, because the model is there.
void WriteCardBeside(const CompressionRecord& record, const CardSource& source);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "tools/importance_file.h"

#include <cstdio>
#include <utility>

#include "base/human_units.h"
#include "compress/column_importance.h"
#include "formats/imatrix.h"
#include "tools/file_digest.h"
#include "tools/terminal_text.h"

namespace altteul::tools {

Result<ImatrixRecord> ReadImportances(const std::string& path, const model::Checkpoint& source,
                                      const compress::TypeRules& rules,
                                      compress::TensorFacts* facts) {
  ALT_ASSIGN_OR_RETURN(const formats::Imatrix imatrix, formats::ReadImatrix(path));
  ALT_ASSIGN_OR_RETURN(compress::ImportanceMatch match,
                       compress::MatchImportance(imatrix, path, source, rules, facts->grids));
  facts->importances = std::move(match.importances);
  ALT_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(path));
  ImatrixRecord record{.file = path,
                       .sha256 = std::move(digest.sha256),
                       .tensors = facts->importances.size(),
                       .without = match.without.size()};
  if (match.without.empty()) return record;
  const size_t n = match.without.size();
  const std::string first = Printable(match.without.front());
  std::fprintf(stderr, "warning: %s: has no entry for %s, %s encoded plainly%s\n", path.c_str(),
               n == 1 ? first.c_str() : (FormatCount(n) + " tensors, the first " + first).c_str(),
               n == 1 ? "which is" : "which are",
               facts->importances.empty() ? "; nor any other" : "");
  return record;
}

}  // namespace altteul::tools

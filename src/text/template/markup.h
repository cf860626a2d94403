// SPDX-License-Identifier: Apache-2.0

// Texts that count as escaped already: what jinja2's `safe` and `escape` give (markupsafe.Markup).
// Whatever is added to one is escaped, even where the template escapes nothing else.

#pragma once

#include "text/template/value.h"

namespace altteul::text::jinja {

bool IsMarkup(const Value& value);
/// A string as markup, as it stands; in a sequence, each of its strings. All else as it is.
Result<Value> AsMarkup(Heap& heap, const Value& value);
/// A string with & < > ' " escaped, as markup; markup as it is. In a sequence or dict, each of its
/// values. All else as it is.
Result<Value> Escaped(Heap& heap, const Value& value);
/// `result` as markup where it was made of `source` and that is markup.
Result<Value> KeepMarkup(Heap& heap, const Value& source, Result<Value> result);

}  // namespace altteul::text::jinja

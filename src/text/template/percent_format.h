// SPDX-License-Identifier: Apache-2.0

// Python's two ways to fill values into a string: "%s" % value and "{}".format(value).

#pragma once

#include "text/template/value.h"

namespace altteul::text::jinja {

/// `format % values`: values is a tuple, a dict for "%(name)s", or one value.
Result<Value> PercentFormat(Heap& heap, const StringObject& format, const Value& values);

/// format.format(...): "{}", "{0}", "{name.attribute!r:>8.2f}"; indexes in brackets, fields inside
/// a specification and !a are refused (brace_format.cc).
Result<Value> BraceFormat(Heap& heap, const StringObject& format, const Arguments& arguments);

}  // namespace altteul::text::jinja

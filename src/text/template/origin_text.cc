// SPDX-License-Identifier: Apache-2.0

#include "text/template/origin_text.h"

#include <algorithm>
#include <utility>

namespace altteul::text::jinja {

OriginText::OriginText(std::string bytes, bool from_template) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), from_template});
}

size_t OriginText::RunAt(size_t offset) const {
  const auto run = std::upper_bound(runs_.begin(), runs_.end(), offset,
                                    [](size_t value, const Run& r) { return value < r.end; });
  return static_cast<size_t>(run - runs_.begin());
}

void OriginText::ExtendRuns(size_t end, bool from_template) {
  if (!runs_.empty() && runs_.back().from_template == from_template) {
    runs_.back().end = end;
  } else {
    runs_.push_back({end, from_template});
  }
}

void OriginText::Append(std::string_view bytes, bool from_template) {
  if (bytes.empty()) return;
  bytes_.append(bytes);
  ExtendRuns(bytes_.size(), from_template);
}

void OriginText::AppendSlice(const OriginText& other, size_t begin, size_t end) {
  size_t run = begin < end ? other.RunAt(begin) : 0;
  while (begin < end) {
    const size_t stop = std::min(end, other.runs_[run].end);
    Append(std::string_view(other.bytes_).substr(begin, stop - begin),
           other.runs_[run].from_template);
    begin = stop;
    ++run;
  }
}

OriginText OriginText::Slice(size_t begin, size_t end) const {
  OriginText slice;
  slice.AppendSlice(*this, begin, end);
  return slice;
}

bool OriginText::FromTemplateAt(size_t offset) const { return runs_[RunAt(offset)].from_template; }

}  // namespace altteul::text::jinja

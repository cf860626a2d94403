// SPDX-License-Identifier: Apache-2.0

#include "base/dates.h"

#include <charconv>
#include <chrono>
#include <ctime>

namespace altteul {

std::string Today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof(text), "%Y-%m-%d", &parts);
  return text;
}

int DaysSince1970(std::string_view date) {
  int parts[3] = {0, 1, 1};
  for (int& value : parts) {
    const size_t dash = date.find('-');
    const std::string_view part = date.substr(0, dash);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size()) return 0;
    if (dash == date.npos) break;
    date.remove_prefix(dash + 1);
  }
  const std::chrono::year_month_day day(std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2])));
  if (!day.ok()) return 0;
  return static_cast<int>(std::chrono::sys_days(day).time_since_epoch().count());
}

}  // namespace altteul

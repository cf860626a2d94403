// SPDX-License-Identifier: Apache-2.0

#include "plan/machine_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/ascii.h"

namespace altteul::plan {
namespace {

enum class What { kCores, kMemory, kBandwidth, kArithmetic, kPower };

struct Unit {
  std::string_view name;  // in lower case
  What what;
  double factor;
};

constexpr double kKibi = 1024.0;
constexpr uint64_t kMostOfSystem = 2'000'000'000;  // bytes that another machine's system takes
constexpr std::array kUnits = {
    Unit{"cores", What::kCores, 1},
    Unit{"core", What::kCores, 1},
    Unit{"threads", What::kCores, 1},
    Unit{"mb", What::kMemory, 1e6},
    Unit{"gb", What::kMemory, 1e9},
    Unit{"tb", What::kMemory, 1e12},
    Unit{"mib", What::kMemory, kKibi* kKibi},
    Unit{"gib", What::kMemory, kKibi* kKibi* kKibi},
    Unit{"gb/s", What::kBandwidth, 1e9},
    Unit{"tb/s", What::kBandwidth, 1e12},
    Unit{"gops", What::kArithmetic, 1e9},
    Unit{"tops", What::kArithmetic, 1e12},
    Unit{"w", What::kPower, 1},
};

// A typing error of a zero or three is more likely than such a machine.
constexpr double MostOf(What what) {
  switch (what) {
    case What::kCores:
      return 4096;
    case What::kMemory:
      return 1099511627776.0;
    case What::kBandwidth:
      return 1e14;
    case What::kArithmetic:
      return 1e16;
    case What::kPower:
      return 1e6;
  }
  return 0;
}

struct Part {
  What what;
  double value;
};

Result<Part> ParsePart(std::string_view text) {
  const std::string part = Lower(Trim(text, kWhiteSpace));
  double number = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  const std::string_view unit_name =
      Trim(std::string_view(end, part.data() + part.size()), kWhiteSpace);
  for (const Unit& unit : kUnits) {
    if (error != std::errc() || unit.name != unit_name) continue;
    const double value = number * unit.factor;
    if (value > 0 && value <= MostOf(unit.what)) return Part{unit.what, value};
    return Status(ErrorCode::kInvalidArgument, "no machine has '" + std::string(text) + "'");
  }
  return Status(ErrorCode::kInvalidArgument,
                "'" + std::string(text) +
                    "' is no part of a machine; they are written \"8 cores, 32 GB, 50 GB/s, 2 "
                    "TOPS, 65 W\"");
}

}  // namespace

Result<MachineSpec> ParseMachineSpec(std::string_view text) {
  std::optional<double> values[5];
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    ALT_ASSIGN_OR_RETURN(const Part part, ParsePart(rest.substr(0, comma)));
    std::optional<double>& value = values[static_cast<size_t>(part.what)];
    if (value) {
      return Status(ErrorCode::kInvalidArgument,
                    "'" + std::string(text) + "' says one thing twice");
    }
    value = part.value;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  const auto said = [&](What what) { return values[static_cast<size_t>(what)].value_or(0); };
  if (said(What::kCores) != std::floor(said(What::kCores))) {
    return Status(ErrorCode::kInvalidArgument, "'" + std::string(text) + "' has half a core");
  }
  if (said(What::kMemory) == 0) {
    return Status(ErrorCode::kInvalidArgument,
                  "'" + std::string(text) + "' does not say how much memory there is");
  }
  MachineSpec spec;
  spec.cores = static_cast<int>(said(What::kCores));
  spec.memory_bytes = static_cast<uint64_t>(said(What::kMemory));
  spec.read_bytes_per_s = said(What::kBandwidth);
  spec.ops_per_s = said(What::kArithmetic);
  spec.watts = said(What::kPower);
  return spec;
}

uint64_t FreeBytesOf(const MachineSpec& spec) {
  return spec.memory_bytes - std::min(spec.memory_bytes / 10, kMostOfSystem);
}

}  // namespace altteul::plan

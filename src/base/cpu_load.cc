// SPDX-License-Identifier: Apache-2.0

#include "base/cpu_load.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/human_units.h"

namespace altteul {
namespace {

namespace fs = std::filesystem;

// A kernel's own threads and a desktop at rest take a few percent, and noise of that size is what
// the median of several rounds is for.
constexpr double kLeastOwnShare = 0.9;
constexpr double kMostStolen = 0.05;
constexpr double kMostOthers = 0.25;   // of all processors: enough to take memory's bandwidth
constexpr double kMostPressed = 0.25;  // where nothing tells whose waiting it was

/// Nanoseconds that a thread waited: the second number of its schedstat.
std::optional<double> WaitedOf(const fs::path& thread) {
  std::ifstream file(thread / "schedstat");
  double computed_ns = 0, waited_ns = 0;
  if (!(file >> computed_ns >> waited_ns)) return std::nullopt;
  return waited_ns * 1e-9;
}

std::optional<double> WaitedOfAll(const std::string& root) {
  std::optional<double> sum;
  std::error_code error;
  for (fs::directory_iterator it(root + "/proc/self/task", error), end; !error && it != end;
       it.increment(error)) {
    const auto waited = WaitedOf(it->path());
    if (waited) sum = sum.value_or(0) + *waited;
  }
  return sum;
}

/// "cpu  user nice system idle iowait irq softirq steal ...", in ticks, and "procs_running 3".
void ReadStat(const std::string& root, CpuReading* reading) {
  const double tick = 1.0 / static_cast<double>(std::max(1L, sysconf(_SC_CLK_TCK)));
  std::ifstream file(root + "/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    double runnable = 0;
    if (name == "procs_running" && words >> runnable) reading->runnable = runnable;
    if (name != "cpu") continue;
    std::vector<double> ticks(8);
    for (double& each : ticks) words >> each;
    if (!words) continue;
    const double idle = ticks[3] + ticks[4], stolen = ticks[7];
    double all = 0;
    for (const double each : ticks) all += each;
    reading->all_s = all * tick;
    reading->stolen_s = stolen * tick;
    reading->busy_s = (all - idle - stolen) * tick;
  }
}

/// "some avg10=0.00 avg60=0.00 avg300=0.00 total=121615415", in microseconds.
std::optional<double> PressedOf(const std::string& root) {
  std::ifstream file(root + "/proc/pressure/cpu");
  std::string line;
  constexpr std::string_view kTotal = "total=";
  if (!std::getline(file, line) || !line.starts_with("some ")) return std::nullopt;
  const size_t at = line.find(kTotal);
  if (at == line.npos) return std::nullopt;
  std::istringstream number(line.substr(at + kTotal.size()));
  double microseconds = 0;
  if (!(number >> microseconds)) return std::nullopt;
  return microseconds * 1e-6;
}

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// How far a count went on; 0 where one of both is missing, or where it ran backwards.
double Grown(const std::optional<double>& before, const std::optional<double>& after) {
  return before && after ? std::max(0.0, *after - *before) : 0;
}

std::string Percent(double share) { return FormatFixed(100 * share, 0) + " %"; }

/// In words, the most telling first.
std::string DisturbanceOf(const CpuLoad& load, int threads, int cores, double wanted_share,
                          bool knows_share, double cores_of_machine) {
  std::vector<std::string> what;
  if (load.own_share < kLeastOwnShare * wanted_share) {
    what.push_back("it got " + Percent(load.own_share) + " of the time of processors it asked for");
  }
  if (load.stolen_share > kMostStolen) {
    what.push_back("the host took " + Percent(load.stolen_share) + " of it for others");
  }
  const bool is_crowded = load.others_runnable >= 1 && load.others_runnable + threads > cores;
  if (load.others_cores > kMostOthers * cores_of_machine || (is_crowded && !knows_share)) {
    what.push_back("other programs used " + FormatFixed(load.others_cores, 1) + " cores, " +
                   FormatFixed(load.others_runnable, 0) + " of their threads ready to run");
  }
  if (!knows_share && load.pressed_share > kMostPressed) {
    what.push_back("programs waited for a processor in " + Percent(load.pressed_share) +
                   " of the time");
  }
  std::string sentence;
  for (const std::string& each : what) sentence += (sentence.empty() ? "" : "; ") + each;
  return sentence;
}

}  // namespace

CpuReading ReadCpu(const Clock& clock, const std::string& root) {
  CpuReading reading;
  reading.at = clock.Seconds();
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    reading.own_s = SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime);
  }
  reading.waited_s = WaitedOfAll(root);
  ReadStat(root, &reading);
  reading.pressed_s = PressedOf(root);
  return reading;
}

CpuLoad LoadBetween(std::span<const CpuReading> readings, int threads, int cores,
                    double cores_of_group) {
  CpuLoad load;
  if (readings.size() < 2) return load;
  const CpuReading& first = readings.front();
  const CpuReading& last = readings.back();
  const double seconds = last.at - first.at;
  if (seconds <= 0) return load;
  const double own = std::max(0.0, last.own_s - first.own_s);
  const bool knows_share = first.waited_s && last.waited_s;
  const double wanted = own + Grown(first.waited_s, last.waited_s);
  if (wanted > 0) load.own_share = own / wanted;
  const double all = Grown(first.all_s, last.all_s);
  if (all > 0) load.stolen_share = Grown(first.stolen_s, last.stolen_s) / all;
  load.others_cores = std::max(0.0, Grown(first.busy_s, last.busy_s) - own) / seconds;
  load.pressed_share = Grown(first.pressed_s, last.pressed_s) / seconds;
  bool knows_runnable = false;
  for (const CpuReading& reading : readings) {
    if (!reading.runnable) continue;
    const double others = std::max(0.0, *reading.runnable - 1);  // the one that reads is ours
    load.others_runnable = knows_runnable ? std::min(load.others_runnable, others) : others;
    knows_runnable = true;
  }
  const double wanted_share = cores_of_group > 0 ? std::min(1.0, cores_of_group / threads) : 1.0;
  load.disturbance = DisturbanceOf(load, threads, cores, wanted_share, knows_share, all / seconds);
  return load;
}

}  // namespace altteul

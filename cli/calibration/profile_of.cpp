// A profile from what was measured.
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "cli/calibration/calibration.h"
#include "kernels/kernels.h"

namespace ds::cli {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown processor";
}

double memory_bytes() {
  return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

cost::Table& table_of(cost::Profile& profile, const ops::Op& op, std::int64_t active) {
  for (cost::Table& table : profile.tables)
    if (table.kind == ops::kind_name(op.what) && table.pass == op.pass && table.type == op.type &&
        table.accumulate == op.accumulate && table.active == active)
      return table;
  profile.tables.push_back({.kind = std::string(ops::kind_name(op.what)),
                            .pass = op.pass,
                            .type = op.type,
                            .accumulate = op.accumulate,
                            .points = {},
                            .active = active});
  return profile.tables.back();
}

}  // namespace

cost::Profile profile_of(const std::vector<executor::OperatorTime>& times, std::int64_t rounds) {
  cost::Profile profile{.machine = processor_name(),
                        .cores = ::sysconf(_SC_NPROCESSORS_ONLN),
                        .memory_bytes = memory_bytes(),
                        .instruction_set = kernels::instruction_set(),
                        .blas = "CBLAS, one thread",
                        .rounds = rounds,
                        .clock = "thread CPU seconds",
                        .path = "",
                        .hash = ""};
  for (const executor::OperatorTime& time : times) {
    table_of(profile, time.op, 1).points.push_back({time.op.what, time.seconds, time.sigma});
    if (std::holds_alternative<ops::Linear>(time.op.what))
      profile.gemm_peak = std::max(profile.gemm_peak, {ops::flops(time.op).value / time.seconds});
    // The optimizer's largest state streams from memory and back: nothing of it stays in a cache.
    if (const auto* adam = std::get_if<ops::AdamW>(&time.op.what);
        adam != nullptr && adam->elements >= (1 << 22))
      profile.memory_bandwidth = std::max(profile.memory_bandwidth,
                                          {static_cast<double>(ops::traffic(time.op).value) / time.seconds});
  }
  return profile;
}

void add(cost::Profile& profile, const executor::TogetherTimes& times) {
  for (const executor::OperatorTime& time : times.operators)
    table_of(profile, time.op, times.ranks).points.push_back({time.op.what, time.seconds, time.sigma});
  for (const executor::ExchangeTime& time : times.exchanges)
    profile.communications.push_back({.message = time.op.message,
                                      .what = time.op.what,
                                      .ranks = time.op.ranks,
                                      .bytes = time.op.bytes,
                                      .seconds = time.seconds,
                                      .sigma = time.sigma});
}

}  // namespace ds::cli

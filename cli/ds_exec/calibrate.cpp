#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/ds_exec/commands.h"
#include "executor/calibrate/calibrate.h"
#include "simulator/base/error.h"

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

cost::Table& table_of(cost::Profile& profile, const ops::Op& op) {
  for (cost::Table& table : profile.tables)
    if (table.kind == ops::kind_name(op.what) && table.pass == op.pass && table.type == op.type &&
        table.accumulate == op.accumulate)
      return table;
  profile.tables.push_back(
      {.kind = std::string(ops::kind_name(op.what)), .pass = op.pass, .type = op.type, .accumulate = op.accumulate,
       .points = {}});
  return profile.tables.back();
}

cost::Profile profile_from(const std::vector<executor::OperatorTime>& times, std::int64_t rounds) {
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
    table_of(profile, time.op).points.push_back({time.op.what, time.seconds, time.sigma});
    if (std::holds_alternative<ops::Linear>(time.op.what))
      profile.gemm_peak = std::max(profile.gemm_peak, {ops::flops(time.op).value / time.seconds});
    // The optimizer's largest state streams from memory and back: nothing of it stays in a cache.
    if (const auto* adam = std::get_if<ops::AdamW>(&time.op.what); adam != nullptr && adam->elements >= (1 << 22))
      profile.memory_bandwidth =
          std::max(profile.memory_bandwidth, {static_cast<double>(ops::traffic(time.op).value) / time.seconds});
  }
  return profile;
}

}  // namespace

std::string localhost_profile() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/ds/localhost.json";
  if (home == nullptr || *home == '\0')
    throw InputError("--out", "neither XDG_CACHE_HOME nor HOME says where to keep the profile", "name a file");
  return std::string(home) + "/.cache/ds/localhost.json";
}

int exec_calibrate(const Common& common, const CalibrateOptions& options) {
  const StopToken& stop = watch_signals();
  if (options.device != "cpu" && options.device != "auto")
    throw InputError("--device", fmt::format("{} is not supported yet", options.device), "cpu is");
  const std::string out = options.out.empty() ? localhost_profile() : options.out;
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  const executor::Instant begin = executor::now();
  const auto times = executor::measure_operators(
      executor::calibration_grid(),
      {.rounds = static_cast<int>(options.rounds), .progress = line.callback(), .stop = &stop});
  line.finish();
  if (stop.stop_requested()) return status_after(stop);
  const cost::Profile profile = profile_from(times, options.rounds);

  std::error_code ignored;
  if (options.out.empty()) std::filesystem::create_directories(std::filesystem::path(out).parent_path(), ignored);
  write_output(out, cost::to_json(profile, report::to_json(provenance(common, nullptr)).dump()));
  if (common.talks() && out != "-")
    print(fmt::format("{}, measured in {}\n  GEMM {} a core, memory {}; {} points in {} tables\n  written to {}\n",
                      profile.machine, terminal::duration((executor::now() - begin).wall),
                      terminal::rate(profile.gemm_peak), terminal::rate(profile.memory_bandwidth), times.size(),
                      profile.tables.size(), out));
  return kDone;
}

}  // namespace ds::cli

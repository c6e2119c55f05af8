// `ds-exec calibrate`: measures this machine and writes its profile.
#include "executor/calibrate/calibrate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/calibration/calibration.h"
#include "cli/ds_exec/commands.h"
#include "cli/ds_exec/launch.h"
#include "cli/session/phases.h"
#include "executor/calibrate/together.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

/// Where the profile goes. The default's folder is made; one that was named has to be there.
std::string target_of(const CalibrateOptions& options) {
  if (!options.out.empty()) return options.out;
  const std::filesystem::path file = workload::localhost_profile();
  if (file.empty())
    throw InputError("--out", "neither XDG_CACHE_HOME nor HOME says where to keep the profile",
                     "name a file");
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  return file.string();
}

/// ", all-reduce 5.1 GB/s": of the largest buffer over two ranks.
std::string all_reduce_text(const cost::Profile& profile) {
  const cost::CommunicationPoint* largest = nullptr;
  for (const cost::CommunicationPoint& point : profile.communications)
    if (!point.message && point.what == collective::Collective::all_reduce && point.ranks == 2 &&
        (largest == nullptr || point.bytes > largest->bytes))
      largest = &point;
  if (largest == nullptr) return {};
  return fmt::format(
      ", all-reduce over 2 ranks {}",
      terminal::rate(BytesPerSecond{static_cast<double>(largest->bytes.value) / largest->seconds}));
}

std::size_t points_in(const cost::Profile& profile) {
  std::size_t points = profile.communications.size();
  for (const cost::Table& table : profile.tables) points += table.points.size();
  return points;
}

}  // namespace

int exec_calibrate(const Common& common, const CalibrateOptions& options) {
  const StopToken& stop = watch_signals();
  if (options.device != "cpu" && options.device != "auto")
    throw InputError("--device", fmt::format("{} is not supported yet", options.device), "cpu is");
  const std::string out = target_of(options);
  check_outputs({{"--out", out}});
  Phases phases(common);
  phases.begin("measure");
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  const executor::Instant begin = executor::now();
  const auto times = executor::measure_operators(
      executor::calibration_grid(),
      {.rounds = static_cast<int>(options.rounds), .progress = line.callback(), .stop = &stop});
  cost::Profile profile = profile_of(times, options.rounds);
  for (const std::int32_t ranks : executor::rank_counts())
    if (!stop.stop_requested())
      add(profile, executor::measure_together(ranks, launch_of(common, stop, ranks), line.callback()));
  line.finish();
  phases.end();
  if (stop.stop_requested()) return status_after(stop);
  write_output(out, cost::to_json(profile, report::to_json(provenance(common, nullptr)).dump()));
  if (common.talks() && out != "-")
    print(fmt::format(
        "{}, measured in {}\n  GEMM {} a core, memory {}{}; {} points in {} tables\n  written to {}\n",
        profile.machine, terminal::duration((executor::now() - begin).wall),
        terminal::rate(profile.gemm_peak), terminal::rate(profile.memory_bandwidth), all_reduce_text(profile),
        points_in(profile), profile.tables.size(), out));
  return kDone;
}

}  // namespace ds::cli

// `ds-exec calibrate`: measures this machine and writes its profile.
#include "executor/calibrate/calibrate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

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

/// Progress of work that is done part by part, each of a length that is known beforehand: one share, and so one estimate.
class Parts {
 public:
  Parts(Progress whole, double length) : whole_(std::move(whole)), length_(length) {}
  /// Of the next part. Empty where nobody asks.
  Progress next(double length) {
    const double before = std::exchange(before_, before_ + length);
    if (!whole_) return {};
    return [this, before, length](double share, std::string_view what) {
      whole_((before + share * length) / length_, what);
    };
  }

 private:
  Progress whole_;
  double length_, before_{0};
};

}  // namespace

int exec_calibrate(const Common& common, const CalibrateOptions& options) {
  const StopToken& stop = watch_signals();
  if (options.device != "cpu" && options.device != "auto")
    throw InputError("--device", fmt::format("{} is not supported yet", options.device), "cpu is");
  const std::string out = target_of(options);
  check_outputs({{"--out", out}});
  Phases phases(common);
  set_last_words("stopped before everything was measured; no profile was written");
  phases.begin("measure");
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  const int rounds = static_cast<int>(options.rounds);
  const double alone = rounds + 1;  // the first warms up
  double length = alone;
  for (const std::int32_t ranks : executor::rank_counts())
    length += executor::length_in_rounds(ranks, rounds);
  Parts parts(line.callback(), length);
  const executor::Instant begin = executor::now();
  const auto times = executor::measure_operators(
      executor::calibration_grid(), {.rounds = rounds, .progress = parts.next(alone), .stop = &stop});
  cost::Profile profile = profile_of(times, options.rounds);
  for (const std::int32_t ranks : executor::rank_counts())
    if (!stop.stop_requested())
      add(profile, executor::measure_together(ranks, launch_of(common, stop, ranks),
                                              parts.next(executor::length_in_rounds(ranks, rounds))));
  line.finish();
  phases.end();
  if (stop.stop_requested()) {
    if (!common.quiet) tell("stopped before everything was measured; no profile was written");
    return status_after(stop);
  }
  write_output(out, cost::to_json(profile, report::to_json(provenance(common, nullptr)).dump()));
  if (common.talks() && out != "-")
    show(common,
         fmt::format(
             "{}, measured in {}\n  GEMM {} a core, memory {}{}; {} points in {} tables\n  written to {}\n",
             profile.machine, terminal::duration((executor::now() - begin).wall),
             terminal::rate(profile.gemm_peak), terminal::rate(profile.memory_bandwidth),
             all_reduce_text(profile), points_in(profile), profile.tables.size(), out));
  return kDone;
}

}  // namespace ds::cli

// `ds-exec run`: trains and prints what was measured.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/ds_exec/exec_report.h"
#include "cli/session/traces.h"

namespace ds::cli {
namespace {

std::string step_time_text(const executor::PlanResult& result, const Measured& measured) {
  if (result.ranks() == 1)
    return fmt::format("step time  {} of processor time, {} by the clock\n",
                       terminal::duration(measured.step.step_time), terminal::duration(measured.wall));
  return fmt::format("step time  {} by the clock\n", terminal::duration(measured.wall));
}

std::string memory_text(const executor::PlanResult& result) {
  const auto [least, most] = std::ranges::minmax(result.arenas);
  Bytes resident{};
  for (const Bytes bytes : result.residents) resident += bytes;
  if (result.ranks() == 1)
    return fmt::format("memory     {} bytes of arena, {} resident in all\n", terminal::exact(most.value),
                       terminal::bytes(resident));
  if (least == most)
    return fmt::format("memory     {} bytes of arena on each of {} ranks\n", terminal::exact(most.value),
                       result.ranks());
  return fmt::format("memory     {} to {} bytes of arena on {} ranks\n", terminal::exact(least.value),
                     terminal::exact(most.value), result.ranks());
}

}  // namespace

int exec_run(const Common& common, const ExecOptions& options, executor::World* world) {
  const StopToken& stop = watch_signals();
  Phases phases(common);
  const Training training = prepare(common, options, world, phases);
  phases.begin("train");
  TrainingProgress progress(common, options, training.steps);
  const executor::PlanResult result = train(common, training, stop, world, progress);
  phases.end();
  if (result.cut) return end_cut(common, progress, stop);
  const report::Provenance origin = provenance(common, &training.job);
  write_outputs({{common.report, [&] { return exec_report(training, result, origin).dump(1) + "\n"; }},
                 progress.rest_of_metrics(),
                 {result.measured ? options.trace : "", [&] {
                    return report::trace(training.program(), {{"measured", result.measured->wall}}, origin,
                                         trace_format(options.trace), training.shown);
                  }}});
  if (talks(common, options)) {
    if (!options.trace.empty() && !result.measured)
      show(common, "no trace: it was stopped before a step was measured\n");
    show(common, learning_text(training, result));
    if (const auto measured = measured_summary(training, result))
      show(common, step_time_text(result, *measured));
    show(common, memory_text(result));
  }
  return result.stopped ? end_stopped(common, progress, stop) : kDone;
}

}  // namespace ds::cli

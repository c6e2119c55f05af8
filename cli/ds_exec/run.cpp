#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/ds_exec/training.h"

namespace ds::cli {

int exec_run(const Common& common, const ExecOptions& options) {
  const StopToken& stop = watch_signals();
  Phases phases(common);
  const Training training = prepare(common, options, phases);
  phases.begin("train");
  const executor::RunResult result = train(common, options, training, stop);
  phases.end();
  const report::Provenance origin = provenance(common, &training.job);
  if (!common.report.empty())
    write_output(common.report, exec_report(training, result, origin).dump(1) + "\n");
  write_metrics(options, result.steps);
  const executor::MeasuredStep* median = executor::median_step(result);
  if (!options.trace.empty() && median != nullptr)
    write_output(options.trace, report::trace(training.program(), {{"measured", median->wall}}, origin));
  if (talks(common, options)) {
    print(learning_text(training, result));
    if (const auto measured = measured_summary(training, result))
      print(fmt::format("step time  {} of processor time, {} by the clock\n",
                        terminal::duration(measured->cpu.step_time),
                        terminal::duration(measured->wall.step_time)));
    print(fmt::format("memory     {} bytes of arena, {} resident in all\n",
                      terminal::exact(result.arena.value), terminal::bytes(result.resident)));
  }
  return result.stopped ? status_after(stop) : kDone;
}

}  // namespace ds::cli

// Prepares a training run, has it run where its ranks are, and writes its metrics.
#include "cli/ds_exec/training.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cli/ds_exec/exec_report.h"
#include "cli/ds_exec/launch.h"
#include "cli/ds_exec/request.h"
#include "cli/session/traces.h"
#include "executor/mpi/hand_out.h"
#include "executor/mpi/train_together.h"
#include "executor/ranks/ranks.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/hash.h"

namespace ds::cli {
Training prepare(const Common& common, const ExecOptions& options, executor::World* world, Phases& phases) {
  const std::vector<Output> outputs = {
      {"--report", common.report}, {"--metrics", options.metrics, true}, {"--trace", options.trace}};
  check_outputs(outputs);
  check_against(outputs, {{"the job", options.job}, {"the text", options.data}});
  phases.begin("read job and text");
  remember_reads({});
  Request request = read_request(common, options);
  executor::Briefing briefing = briefing_of(request);
  if (world != nullptr) executor::hand_out(*world, briefing);
  auto [job, text, steps] = std::move(request);
  if (constexpr std::int64_t warm = executor::RunResult::kWarmupSteps;
      !options.trace.empty() && steps <= warm)
    throw InputError(
        "--trace",
        fmt::format("would be of a measured step, of which {} step{} have none: the first {} warm up", steps,
                    steps == 1 ? "" : "s", warm),
        fmt::format("at least {} steps have one", warm + 1));
  check_against(outputs, {{"the text", job.execute.data},
                          {"the profile", job.cluster.groups.front().node.profile_path}});
  phases.begin("lower");
  program::Program program = program::lower(job);
  phases.note(fmt::format("program {}, {} operators, {} buffers", hex(program.hash), program.ops.size(),
                          program.buffers.size()));
  if (const auto fault = program::check(program)) throw std::logic_error("lowered program: " + *fault);
  std::vector<memory::Layout> layouts = engine::layouts_of(program);
  const double capacity = job.cluster.groups.front().node.memory_bytes_per_gpu;
  const Bytes arena = std::ranges::max_element(layouts, {}, &memory::Layout::arena)->arena;
  if (static_cast<double>(arena.value) > capacity)
    throw RunFailed(fmt::format("the plan needs {} and a rank has {}: it does not fit",
                                terminal::bytes(arena),
                                terminal::bytes({static_cast<std::int64_t>(capacity)})));
  std::vector<std::int32_t> shown = trace_ranks(options.trace_ranks, program.grid.ranks());
  phases.begin("predict");
  cost::Profile profile = profile_of(job);
  const cost::Machine machine(job, profile);
  program::AloneTimes alone = engine::price(program, machine).communications;
  engine::Prediction prediction =
      engine::predict(std::move(program), std::move(layouts), job, machine, job.simulate.depth);
  return {std::move(job),        std::move(text),  steps,           std::move(briefing), std::move(profile),
          std::move(prediction), std::move(shown), std::move(alone)};
}

std::vector<Bytes> Training::predicted_peaks() const {
  std::vector<Bytes> peaks;
  for (std::int32_t rank = 0; rank < ranks(); ++rank)
    peaks.push_back(layouts()[program::class_of(program(), rank)].arena);
  return peaks;
}

namespace {

using OnStep = std::function<void(const executor::StepRecord&)>;

executor::Context context_of(const Training& training, const OnStep& on_step) {
  return {.job = training.job,
          .program = training.program(),
          .layout = training.layouts()[program::class_of(training.program(), 0)],
          .text = training.text,
          .steps = training.steps,
          .held_back_sequences = executor::held_back_for(training.job, training.steps),
          .on_step = on_step};
}

/// The one rank of a plan, in this process.
executor::PlanResult train_alone(const Training& training, const StopToken& stop, const OnStep& on_step) {
  executor::Context context = context_of(training, on_step);
  context.may_begin = [&](std::int64_t) { return !stop.stop_requested(); };
  executor::RunResult result = executor::run_rank(context);
  const executor::MeasuredStep* median = executor::median_step(result);
  const std::int64_t step = median == nullptr ? 0 : median->step;
  return executor::merge({executor::with_one_step(std::move(result), step)});
}

/// Wherever the ranks are.
executor::PlanResult train_all(const Common& common, const Training& training, const StopToken& stop,
                               executor::World* world, const OnStep& on_step) {
  if (world != nullptr) {
    std::optional<executor::PlanResult> result =
        executor::train_together(*world, context_of(training, on_step), stop);
    if (!result) throw std::logic_error("rank 0 has the result of all");
    return *std::move(result);
  }
  if (training.ranks() == 1) return train_alone(training, stop, on_step);
  return executor::run_ranks(training.program(), training.layouts(), training.briefing,
                             launch_of(common, stop, training.ranks()), on_step);
}

}  // namespace

executor::PlanResult train(const Common& common, const Training& training, const StopToken& stop,
                           executor::World* world, TrainingProgress& progress) {
  try {
    executor::PlanResult result =
        train_all(common, training, stop, world, [&](const executor::StepRecord& s) { progress.step(s); });
    progress.finish();
    return result;
  } catch (const std::runtime_error&) {  // the run's own no, or a rank that died
    progress.finish();
    write_outputs({progress.rest_of_metrics()});
    throw;
  }
}

int end_stopped(const Common& common, const TrainingProgress& progress, const StopToken& stop) {
  if (!common.quiet) tell(progress.stopped(false));
  return status_after(stop);
}

int end_cut(const Common& common, const TrainingProgress& progress, const StopToken& stop) {
  write_outputs({progress.rest_of_metrics()});
  if (!common.quiet) tell(progress.stopped(true));
  return status_after(stop);
}

bool talks(const Common& common, const ExecOptions& options) {
  return common.talks() && options.metrics != "-" && options.trace != "-";
}

std::string learning_text(const Training& training, const executor::PlanResult& result) {
  if (result.steps.empty()) return "no step was run\n";
  const executor::Baseline known = executor::baseline(training.text);
  const std::string after =
      result.held_back_after ? fmt::format("{:.2f}", *result.held_back_after) : "not judged again";
  return fmt::format(
      "loss       {:.2f} {} {:.2f} nats/byte; on held-back text {:.2f} -> {}\n"
      "           (letter frequencies alone: {:.2f}, letter pairs: {:.2f})\n",
      result.steps.front().loss, terminal::sparkline(losses(result.steps), kSparkColumns),
      result.steps.back().loss, result.held_back_before, after, known.letters, known.pairs);
}

}  // namespace ds::cli

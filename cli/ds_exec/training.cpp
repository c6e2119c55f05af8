// Prepares a training run, has it run where its ranks are, and writes its metrics.
#include "cli/ds_exec/training.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cli/ds_exec/exec_report.h"
#include "cli/ds_exec/launch.h"
#include "cli/ds_exec/request.h"
#include "cli/session/traces.h"
#include "executor/mpi/train_together.h"
#include "executor/ranks/ranks.h"
#include "simulator/base/error.h"
#include "simulator/base/hash.h"

namespace ds::cli {
namespace {

constexpr int kSparkColumns = 24;

std::vector<double> losses(const std::vector<executor::StepRecord>& steps) {
  std::vector<double> result;
  for (const executor::StepRecord& s : steps) result.push_back(s.loss);
  return result;
}

}  // namespace

Training prepare(const Common& common, const ExecOptions& options, Phases& phases) {
  const std::vector<Output> outputs = {
      {"--report", common.report}, {"--metrics", options.metrics}, {"--trace", options.trace}};
  check_outputs(outputs);
  check_against(outputs, {{"the job", options.job}, {"the text", options.data}});
  phases.begin("read job and text");
  auto [job, text, steps] = read_request(common, options);
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
  return {std::move(job),        std::move(text),  steps,           std::move(profile),
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
  return executor::run_ranks(training.program(), training.layouts(),
                             launch_of(common, stop, training.ranks()), on_step);
}

}  // namespace

executor::PlanResult train(const Common& common, const ExecOptions& options, const Training& training,
                           const StopToken& stop, executor::World* world) {
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  std::vector<executor::StepRecord> seen;
  const auto on_step = [&](const executor::StepRecord& step) {
    seen.push_back(step);
    line.update(static_cast<double>(step.step + 1) / static_cast<double>(training.steps),
                fmt::format("step {}/{}  loss {:.3f} {}  {}", step.step + 1, training.steps, step.loss,
                            terminal::sparkline(losses(seen), kSparkColumns),
                            terminal::rate(step.tokens_per_s, "tokens")));
  };
  try {
    executor::PlanResult result = train_all(common, training, stop, world, on_step);
    line.finish();
    return result;
  } catch (const std::runtime_error&) {  // the run's own no, or a rank that died
    line.finish();
    // What is there from a run before stays where there is nothing to say.
    if (!seen.empty()) write_outputs({{options.metrics, [&] { return metrics_text(seen); }}});
    throw;
  }
}

std::string metrics_text(const std::vector<executor::StepRecord>& steps) {
  std::string lines;
  for (const executor::StepRecord& step : steps) lines += step_json(step).dump() + "\n";
  return lines;
}

bool talks(const Common& common, const ExecOptions& options) {
  return common.talks() && options.metrics != "-" && options.trace != "-";
}

std::string learning_text(const Training& training, const executor::PlanResult& result) {
  if (result.steps.empty()) return "no step was run\n";
  const executor::Baseline known = executor::baseline(training.text);
  return fmt::format(
      "loss       {:.2f} {} {:.2f} nats/byte; on held-back text {:.2f} -> {:.2f}\n"
      "           (letter frequencies alone: {:.2f}, letter pairs: {:.2f})\n",
      result.steps.front().loss, terminal::sparkline(losses(result.steps), kSparkColumns),
      result.steps.back().loss, result.held_back_before, result.held_back_after, known.letters, known.pairs);
}

}  // namespace ds::cli

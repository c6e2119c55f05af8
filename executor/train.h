#pragma once
// A training run of one rank: draws tokens, runs steps, measures, and tells how it goes.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "executor/interpreter.h"
#include "executor/text.h"
#include "simulator/base/progress.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/workload/job.h"

namespace ds::executor {

/// One line of `steps` in the report and of the metrics file.
struct StepRecord {
  std::int64_t step{};
  double loss{}, grad_norm{}, learning_rate{}, loss_scale{1};
  Seconds wall, cpu;
  double tokens_per_s{};
};

/// Everything that a rank's body needs; it touches no globals, environment or signals.
struct Context {
  const workload::Job& job;
  const program::Program& program;
  const memory::Layout& layout;  // of the rank's class
  const Text& text;
  std::int32_t rank{0};
  Device* device{nullptr};                // with the memory that the layout asks for; null: one is made
  Communicators* communicators{nullptr};  // null where the rank is alone
  std::int64_t steps{};
  std::int64_t held_back_sequences{
      128};  // to judge on, before and after; 0: none. Rounded up to global batches
  kernels::Library library{kernels::Library::simd};
  std::function<bool(std::int64_t step)> may_begin;  // asked before every step; empty: yes
  std::function<void(const StepRecord&)> on_step;    // may be empty
  /// Rank 0's number, on all ranks, each of which asks at the same place; empty: the rank is alone.
  std::function<std::int64_t(std::int64_t mine)> as_first;
};

struct RunResult {
  std::vector<StepRecord> steps;
  // Nats per token, of the rank's share of the sequences: shares add up. 0 where nothing was judged, or another stage has
  // the head.
  double held_back_before{};
  std::optional<double> held_back_after;  // nothing where a stop left no time for it
  Bytes arena;                            // as bound, measured
  Bytes resident;                      // of the whole process at the end of the run, by the operating system
  std::vector<MeasuredStep> measured;  // of the last kMeasuredSteps steps after warm-up
  bool stopped{};                      // asked to stop before the last step

  static constexpr std::size_t kMeasuredSteps = 512;
  static constexpr std::int64_t kWarmupSteps = 2;
};

/// Throws RunFailed where loss or gradient is not finite, naming the step.
RunResult run_rank(const Context& context);

/// The time that the rest of a run of so many steps takes, by the median of the last steps of those that were `seen`: nothing
/// before there are a few behind those that warm up.
std::optional<Seconds> time_left(std::span<const StepRecord> seen, std::int64_t steps);

/// Sequences to judge on that keep both judgements together below a tenth of the work of the run.
std::int64_t held_back_for(const workload::Job& job, std::int64_t steps);

/// The step of median length among those measured, by one of the two clocks; null where there is none.
const MeasuredStep* median_step(const RunResult& result,
                                program::Timeline MeasuredStep::* clock = &MeasuredStep::cpu);

}  // namespace ds::executor

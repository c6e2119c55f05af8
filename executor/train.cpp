// One rank's run, step by step: draws tokens, runs the program, records loss, time and memory.
#include "executor/train.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>

#include "executor/arena.h"
#include "executor/available_memory.h"
#include "executor/device/cpu_device.h"
#include "executor/learning_rate.h"
#include "executor/start_values.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

/// Resident memory of the process now. Every page of the arena has been touched, so that at the end of a run this is
/// what the run needed; the operating system's own maximum would count what the process did before.
Bytes resident_now() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages_in_all = 0, pages_resident = 0;
  statm >> pages_in_all >> pages_resident;
  return {pages_resident * ::sysconf(_SC_PAGESIZE)};
}

constexpr std::int64_t kStepsBetweenDrains = 1024;
// Steps that an estimate rests on: enough for a median, few enough to follow a machine that changes its speed.
constexpr std::ptrdiff_t kFewestSteps = 3, kMostSteps = 64;
// Who was asked to stop judges once more only if that is over at once.
constexpr Seconds kSoon{1};

class Rank {
 public:
  explicit Rank(const Context& context)
      : context_(context),
        host_(context.program.classes[program::class_of(context.program, context.rank)].host),
        at_(context.program.grid.at(context.rank)),
        own_(context.device == nullptr ? std::make_unique<Own>(context.layout.arena) : nullptr),
        device_(own_ ? own_->device : *context.device),
        binding_(context.program, context.layout, context.rank, device_),
        interpreter_(context.program, context.rank, binding_, device_, context.communicators,
                     context.library),
        sampler_(context.text, context.job) {
    write_start_values(context.program, context.rank, binding_, device_, context.job.seed);
  }

  RunResult run() {
    check_room_for_blas();
    RunResult result;
    result.arena = binding_.highest_byte();
    const Instant begin = now();
    result.held_back_before = held_back_loss();
    const Seconds judging = (now() - begin).wall;
    for (std::int64_t step = 0; step < context_.steps; ++step) {
      if (context_.may_begin && !context_.may_begin(step)) {
        result.stopped = true;
        break;
      }
      result.steps.push_back(run_step(step, result));
      // Events are kept while a lane is busy, and some plans always have one that is.
      if ((step + 1) % kStepsBetweenDrains == 0) interpreter_.drain();
      if (context_.on_step) context_.on_step(result.steps.back());
    }
    interpreter_.drain();
    add_late(result);
    if (!result.stopped || as_first(judging < kSoon ? 1 : 0) != 0) result.held_back_after = held_back_loss();
    result.resident = resident_now();
    return result;
  }

 private:
  std::int64_t as_first(std::int64_t mine) const {
    return context_.as_first ? context_.as_first(mine) : mine;
  }

  /// `draw(micro, ids, targets)` fills a micro-batch, which is then written to the device.
  template <class Draw>
  void write_tokens(Draw&& draw) {
    const auto count = static_cast<std::size_t>(context_.job.micro_batch_tokens());
    std::vector<std::int32_t> ids(count), targets(count);
    constexpr program::BufferId kNone{-1};
    if (host_.ids == kNone && host_.targets == kNone) return;
    for (std::int32_t m = 0; m < context_.program.micro_batches; ++m) {
      draw(m, ids, targets);
      if (host_.ids != kNone) device_.write_values<std::int32_t>(binding_.slot(host_.ids, m), ids);
      if (host_.targets != kNone)
        device_.write_values<std::int32_t>(binding_.slot(host_.targets, m), targets);
    }
    context_.text.check_unchanged();  // afterwards: what was drawn is what all ranks have read
  }

  StepRecord run_step(std::int64_t step, RunResult& result) {
    const Instant begin = now();
    write_tokens([&](std::int32_t m, std::span<std::int32_t> ids, std::span<std::int32_t> targets) {
      sampler_.draw(step, at_.dp, m, ids, targets);
    });
    const double rate = learning_rate(context_.job.train, step, context_.steps);
    const std::array control{rate, static_cast<double>(step + 1)};
    device_.write_values<double>(binding_.slot(host_.control), control);

    MeasuredStep measured;
    const StepResult outcome = interpreter_.run_step(static_cast<std::int32_t>(step), &measured);
    const Instant took = now() - begin;
    if (!outcome.finite)
      throw RunFailed(
          fmt::format("step {}: loss {} or gradient norm {} is not a finite number; a lower "
                      "train.learning_rate or a longer warm-up often helps",
                      step, outcome.loss, outcome.grad_norm));
    add_late(result);
    keep(result, step, std::move(measured), took);
    const auto tokens =
        static_cast<double>(context_.job.train.global_batch * context_.job.train.sequence_length);
    return {.step = step,
            .loss = outcome.loss,
            .grad_norm = outcome.grad_norm,
            .learning_rate = rate,
            .wall = took.wall,
            .cpu = took.cpu,
            .tokens_per_s = tokens / took.wall.value};
  }

  /// What ends after its step belongs to that step all the same.
  void add_late(RunResult& result) {
    for (const LateRow& late : interpreter_.take_late()) {
      const auto step = std::ranges::find(result.measured, late.row.step, &MeasuredStep::step);
      if (step != result.measured.end()) step->add(late.row, late.start, late.end);
    }
  }

  static void keep(RunResult& result, std::int64_t step, MeasuredStep measured, Instant took) {
    if (step < RunResult::kWarmupSteps) return;
    measured.wall.length = took.wall;
    measured.cpu.length = took.cpu;
    if (result.measured.size() == RunResult::kMeasuredSteps) result.measured.erase(result.measured.begin());
    result.measured.push_back(std::move(measured));
  }

  double held_back_loss() {
    const std::int64_t rounds = ceil_div(context_.held_back_sequences, context_.job.train.global_batch);
    if (rounds == 0) return 0;
    double sum = 0;
    for (std::int64_t round = 0; round < rounds; ++round) {
      write_tokens([&](std::int32_t m, std::span<std::int32_t> ids, std::span<std::int32_t> targets) {
        sampler_.held_back(round, rounds, at_.dp, m, ids, targets);
      });
      sum += interpreter_.run_forward();
    }
    // All tensor-parallel ranks know the whole loss of their tokens; it counts once, as in a step.
    return at_.tp == 0 ? sum / static_cast<double>(rounds) : 0;
  }

  /// A core and its memory, where the caller brings none.
  struct Own {
    explicit Own(Bytes size) : arena(size), device(arena.base(), arena.size()) {}
    Arena arena;
    CpuDevice device;
  };

  const Context& context_;
  const program::HostBuffers& host_;
  program::Coordinates at_;
  std::unique_ptr<Own> own_;
  Device& device_;
  Binding binding_;
  Interpreter interpreter_;
  Sampler sampler_;
};

}  // namespace

RunResult run_rank(const Context& context) { return Rank(context).run(); }

std::optional<Seconds> time_left(std::span<const StepRecord> seen, std::int64_t steps) {
  const std::ptrdiff_t warm = std::ssize(seen) - RunResult::kWarmupSteps;
  if (warm < kFewestSteps) return std::nullopt;
  std::vector<double> walls;
  for (const StepRecord& step : seen.last(static_cast<std::size_t>(std::min(warm, kMostSteps))))
    walls.push_back(step.wall.value);
  const auto middle = walls.begin() + std::ssize(walls) / 2;
  std::ranges::nth_element(walls, middle);
  const std::int64_t left = std::max<std::int64_t>(0, steps - std::ssize(seen));
  return Seconds{std::ceil(*middle * static_cast<double>(left))};
}

std::int64_t held_back_for(const workload::Job& job, std::int64_t steps) {
  constexpr std::int64_t kMost = 128;
  // A forward pass is a third of a step and is done twice over: 15 % of the sequences are 10 % of the work.
  const std::int64_t cheap = steps * job.train.global_batch * 15 / 100;
  return std::clamp(cheap, std::min(job.train.global_batch, kMost), kMost);
}

const MeasuredStep* median_step(const RunResult& result, program::Timeline MeasuredStep::* clock) {
  if (result.measured.empty()) return nullptr;
  std::vector<const MeasuredStep*> order;
  for (const MeasuredStep& step : result.measured) order.push_back(&step);
  auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2);
  std::nth_element(order.begin(), middle, order.end(), [&](const MeasuredStep* a, const MeasuredStep* b) {
    return (a->*clock).length < (b->*clock).length;
  });
  return *middle;
}

}  // namespace ds::executor

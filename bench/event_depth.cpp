// How long a prediction at event depth takes, part by part: GPT-3 175B by tp 8 and pp 8 on 512 and on 4,096 GPUs.
//
//   build/bin/bench_event_depth
//
// Milliseconds of processor time; layout is that of all eight classes. Durations are made up: what counts here is the number
// of instructions, not their length.
#include <fmt/format.h>
#include <sys/resource.h>

#include <ctime>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/engine/engine.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/workload/split.h"

namespace {

using namespace ds;

workload::Job gpt3(std::int64_t dp, bool overlap) {
  workload::Job job;
  job.model = {.name = "gpt3-175b",
               .family = workload::Family::gpt,
               .layers = 96,
               .hidden = 12288,
               .heads = 96,
               .kv_heads = 96,
               .head_dim = 128,
               .ffn_hidden = 49152,
               .vocab = 51200,
               .tied_embeddings = true,
               .position = workload::Position::learned};
  job.cluster.groups = {{.node = {.name = "made up", .gpu = "", .gpus_per_node = 64 * dp, .cpu = true}}};
  job.train.sequence_length = 2048;
  job.train.global_batch = 1536;
  job.plan.tp = 8, job.plan.pp = 8, job.plan.dp = dp;
  job.plan.precision = workload::Precision::bf16;
  job.plan.sequence_parallel = true;
  job.plan.zero = 1;
  job.plan.overlap = {.grad_reduce = overlap, .param_gather = overlap, .p2p = overlap};
  job.plan.stage_layers = workload::split_layers(job.model.layers, job.plan.pp, 1);
  job.habits.gradient_type = "fp32";
  return job;
}

engine::Durations made_up(const program::Program& program) {
  engine::Durations durations;
  for (std::size_t i = 0; i < program.ops.size(); ++i)
    durations.operators.push_back({1e-3 * (1 + 0.01 * static_cast<double>(i % 7))});
  for (const program::Template& body : program.templates) {
    std::vector<Seconds>& seconds = durations.communications.emplace_back();
    for (const program::Instruction& instruction : body.body)
      seconds.push_back({1e-5 + 1e-11 * instruction.comm.bytes.expected_bytes});
  }
  return durations;
}

/// Milliseconds of processor time since the last lap.
class Clock {
 public:
  double lap() {
    const std::clock_t now = std::clock();
    return static_cast<double>(now - std::exchange(last_, now)) * 1e3 / CLOCKS_PER_SEC;
  }

 private:
  std::clock_t last_ = std::clock();
};

void predict(std::int64_t dp, bool overlap) {
  const workload::Job job = gpt3(dp, overlap);
  Clock clock;
  const program::Program program = program::lower(job);
  const double lowering = clock.lap();
  for (std::size_t c = 0; c < program.classes.size(); ++c) memory::layout(program, c);
  const double layouts = clock.lap();
  const engine::Durations durations = made_up(program);
  clock.lap();
  const program::StepSummary event = engine::play(program, durations).summary;
  const double playing = clock.lap();
  const program::StepSummary analytic = engine::analyse(program, durations);
  const double analysing = clock.lap();
  const Seconds bound = engine::bound(program, durations);
  const double bounding = clock.lap();
  fmt::print("{:5} {:>11} {:8.1f} {:8.1f} {:8.1f} {:8.1f} {:8.1f} {:8.1f}   {:.4f} <= {:.4f} <= {:.4f}\n",
             64 * dp, overlap ? "overlapping" : "blocking", lowering, layouts, playing,
             lowering + layouts + playing, analysing, bounding, bound.value, analytic.step_time.value,
             event.step_time.value);
}

}  // namespace

int main() {
  fmt::print("{:5} {:>11} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}   bound <= analytic <= event, s\n", "GPUs", "",
             "lower", "layout", "event", "sum, ms", "analytic", "bound");
  for (const std::int64_t dp : {8, 64})
    for (const bool overlap : {false, true}) predict(dp, overlap);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("peak memory {} MB\n", usage.ru_maxrss / 1000);
}

// How long a prediction takes, part by part, from the lowered plan to both depths.
//
//   build/bin/bench_event_depth [WORDS]    only cases whose name has these words
//
// Milliseconds of processor time of one core, the least of several runs of each part; memory as the process has it at its most.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <string_view>
#include <vector>

#include "simulator/engine/engine.h"
#include "simulator/engine/predict.h"
#include "simulator/memory/live_bytes.h"
#include "simulator/workload/workload.h"

namespace {

using namespace ds;

struct Case {
  std::string_view name, job;
};

constexpr Case kCases[] = {
    {"llama3-8b, 64 H100, tp 2 pp 4 dp 8",
     R"({"model": "llama3-8b", "cluster": {"node": "dgx-h100", "nodes": 8},
        "train": {"sequence_length": 8192, "global_batch": 128},
        "plan": {"tp": 2, "pp": 4, "micro_batch": 1}})"},
    {"gpt3-175b, 512 A100, tp 8 pp 8 dp 8",
     R"({"model": "gpt3-175b", "cluster": {"node": "dgx-a100-80g", "nodes": 64},
        "train": {"sequence_length": 2048, "global_batch": 1536},
        "plan": {"tp": 8, "pp": 8, "micro_batch": 1}})"},
    {"gpt3-175b, 512 A100, interleaved by 2",
     R"({"model": "gpt3-175b", "cluster": {"node": "dgx-a100-80g", "nodes": 64},
        "train": {"sequence_length": 2048, "global_batch": 1536},
        "plan": {"tp": 8, "pp": 8, "micro_batch": 1, "vpp": 2}})"},
    {"megatron-1t, 4,096 A100, tp 8 pp 64 dp 8",
     R"({"model": "megatron-1t", "cluster": {"node": "dgx-a100-80g", "nodes": 512},
        "train": {"sequence_length": 2048, "global_batch": 4096},
        "plan": {"tp": 8, "pp": 64, "precision": "bf16", "recompute": "full"}})"},
    {"llama3-405b, 16,384 H100, tp 8 pp 16 dp 128",
     R"({"model": "llama3-405b", "cluster": {"node": "dgx-h100", "nodes": 2048},
        "train": {"sequence_length": 8192, "global_batch": 2048},
        "plan": {"tp": 8, "pp": 16, "micro_batch": 1}})"},
};

constexpr int kRuns = 7;

/// The least milliseconds that fn takes in several runs.
template <class Fn>
double least(Fn&& fn) {
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < kRuns; ++run) {
    const std::clock_t begin = std::clock();
    fn();
    best = std::min(best, static_cast<double>(std::clock() - begin) * 1e3 / CLOCKS_PER_SEC);
  }
  return best;
}

void measure(const Case& one) {
  const workload::Job job = workload::read_job_text(one.job, "job.json");
  const cost::Profile unused = cost::rough_profile();
  const cost::Machine machine(job, unused);
  program::Program program;
  engine::Durations durations;
  engine::Played event;
  program::StepSummary analytic;
  Seconds bound;
  const double lowering =
      least([&] { program = program::lower(job, program::Classes::per_stage, program::Hash::left_out); });
  const double memory = least([&] { memory::live_bytes(program); });
  const double pricing = least([&] { durations = engine::price(program, machine); });
  const double playing = least([&] { event = engine::play(program, durations); });
  const double analysing = least([&] { analytic = engine::analyse(program, durations); });
  const double bounding = least([&] { bound = engine::bound(program, durations); });
  fmt::print("{:<44} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:8.2f}   {:.4f} <= {:.4f} <= {:.4f}\n",
             one.name, lowering, memory, pricing, playing, lowering + memory + pricing + playing, analysing,
             bounding, bound.value, analytic.step_time.value, event.summary.step_time.value);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  fmt::print("{:<44} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}   bound <= analytic <= event, s\n", "",
             "lower", "memory", "price", "event", "sum, ms", "analytic", "bound");
  for (const Case& one : kCases)
    if (one.name.find(only) != std::string_view::npos) measure(one);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("peak memory {} MB\n", usage.ru_maxrss / 1000);
}

// How long a prediction takes, part by part, from the lowered plan to both depths.
//
//   build/bin/bench_event_depth [WORDS]    only cases whose name has these words
//
// Milliseconds of processor time of one core, the least of several runs of each part. Memory is what a process of its own has at
// its most when it has come to the event depth, with its program and libraries (3 MB).
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <stdexcept>
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

struct Measured {
  double lowering, memory, pricing, playing, megabytes;  // megabytes: up to the event depth
  double analysing, bounding;
  Seconds bound, analytic, event;
};

Measured measure(const Case& one) {
  const workload::Job job = workload::read_job_text(one.job, "job.json");
  const cost::Profile unused = cost::rough_profile();
  const cost::Machine machine(job, unused);
  program::Program program;
  engine::Durations durations;
  Measured result{};
  result.lowering = least([&] {
    program = {};  // so that there is one at a time
    program = program::lower(job, program::Classes::per_stage, program::Hash::left_out);
  });
  result.memory = least([&] { memory::live_bytes(program); });
  result.pricing = least([&] { durations = engine::price(program, machine); });
  result.playing = least([&] { result.event = engine::play(program, durations).summary.step_time; });
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.megabytes = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
  result.analysing = least([&] { result.analytic = engine::analyse(program, durations).step_time; });
  result.bounding = least([&] { result.bound = engine::bound(program, durations); });
  return result;
}

/// In a process of its own, so that its memory is that of this case alone, libraries included.
void measure_alone(const Case& one) {
  int ends[2]{};
  Measured result{};
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  const pid_t child = fork();
  if (child == 0) {
    result = measure(one);
    _exit(write(ends[1], &result, sizeof result) == sizeof result ? 0 : 1);
  }
  close(ends[1]);
  if (child < 0 || read(ends[0], &result, sizeof result) != sizeof result)
    throw std::runtime_error(fmt::format("{}: not measured", one.name));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  fmt::print(
      "{:<44} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:8.1f} {:8.2f} {:8.2f}   {:.4f} <= {:.4f} <= {:.4f}\n",
      one.name, result.lowering, result.memory, result.pricing, result.playing,
      result.lowering + result.memory + result.pricing + result.playing, result.megabytes, result.analysing,
      result.bounding, result.bound.value, result.analytic.value, result.event.value);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  fmt::print("{:<44} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}   bound <= analytic <= event, s\n", "",
             "lower", "memory", "price", "event", "sum, ms", "MB", "analytic", "bound");
  std::fflush(stdout);
  for (const Case& one : kCases)
    if (one.name.find(only) != std::string_view::npos) measure_alone(one);
}

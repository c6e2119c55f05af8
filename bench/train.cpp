// Tokens per second of two models on one core, beside what their matrix products alone would allow, measured in between
// the steps of the same run; and the memory beside the arena.
//
//   bench/run train           or build/bin/bench_train TEXT, any file of some hundred kilobytes
#include "executor/train.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "executor/calibrate/probe.h"
#include "executor/one_blas_thread.h"
#include "simulator/base/error.h"
#include "simulator/base/statistics.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/workload/workload.h"

extern char** environ;  // NOLINT: POSIX says that the program declares it

namespace {

using namespace ds;

struct Case {
  const char* name;
  const char* job;
  std::int64_t steps;
};

constexpr Case kCases[] = {
    {"GPT-2 124M, fp32, 4 sequences of 64",
     R"({"model": "gpt2-124m", "cluster": {"node": "localhost", "nodes": 1},
         "train": {"sequence_length": 64, "global_batch": 4}, "plan": {"micro_batch": 4}})",
     8},
    {"4 layers of 256, vocabulary 4096, fp32, 4 sequences of 128",
     R"({"model": {"family": "gpt", "layers": 4, "hidden": 256, "heads": 4, "ffn_hidden": 1024, "vocab": 4096},
         "cluster": {"node": "localhost", "nodes": 1},
         "train": {"sequence_length": 128, "global_batch": 4}, "plan": {"micro_batch": 4}})",
     40},
};

/// Resident memory of a process of its own that trains two steps, as it says itself on its standard output. (What
/// wait4 reports as highest would count this process, too: it is handed on through exec.)
Bytes resident_alone(const std::string& self, const std::string& number, const std::string& text) {
  std::string args[] = {self, text, "--only", number};
  char* argv[] = {args[0].data(), args[1].data(), args[2].data(), args[3].data(), nullptr};
  int ends[2] = {};
  if (::pipe(ends) != 0) throw MachineError("no pipe to be had");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, self.c_str(), &actions, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  char answer[32] = {};
  const ssize_t n = failed != 0 ? 0 : ::read(ends[0], answer, sizeof answer - 1);
  ::close(ends[0]);
  int status = 1;
  if (failed == 0) ::waitpid(child, &status, 0);
  if (n <= 0 || status != 0) throw MachineError("the process that measures memory failed");
  return {std::stoll(answer)};
}

struct Ready {
  workload::Job job;
  program::Program program;
  memory::Layout layout;
  executor::Text text;
};

Ready prepare(const Case& c, const std::string& text_file) {
  workload::Job job = workload::read_job_text(c.job, c.name);
  program::Program program = program::lower(job);
  memory::Layout layout = memory::layout(program, 0);
  executor::Text text = executor::read_text(text_file, job);
  return {std::move(job), std::move(program), std::move(layout), std::move(text)};
}

Bytes train_only(const Case& c, const std::string& text_file) {
  const Ready ready = prepare(c, text_file);
  return executor::run_rank({.job = ready.job,
                             .program = ready.program,
                             .layout = ready.layout,
                             .text = ready.text,
                             .steps = 2,
                             .held_back_sequences = 0})
      .resident;
}

void bench(const Case& c, const std::string& self, const std::string& number, const std::string& text_file) {
  const Ready ready = prepare(c, text_file);
  std::vector<double> cpu, wall, limit;
  executor::run_rank({.job = ready.job,
                      .program = ready.program,
                      .layout = ready.layout,
                      .text = ready.text,
                      .steps = c.steps,
                      .held_back_sequences = 0,
                      .on_step = [&](const executor::StepRecord& step) {
                        if (step.step < executor::RunResult::kWarmupSteps) return;
                        cpu.push_back(step.cpu.value);
                        wall.push_back(step.wall.value);
                        if (step.step % (c.steps / 4) == 1)
                          limit.push_back(executor::gemm_only(ready.program).value);
                      }});
  const auto tokens = static_cast<double>(ready.job.train.global_batch * ready.job.train.sequence_length);
  const double ratio = median(limit) / median(cpu);
  const Bytes resident = resident_alone(self, number, text_file);
  fmt::print("{}\n", c.name);
  fmt::print("  {:9.1f} tokens/s of processor time ({:.1f} by the clock)\n", tokens / median(cpu),
             tokens / median(wall));
  fmt::print("  {:9.1f} tokens/s would its matrix products alone allow: ratio {:.3f}\n",
             tokens / median(limit), ratio);
  fmt::print("  {:9.1f} MB resident, {:.1f} MB of it arena: {:.1f} MB beside it\n",
             static_cast<double>(resident.value) / 1e6, static_cast<double>(ready.layout.arena.value) / 1e6,
             static_cast<double>((resident - ready.layout.arena).value) / 1e6);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  executor::start_with_one_blas_thread(argv);
  if (argc < 2) {
    fmt::print(stderr, "usage: bench/train TEXT\n");
    return 2;
  }
  try {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    if (argc == 4) {
      fmt::print("{}\n", train_only(kCases[std::stoul(argv[3])], argv[1]).value);
      return 0;
    }
    for (std::size_t i = 0; i < std::size(kCases); ++i) bench(kCases[i], self, std::to_string(i), argv[1]);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench/train: {}\n", e.what());
    return 3;
  }
}

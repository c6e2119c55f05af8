// Predicted against measured step time of jobs that calibration never saw: operators are measured alone once, then each
// job is trained in interleaved rounds. In thread CPU seconds; wall time and a GEMM probe before and after stand beside.
//
//   bench/run accuracy, or build/bin/bench_accuracy TEXT [PROFILE]; without a profile the machine is calibrated first
//
// Ends with 1 where the median of predicted / measured of a job lies outside 0.8 to 1.25, or a peak is not equal.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/calibration/calibration.h"
#include "executor/calibrate/probe.h"
#include "executor/one_blas_thread.h"
#include "executor/train.h"
#include "simulator/base/error.h"
#include "simulator/base/statistics.h"
#include "simulator/engine/predict.h"
#include "simulator/workload/workload.h"

namespace {

using namespace ds;

constexpr int kRounds = 5;
constexpr std::int64_t kSteps = 6;  // two of them warm up
constexpr double kLow = 0.8, kHigh = 1.25;

struct Case {
  const char* name;
  const char* job;
};

constexpr Case kCases[] = {
    {"gpt 4 x 256, 4 of 128",
     R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
         "train": {"sequence_length": 128, "global_batch": 8}, "plan": {"micro_batch": 4}})"},
    {"the same, full recompute, 2 of 128",
     R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
         "train": {"sequence_length": 128, "global_batch": 8}, "plan": {"micro_batch": 2, "recompute": "full"}})"},
    {"llama 4 x 256, grouped queries, 1 of 256",
     R"({"model": "llama-3m", "cluster": {"node": "localhost", "nodes": 1},
         "train": {"sequence_length": 256, "global_batch": 4}, "plan": {"micro_batch": 1}})"},
    {"gpt 6 x 384, unfused attention, 2 of 192",
     R"({"model": {"family": "gpt", "layers": 6, "hidden": 384, "heads": 6, "ffn_hidden": 1536, "vocab": 300},
         "cluster": {"node": "localhost", "nodes": 1}, "train": {"sequence_length": 192, "global_batch": 4},
         "plan": {"micro_batch": 2, "attention": "unfused"}})"},
    {"llama 3 x 640, 8 of 40",
     R"({"model": {"family": "llama", "layers": 3, "hidden": 640, "heads": 10, "ffn_hidden": 1700, "vocab": 1000},
         "cluster": {"node": "localhost", "nodes": 1}, "train": {"sequence_length": 40, "global_batch": 8},
         "plan": {"micro_batch": 8}})"},
    {"gpt 2 x 96, tiny, 16 of 48",
     R"({"model": {"family": "gpt", "layers": 2, "hidden": 96, "heads": 3, "ffn_hidden": 400, "vocab": 256},
         "cluster": {"node": "localhost", "nodes": 1}, "train": {"sequence_length": 48, "global_batch": 64},
         "plan": {"micro_batch": 16}})"},
    {"gpt 12 x 512, 1 of 512",
     R"({"model": {"family": "gpt", "layers": 12, "hidden": 512, "heads": 8, "ffn_hidden": 2048, "vocab": 8000},
         "cluster": {"node": "localhost", "nodes": 1}, "train": {"sequence_length": 512, "global_batch": 2},
         "plan": {"micro_batch": 1}})"},
    {"gpt 4 x 256 in fp64, 2 of 64",
     R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
         "train": {"sequence_length": 64, "global_batch": 4}, "plan": {"micro_batch": 2, "precision": "fp64"}})"},
};

struct Run {
  workload::Job job;
  executor::Text text;
  engine::Prediction predicted;
  std::vector<double> ratios, wall;
  std::map<std::string, std::vector<double>> class_seconds;  // measured, by round
  Bytes arena;
};

cost::Profile calibrate() {
  fmt::print("calibrating on operators alone ...\n");
  const auto times = executor::measure_operators(executor::calibration_grid(), {.rounds = kRounds});
  return cli::profile_of(times, kRounds);
}

void round(Run& run) {
  const executor::RunResult result = executor::run_rank({.job = run.job,
                                                         .program = run.predicted.program,
                                                         .layout = run.predicted.layouts.front(),
                                                         .text = run.text,
                                                         .steps = kSteps,
                                                         .held_back_sequences = 0});
  const executor::MeasuredStep* step = executor::median_step(result);
  run.ratios.push_back(run.predicted.summary.step_time / step->cpu.length);
  run.wall.push_back(step->wall.length.value);
  for (const program::ClassTime& c : program::summarise(run.predicted.program, step->cpu).classes)
    run.class_seconds[c.name].push_back(c.seconds.value);
  run.arena = result.arena;
}

bool tell(const Case& c, const Run& run) {
  const double ratio = median(run.ratios);
  const auto [low, high] = std::ranges::minmax(run.ratios);
  const bool equal = run.arena == run.predicted.peak;
  const double predicted = run.predicted.summary.step_time.value;
  fmt::print("{:<44} {:>8.1f} ms {:>8.1f} ms {:>8.1f} ms   {:.3f} ({:.3f} to {:.3f})  {}\n", c.name,
             predicted * 1e3, predicted / ratio * 1e3, median(run.wall) * 1e3, ratio, low, high,
             equal ? "equal" : fmt::format("{} against {}", run.predicted.peak.value, run.arena.value));
  return ratio >= kLow && ratio <= kHigh && equal;
}

struct ClassRow {
  std::string name;
  double predicted{}, measured{};   // seconds, over a step of each job that has the class
  std::vector<std::string> ratios;  // by job
};

/// Predicted / measured of every operator class, in all jobs and in each: errors that cancel out in a step show here.
void tell_classes(const std::vector<std::unique_ptr<Run>>& runs) {
  std::vector<ClassRow> rows;
  for (std::size_t r = 0; r < runs.size(); ++r)
    for (const program::ClassTime& predicted : runs[r]->predicted.summary.classes) {
      auto row = std::ranges::find(rows, predicted.name, &ClassRow::name);
      if (row == rows.end())
        row = rows.insert(row, {predicted.name, 0, 0, std::vector<std::string>(runs.size(), "-")});
      const double measured = median(runs[r]->class_seconds.at(predicted.name));
      row->predicted += predicted.seconds.value;
      row->measured += measured;
      row->ratios[r] = fmt::format("{:.2f}", predicted.seconds.value / measured);
    }
  std::ranges::sort(rows, std::ranges::greater{}, &ClassRow::measured);
  fmt::print("{:<34} {:>12} {:>7}   by job, in the order above\n", "class, all jobs", "measured", "ratio");
  for (const ClassRow& row : rows)
    fmt::print("{:<34} {:>9.2f} ms {:>7.3f}   {:>5}\n", row.name, row.measured * 1e3,
               row.predicted / row.measured, fmt::join(row.ratios, " "));
}

int bench(const std::string& text_file, const char* profile_file) {
  const cost::Profile profile = profile_file != nullptr ? cost::read_profile(profile_file) : calibrate();
  std::vector<std::unique_ptr<Run>> runs;
  for (const Case& c : kCases) {
    workload::Job job = workload::read_job_text(c.job, c.name);
    executor::Text text = executor::read_text(text_file, job);
    engine::Prediction predicted = engine::predict(job, cost::Machine(job, profile), workload::Depth::event);
    runs.push_back(
        std::make_unique<Run>(Run{std::move(job), std::move(text), std::move(predicted), {}, {}, {}}));
  }
  const executor::GemmProbe before = executor::probe_gemm();
  for (int i = 0; i < kRounds; ++i)
    for (const auto& run : runs) round(*run);
  const executor::GemmProbe after = executor::probe_gemm();

  fmt::print("{:<44} {:>11} {:>11} {:>11}   {}\n", "job, not seen by calibration", "predicted", "measured",
             "(wall)", "predicted / measured, median of 5 rounds  peak memory");
  bool good = true;
  for (std::size_t i = 0; i < runs.size(); ++i) good &= tell(kCases[i], *runs[i]);
  tell_classes(runs);
  fmt::print("GEMM probe before {:.1f}, after {:.1f} GFLOP/s\n", before.cpu.value / 1e9,
             after.cpu.value / 1e9);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  executor::start_with_one_blas_thread(argv);
  if (argc < 2) {
    fmt::print(stderr, "usage: bench/accuracy TEXT [PROFILE]\n");
    return 2;
  }
  try {
    return bench(argv[1], argc > 2 ? argv[2] : nullptr);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench/accuracy: {}\n", e.what());
    return 3;
  }
}

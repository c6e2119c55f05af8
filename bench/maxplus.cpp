// How fast steps of pipelines are compiled and evaluated: the core of the analytic depth, without lowering.
//
//   build/bin/bench_maxplus
//
// Microseconds of processor time. `reduce`: local items of all classes eliminated; `compile`: the tape from what is left;
// `through`: entries of the tape that were not skipped. Nanoseconds are by entry and plan, eight at a time, nothing
// skipped.
#include "simulator/maxplus/maxplus.h"

#include <fmt/format.h>

#include <ctime>
#include <functional>
#include <string>

#include "simulator/base/random.h"
#include "tests/support/pipelines.h"

namespace {

using namespace ds;
using test::Pipeline;

/// Microseconds of processor time.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

/// Microseconds of one call, the best of a few rounds.
double microseconds(const std::function<void()>& what) {
  double best = 1e30;
  for (int round = 0; round < 5; ++round) {
    int calls = 0;
    const double begin = now();
    double passed = 0;
    do {
      what();
      ++calls;
      passed = now() - begin;
    } while (passed < 2e4);
    best = std::min(best, passed / calls);
  }
  return best;
}

/// Even: all stages alike. Ends: the first has an embedding, the last a head, and two stages have a layer less than the
/// others' four. Random: each stage up to a fifth slower than another. Plans differ by a few per cent in all of them.
enum class Stages : std::uint8_t { even, ends, random };

std::vector<double> durations_of(const Pipeline& pipeline, std::size_t stage, std::size_t plan,
                                 Stages stages) {
  const RandomStream random(plan, 3);
  const auto last = static_cast<std::size_t>(pipeline.stages) - 1;
  double layers = 4;
  if (stages == Stages::ends) layers = stage == 0 ? 4.2 : stage == last ? 3.9 : stage + 1 == last ? 3 : 4;
  std::vector<double> list;
  for (std::int32_t d = 0; d < test::PipelineBuilder::durations(pipeline); ++d) {
    const std::int32_t kind = d < test::kFirstOfChunk ? -1 : (d - test::kFirstOfChunk) % test::kOfChunk;
    const auto number = static_cast<std::size_t>(d);
    double seconds = kind >= test::kSendForward ? 0.05 : layers * (kind == test::kBackward ? 2 : 1);
    seconds *= 1 + 0.05 * random.uniform(number);
    if (stages == Stages::random) seconds *= 1 + 0.2 * random.uniform(64 * (stage + 1) + number);
    list.push_back(seconds);
  }
  return list;
}

void row(const std::string& name, const Pipeline& pipeline, Stages stages) {
  const std::vector<maxplus::Outline> outlines = test::PipelineBuilder(pipeline).take();
  std::vector<const maxplus::Outline*> classes;
  for (const maxplus::Outline& outline : outlines) classes.push_back(&outline);
  const auto cut = maxplus::find_cut(classes);
  std::vector<maxplus::SyncGraph> graphs;
  const double reducing = microseconds([&] {
    graphs.clear();
    for (std::size_t c = 0; c < outlines.size(); ++c)
      graphs.push_back(maxplus::reduce(outlines[c], cut ? (*cut)[c] : maxplus::kNone));
  });
  std::vector<const maxplus::SyncGraph*> list;
  for (const maxplus::SyncGraph& graph : graphs) list.push_back(&graph);
  maxplus::Tape tape;
  const double compiling = microseconds([&] { tape = maxplus::compile(list); });

  maxplus::Evaluation<maxplus::PlanVector> eight;
  maxplus::Evaluation<double> one;
  std::vector<maxplus::PlanVector> weights(tape.weights());
  std::vector<double> own;
  for (std::size_t plan = 0; plan < maxplus::kPlans; ++plan)
    for (std::size_t c = 0; c < graphs.size(); ++c) {
      graphs[c].formulas.work_out(durations_of(pipeline, c, plan, stages), own);
      for (std::int32_t w = 0; w < graphs[c].formulas.weights; ++w)
        weights[static_cast<std::size_t>(tape.first_weight[c] + w)][plan] = own[static_cast<std::size_t>(w)];
    }
  const auto evaluate = [&](maxplus::Skip skip) {
    std::ranges::copy(weights, eight.weights(tape).begin());
    eight.step(tape, skip);
  };
  const double whole = microseconds([&] { evaluate(maxplus::Skip::no); });
  const double skipping = microseconds([&] { evaluate(maxplus::Skip::yes); });
  const double gone_through = static_cast<double>(eight.evaluated()) / tape.entries;
  const double alone = microseconds([&] {
    const std::span<double> first = one.weights(tape);
    for (std::size_t w = 0; w < first.size(); ++w) first[w] = weights[w][0];
    one.step(tape);
  });
  fmt::print("{:28} {:3} {:4} {:7} {:6} {:9.0f} {:9.0f} {:7.2f} {:8.1f}% {:9.2f} {:9.2f}\n", name,
             pipeline.stages, pipeline.micro_batches, tape.entries, tape.weights() / graphs.size(), reducing,
             compiling, whole * 1e3 / 8 / tape.entries, 100 * gone_through, skipping / 8, alone);
}

}  // namespace

int main() {
  using workload::Schedule;
  fmt::print("{:28} {:>3} {:>4} {:>7} {:>6} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}\n", "", "pp", "m", "entries",
             "a class", "reduce", "compile", "ns", "through", "us, of 8", "us, alone");
  struct Shape {
    const char* name;
    Schedule schedule;
    std::int32_t stages, micro_batches, chunks;
  };
  for (const Shape& shape : {Shape{"1f1b", Schedule::one_f_one_b, 8, 32, 1},
                             {"1f1b", Schedule::one_f_one_b, 4, 512, 1},
                             {"1f1b", Schedule::one_f_one_b, 16, 128, 1},
                             {"1f1b", Schedule::one_f_one_b, 64, 384, 1},
                             {"gpipe", Schedule::gpipe, 8, 64, 1},
                             {"gpipe", Schedule::gpipe, 64, 384, 1},
                             {"interleaved, 2 chunks", Schedule::interleaved, 8, 64, 2},
                             {"interleaved, 4 chunks", Schedule::interleaved, 16, 256, 4},
                             {"zb-h1", Schedule::zb_h1, 8, 64, 1},
                             {"zb-h1", Schedule::zb_h1, 16, 256, 1},
                             {"dualpipe", Schedule::dualpipe, 8, 64, 1},
                             {"dualpipe", Schedule::dualpipe, 16, 256, 1}})
    for (const bool beside : {false, true})
      for (const auto& [stages, name] :
           {std::pair(Stages::even, ""), {Stages::ends, ", ends"}, {Stages::random, ", random"}})
        row(std::string(shape.name) + (beside ? ", beside" : "") + name,
            {.schedule = shape.schedule,
             .stages = shape.stages,
             .micro_batches = shape.micro_batches,
             .chunks = shape.chunks,
             .beside = beside},
            stages);
}

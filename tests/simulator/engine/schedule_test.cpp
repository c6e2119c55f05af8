// Schedules as they are played, on stages whose layers are equal and where nothing but layers takes time.
#include <gtest/gtest.h>

#include "simulator/base/random.h"
#include "simulator/engine/engine.h"
#include "tests/support/jobs.h"

namespace ds::engine {
namespace {

using workload::Schedule;

/// Seconds of a layer: forward, gradient of its input, gradients of its weights.
struct Layer {
  double forward{}, inputs{}, weights{};
  double total() const { return forward + inputs + weights; }
};

/// Length of a step of `pp` stages with one layer each, or one in each chunk, by both depths.
double length(Schedule schedule, std::int64_t pp, std::int64_t micro_batches, const Layer& layer) {
  support::Small s{.layers = workload::entry_of(schedule).turns_back ? 2 * pp : pp, .vocab = 64};
  s.tied = false;
  s.micro_batches = micro_batches;
  s.pp = pp;
  s.schedule = schedule;
  const program::Program program = program::lower(support::small_job(s));
  Durations durations{.operators = std::vector<Seconds>(program.ops.size()), .communications = {}};
  durations.communications.tables.emplace_back(program.instructions.size());
  // Attention marks forward and input gradient of a layer, the product whose input is the MLP's the weight gradient.
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const ops::Op& op = program.ops[i];
    const auto* product = std::get_if<ops::Linear>(&op.what);
    if (std::holds_alternative<ops::Attention>(op.what))
      durations.operators[i] = {op.pass == ops::Pass::forward ? layer.forward : layer.inputs};
    else if (product != nullptr && product->inputs == s.ffn && op.pass == ops::Pass::weight_gradient)
      durations.operators[i] = {layer.weights};
  }
  const double played = play(program, durations).summary.step_time.value;
  EXPECT_NEAR(analyse(program, durations).step_time.value, played, 1e-9 * played);
  return played;
}

/// Bubbles of Qi et al. 2024, table 2: (p - 1) (F + B + W) of 1f1b, (p - 1) (F + B - W) of ZB-H1.
TEST(Schedules, ZeroBubbleH1HasTheBubbleOfItsPaper) {
  for (const std::int64_t pp : {2, 4, 8})
    for (const std::int64_t m : {pp, 2 * pp + 1})
      for (const Layer& layer : {Layer{1, 1, 1}, Layer{1, 1.25, 0.75}}) {
        const double work = static_cast<double>(m) * layer.total(), p = static_cast<double>(pp - 1);
        EXPECT_NEAR(length(Schedule::one_f_one_b, pp, m, layer), work + p * layer.total(), 1e-9);
        EXPECT_NEAR(length(Schedule::zb_h1, pp, m, layer),
                    work + p * (layer.forward + layer.inputs - layer.weights), 1e-9)
            << pp << " " << m;
      }
}

TEST(Schedules, ZeroBubbleH1IsNeverSlowerThan1f1b) {
  const RandomStream random(17, 0);
  std::uint64_t drawn = 0;
  const auto draw = [&](double least, double most) {
    return least + (most - least) * random.uniform(drawn++);
  };
  for (int trial = 0; trial < 60; ++trial) {
    const auto pp = static_cast<std::int64_t>(draw(2, 8)), m = static_cast<std::int64_t>(draw(1, 20));
    const Layer layer{draw(0.1, 3), draw(0.1, 3), draw(0.1, 3)};
    EXPECT_LT(length(Schedule::zb_h1, pp, m, layer), length(Schedule::one_f_one_b, pp, m, layer))
        << "pp " << pp << " m " << m << " F " << layer.forward << " B " << layer.inputs << " W "
        << layer.weights;
  }
}

/// V-ZB of Qi et al. 2024, "Pipeline Parallelism with Controllable Memory", table 2: where F, B and W take equally long no rank
/// waits between its first pass and its last. Ranks begin one chunk after another.
TEST(Schedules, ZeroBubbleVHasNoBubbleWhereItsPartsAreEqual) {
  for (const std::int64_t pp : {2, 3, 4, 8})
    for (const std::int64_t m : {2 * pp - 1, 2 * pp, 4 * pp + 1}) {
      const Layer half{1, 1, 1};  // of a stage, which has two chunks
      const double work = static_cast<double>(2 * m) * half.total(), begun = static_cast<double>(pp - 1);
      EXPECT_NEAR(length(Schedule::zb_v, pp, m, half), work + begun * half.forward, 1e-9) << pp << " " << m;
    }
}

/// Stages of as much work: 1f1b waits 3 (p - 1) halves of F + B + W.
TEST(Schedules, ZeroBubbleVIsFasterThanZeroBubbleH1) {
  for (const std::int64_t pp : {2, 4, 8}) {
    const std::int64_t m = 4 * pp;
    const Layer half{1, 1.1, 0.9}, whole{2, 2.2, 1.8};
    EXPECT_LT(length(Schedule::zb_v, pp, m, half), length(Schedule::zb_h1, pp, m, whole));
  }
}

/// Table 2 of the DeepSeek-V3 report: a bubble of (p / 2 - 1) (F&B + B - 3 W), where F&B is a merged call and B a whole
/// backward.
TEST(Schedules, DualPipeHasTheBubbleOfItsReport) {
  for (const std::int64_t pp : {2, 4, 8})
    for (const std::int64_t m : {2 * pp, 2 * pp + 4}) {
      const Layer layer{1, 1, 1};
      const double backward = layer.inputs + layer.weights, merged = layer.forward + backward;
      const double bubble = static_cast<double>(pp / 2 - 1) * (merged + backward - 3 * layer.weights);
      EXPECT_NEAR(length(Schedule::dualpipe, pp, m, layer), static_cast<double>(m) * layer.total() + bubble,
                  1e-9)
          << pp << " " << m;
    }
}

}  // namespace
}  // namespace ds::engine

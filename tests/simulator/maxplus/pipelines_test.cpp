// Schedules of pipelines, held to a player that goes item by item.
#include "tests/support/pipelines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulator/maxplus/systems.h"

namespace ds::maxplus {
namespace {

using test::Pipeline;
using workload::Schedule;

/// How long a stage's durations are beside those of another.
enum class Spread : std::uint8_t { even, uneven, slow_last, zero_messages, all_zero };

System system_of(const Pipeline& pipeline, Spread spread, std::uint64_t seed) {
  System system{test::PipelineBuilder(pipeline).take(), {}};
  const RandomStream random(seed, 1);
  std::uint64_t drawn = 0;
  for (std::size_t s = 0; s < system.classes.size(); ++s) {
    std::vector<double>& list = system.durations.emplace_back();
    for (std::int32_t d = 0; d < test::PipelineBuilder::durations(pipeline); ++d) {
      const double base = 0.5 + 0.25 * static_cast<double>(d % 5);
      double seconds = base;
      if (spread == Spread::uneven) seconds = base * (0.5 + random.uniform(drawn++));
      if (spread == Spread::slow_last && s + 1 == system.classes.size()) seconds = 3.7 * base;
      const std::int32_t kind = d < test::kFirstOfChunk ? -1 : (d - test::kFirstOfChunk) % test::kOfChunk;
      if (spread == Spread::zero_messages && kind >= test::kSendForward) seconds = 0;
      if (spread == Spread::all_zero) seconds = 0;
      list.push_back(seconds);
    }
  }
  return system;
}

std::vector<Pipeline> pipelines() {
  std::vector<Pipeline> list;
  const auto add = [&](Schedule schedule, std::int32_t stages, std::int32_t micro_batches,
                       std::int32_t chunks) {
    for (const bool beside : {false, true})
      for (const std::int32_t layers : {1, 3})
        for (const bool norm : {true, false})
          list.push_back({.schedule = schedule,
                          .stages = stages,
                          .micro_batches = micro_batches,
                          .chunks = chunks,
                          .beside = beside,
                          .layers = layers,
                          .reduces = layers > 1,
                          .norm = norm});
  };
  for (const std::int32_t stages : {1, 2, 4, 7}) {
    add(Schedule::gpipe, stages, 2 * stages + 23, 1);
    add(Schedule::one_f_one_b, stages, 2 * stages + 29, 1);
    add(Schedule::one_f_one_b, stages, 2, 1);
  }
  for (const std::int32_t stages : {2, 4}) {
    add(Schedule::interleaved, stages, 8 * stages, 2);
    add(Schedule::interleaved, stages, 12 * stages, 3);
    add(Schedule::zb_h1, stages, 30, 1);
    add(Schedule::dualpipe, stages, 32, 1);
  }
  return list;
}

std::string name(const Pipeline& p) {
  return fmt::format("schedule {} pp {} m {} vpp {} beside {} layers {} norm {}",
                     static_cast<int>(p.schedule), p.stages, p.micro_batches, p.chunks, p.beside, p.layers,
                     p.norm);
}

/// The example that the front door opens with: 3 s, sent for 0.5, another 4, and a meeting of 1.
TEST(Pipelines, TheExampleOfTheFrontDoorTakesWhatItSays) {
  Outline first{.lanes = 2, .items = {}, .waits = {}};
  first.add({.lane = 0, .duration = 0});
  first.add({.lane = 1, .duration = 1, .channel = 0}, {{.lane = 0, .count = 1}});
  first.add({.lane = 0, .duration = 2, .channel = 1}, {{.lane = 1, .count = 1}});
  Outline second{.lanes = 1, .items = {}, .waits = {}};
  second.add({.lane = 0, .duration = 1, .channel = 0});
  second.add({.lane = 0, .duration = 0});
  second.add({.lane = 0, .duration = 2, .channel = 1});
  const std::vector<const Outline*> classes{&first, &second};
  const StepStructure step = structure_of(classes, find_cut(classes));
  const std::vector<std::vector<double>> durations{{3, 0.5, 1}, {4, 0.5, 1}};
  Evaluation<double> evaluation;
  const std::span<double> weights = evaluation.weights(step.tape);
  std::vector<double> own;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    step.formulas[c].work_out(durations[c], own);
    std::copy_n(own.begin(), step.formulas[c].weights, weights.begin() + step.tape.first_weight[c]);
  }
  EXPECT_EQ(evaluation.step(step.tape), 8.5);
}

TEST(Pipelines, TakeWhatAPlayerTakesItemByItem) {
  for (const Pipeline& pipeline : pipelines())
    for (const Spread spread :
         {Spread::even, Spread::uneven, Spread::slow_last, Spread::zero_messages, Spread::all_zero}) {
      SCOPED_TRACE(name(pipeline) + fmt::format(" spread {}", static_cast<int>(spread)));
      const System system = system_of(pipeline, spread, 7);
      const NaivePlay naive(system);
      ASSERT_TRUE(naive.finished);
      Compiled compiled(system);
      EXPECT_TRUE(compiled.cut.has_value() || !pipeline.norm);
      const double whole = compiled.step(system, Skip::no);
      EXPECT_NEAR(whole, naive.step(), 1e-12 * naive.step_ends[2]);
      EXPECT_NEAR(compiled.step(system), whole, 1e-12 * naive.step_ends[2]);
    }
}

}  // namespace
}  // namespace ds::maxplus

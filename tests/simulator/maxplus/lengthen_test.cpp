// Long steps from short ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulator/maxplus/systems.h"
#include "tests/support/pipelines.h"

namespace ds::maxplus {
namespace {

using test::Pipeline;
using workload::Schedule;

StepStructure structure(const Pipeline& pipeline) {
  const std::vector<Outline> outlines = test::PipelineBuilder(pipeline).take();
  std::vector<const Outline*> classes;
  for (const Outline& outline : outlines) classes.push_back(&outline);
  return structure_of(classes, find_cut(classes));
}

double step(const StepStructure& structure, const Pipeline& pipeline, Skip skip) {
  Evaluation<double> evaluation;
  const std::span<double> weights = evaluation.weights(structure.tape);
  std::vector<double> own;
  const RandomStream random(1, 2);
  for (std::size_t c = 0; c < structure.formulas.size(); ++c) {
    std::vector<double> durations;
    for (std::int32_t d = 0; d < test::PipelineBuilder::durations(pipeline); ++d)
      durations.push_back(0.1 + random.uniform(64 * c + static_cast<std::size_t>(d)));
    structure.formulas[c].work_out(durations, own);
    for (std::int32_t w = 0; w < structure.formulas[c].weights; ++w)
      weights[static_cast<std::size_t>(structure.tape.first_weight[c] + w)] =
          own[static_cast<std::size_t>(w)];
  }
  return evaluation.step(structure.tape, skip);
}

TEST(Lengthened, IsTheStepOfMoreMicroBatches) {
  const auto check = [](Schedule schedule, std::int32_t stages, std::int32_t chunks, std::int32_t rounds) {
    for (const bool beside : {false, true}) {
      const std::int32_t period = schedule == Schedule::interleaved ? stages : 2;
      Pipeline pipeline{.schedule = schedule,
                        .stages = stages,
                        .micro_batches = rounds * stages + 12 * period,
                        .chunks = chunks,
                        .beside = beside};
      SCOPED_TRACE(fmt::format("schedule {} pp {} vpp {} beside {}", static_cast<int>(schedule), stages,
                               chunks, beside));
      const StepStructure shorter = structure(pipeline);
      pipeline.micro_batches += period;
      const StepStructure longer = structure(pipeline);
      const std::optional<StepStructure> result = lengthened(shorter, longer, 9);
      ASSERT_TRUE(result);
      pipeline.micro_batches += 8 * period;
      const StepStructure direct = structure(pipeline);
      EXPECT_EQ(result->tape.entries, direct.tape.entries);
      EXPECT_EQ(result->tape.code, direct.tape.code);
      for (const Skip skip : {Skip::no, Skip::yes})
        EXPECT_EQ(step(*result, pipeline, skip), step(direct, pipeline, skip));
    }
  };
  for (const std::int32_t stages : {1, 2, 4, 8}) {
    check(Schedule::one_f_one_b, stages, 1, 2);
    check(Schedule::gpipe, stages, 1, 2);
  }
  for (const std::int32_t stages : {2, 4, 8}) {
    check(Schedule::zb_h1, stages, 1, 4);
    check(Schedule::dualpipe, stages, 1, 4);
    check(Schedule::interleaved, stages, 2, 4);
  }
}

TEST(Lengthened, SaysNoWhereTheSteadyStateIsNotReached) {
  Pipeline pipeline{.schedule = Schedule::one_f_one_b, .stages = 8, .micro_batches = 6};
  const StepStructure shorter = structure(pipeline);
  ++pipeline.micro_batches;
  EXPECT_FALSE(lengthened(shorter, structure(pipeline), 3));
}

}  // namespace
}  // namespace ds::maxplus

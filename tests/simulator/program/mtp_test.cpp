// Multi-token prediction: what stands behind the head of the last stage.
#include <gtest/gtest.h>

#include <utility>

#include "simulator/program/walk.h"
#include "simulator/workload/parameters.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

constexpr std::int64_t kLayers = 4;

workload::Job job_with(std::int64_t further, std::int64_t pp, std::int64_t tp = 1,
                       workload::Family family = workload::Family::llama) {
  support::Small small = support::small_to_share(kLayers, 4);
  small.family = family, small.precision = workload::Precision::bf16;
  small.pp = pp, small.tp = tp, small.dp = 2;
  workload::Job job = support::small_job(small);
  job.model.mtp_layers = further;
  return job;
}

/// Also where positions are learned, whose table has no second use.
TEST(FurtherTokens, ProgramsPassTheChecker) {
  for (const auto& [further, family] :
       {std::pair{1, workload::Family::llama}, {2, workload::Family::llama}, {1, workload::Family::gpt}})
    for (const std::int64_t pp : {1, 2})
      for (const std::int64_t tp : {1, 2})
        for (const auto recompute : {workload::Recompute::none, workload::Recompute::full})
          for (const int zero : {0, 1, 3}) {
            workload::Job job = job_with(further, pp, tp, family);
            job.plan.recompute = recompute, job.plan.zero = zero;
            EXPECT_EQ(check(lower(job)), std::nullopt) << further << " " << pp << " " << tp << " " << zero;
            EXPECT_EQ(check(unroll(lower(job))), std::nullopt);
          }
}

std::int64_t elements(const Program& program) {
  std::int64_t sum = 0;
  for (const TrainedTensor& tensor : program.tensors) sum += tensor.shape.elements() * tensor.copies;
  return sum;
}

/// With one stage the table and the head are those of the model; a last stage has a copy of the table.
TEST(FurtherTokens, HaveTheParametersOfALayerAProjectionAndNorms) {
  const workload::Job plain = job_with(0, 1), with = job_with(1, 1);
  const std::int64_t more = workload::parameters(with.model, with.train.sequence_length) -
                            workload::parameters(plain.model, plain.train.sequence_length);
  EXPECT_EQ(elements(lower(with)) - elements(lower(plain)), more);
  const workload::Model& m = with.model;
  EXPECT_EQ(elements(lower(job_with(1, 2))) - elements(lower(job_with(0, 2))), more + m.vocab * m.hidden);
}

/// The head's weight has one gradient, to which every loss adds.
TEST(FurtherTokens, AddToTheGradientOfTheHead) {
  const Program program = lower(job_with(1, 2));
  std::int64_t first = 0, added = 0;
  const RankClass& last = program.classes.back();
  const Template* backward = nullptr;
  for (const Call& call : healthy_calls(last))
    if (program.body(call).pass == Pass::backward) {
      backward = &program.body(call);
      break;
    }
  ASSERT_NE(backward, nullptr);
  for_each_instruction(*backward, [&](InstructionId id, std::int32_t) {
    for (const Operator& one : program.operators_of(program.instruction(id))) {
      const ops::Op& op = program.op(one.op);
      const auto* product = std::get_if<ops::Linear>(&op.what);
      if (product == nullptr || op.pass != ops::Pass::weight_gradient ||
          product->outputs != job_with(1, 2).model.vocab)
        continue;
      (op.accumulate ? added : first) += 1;
    }
  });
  EXPECT_EQ(first, 1);
  EXPECT_EQ(added, 1);
}

}  // namespace
}  // namespace ds::program

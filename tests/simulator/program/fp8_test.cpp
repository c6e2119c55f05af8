// Products in 8 bits: what is quantised how often, what is kept, and what travels.
#include <gtest/gtest.h>

#include "simulator/program/walk.h"
#include "tests/support/architectures.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

constexpr std::int64_t kLayers = 3, kMicroBatches = 4;

workload::Job job_in(workload::Precision precision, std::int64_t tp = 1) {
  support::Small small = support::small_to_share(kLayers, kMicroBatches);
  small.family = workload::Family::llama, small.precision = precision, small.tp = tp;
  workload::Job job = support::small_job(small);
  job.plan.fp8_recipe = "tensor_current";
  return job;
}

template <class Fn>
void for_each_issued(const Program& program, Fn&& fn) {
  for (const Call& call : healthy_calls(program.classes.front()))
    for_each_instruction(program.body(call),
                         [&](InstructionId id, std::int32_t) { fn(program.instruction(id)); });
}

TEST(Fp8, ProductsOfLayersAreNarrowAndTheHeadIsNot) {
  const Program program = lower(job_in(workload::Precision::fp8));
  EXPECT_EQ(check(program), std::nullopt);
  for (const ops::Op& op : program.ops)
    if (const auto* linear = std::get_if<ops::Linear>(&op.what)) {
      EXPECT_EQ(linear->fp8, linear->outputs != 11) << linear->outputs;  // the vocabulary
      EXPECT_EQ(op.type, DataType::bf16);
    }
}

/// Without sequence parallelism tensor-parallel ranks copy and sum in place, which makes no new factor.
TEST(Fp8, EveryArchitectureIsLoweredOverTensorRanks) {
  for (const support::Architecture& one : support::architectures())
    for (const bool sequence_parallel : {false, true}) {
      support::Small small = support::small_to_share(kLayers, kMicroBatches);
      small.family = one.family, small.change = one.change, small.precision = workload::Precision::fp8;
      small.tp = 2, small.sequence_parallel = sequence_parallel;
      workload::Job job = support::small_job(small);
      job.plan.fp8_recipe = "tensor_current";
      EXPECT_EQ(check(lower(job)), std::nullopt) << one.name;
    }
}

/// A layer's weights once a step, its activations and gradients once a micro-batch: four products, each with one of both.
TEST(Fp8, WeightsAreQuantisedOnceAStep) {
  const Program program = lower(job_in(workload::Precision::fp8));
  std::int64_t weights = 0, others = 0;
  for_each_issued(program, [&](const Instruction& one) {
    for (const Operator& op : program.operators_of(one))
      if (std::holds_alternative<ops::Quantise>(program.op(op.op).what)) ++(one.of_step ? weights : others);
  });
  EXPECT_EQ(weights, kLayers);
  EXPECT_EQ(others, kLayers * kMicroBatches * 8);
}

/// Weights that each pass gathers are quantised by each.
TEST(Fp8, GatheredWeightsAreQuantisedByEachPass) {
  workload::Job job = job_in(workload::Precision::fp8);
  job.plan.dp = job.plan.zero_group = 2, job.plan.zero = 3, job.train.global_batch *= 2;
  const Program program = lower(job);
  EXPECT_EQ(check(program), std::nullopt);
  std::int64_t of_weights = 0;
  for_each_issued(program, [&](const Instruction& one) {
    for (const Operator& op : program.operators_of(one))
      if (const auto* quantise = std::get_if<ops::Quantise>(&program.op(op.op).what))
        of_weights += quantise->width == 1 ? 1 : 0;
  });
  EXPECT_EQ(of_weights, 2 * kLayers * kMicroBatches);
}

/// What a product keeps for its backward has a byte an element.
TEST(Fp8, KeepsActivationsInAByte) {
  const auto kept = [](const Program& program, std::string_view name) {
    Bytes sum;
    for (const Buffer& buffer : program.buffers)
      if (buffer.life == Life::slot && buffer.name == name) sum += buffer.size.bound;
    return sum;
  };
  const Program wide = lower(job_in(workload::Precision::bf16)),
                narrow = lower(job_in(workload::Precision::fp8));
  EXPECT_EQ(kept(narrow, "layers.mlp.norm.y"), Bytes{});
  EXPECT_EQ(kept(narrow, "layers.mlp.norm.y.fp8") * 2, kept(wide, "layers.mlp.norm.y"));
}

/// Tensor-parallel ranks gather what has been quantised.
TEST(Fp8, GathersInEightBits) {
  const auto gathered = [](const Program& program) {
    Bytes sum;
    for_each_issued(program, [&](const Instruction& one) {
      if (one.kind == Kind::collective && one.comm.what == collective::Collective::all_gather &&
          one.comm.group == kTensorGroup)
        sum += one.comm.bytes.bound;
    });
    return sum;
  };
  const workload::Job narrow = job_in(workload::Precision::fp8, 2);
  const Program program = lower(narrow);
  EXPECT_EQ(check(program), std::nullopt);
  const double share = static_cast<double>(gathered(program).value) /
                       static_cast<double>(gathered(lower(job_in(workload::Precision::bf16, 2))).value);
  EXPECT_GT(share, 0.5);  // the head's are not
  EXPECT_LT(share, 0.65);
}

}  // namespace
}  // namespace ds::program

// Weights and gradients that data-parallel ranks keep in shards: what is gathered and reduced how often, and what stays.
#include <gtest/gtest.h>

#include <map>

#include "simulator/program/walk.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

using collective::Collective;

constexpr std::int64_t kLayers = 5, kMicroBatches = 3, kRanks = 4;

workload::Job sharded_job(int zero, bool fsdp = true) {
  support::Small small = support::small_to_share(kLayers, kMicroBatches);
  small.precision = workload::Precision::bf16;
  small.dp = kRanks, small.zero = zero;
  small.overlap = {.grad_reduce = true, .param_gather = true};
  workload::Job job = support::small_job(small);
  job.habits.fsdp = fsdp;
  job.habits.gradient_type = job.habits.reduce_type = "working";
  return job;
}

/// Collectives of a healthy step by what they are and the buffer that they write.
std::map<std::pair<Collective, std::string>, std::int64_t> collectives_of(const Program& program) {
  std::map<std::pair<Collective, std::string>, std::int64_t> counts;
  for (const Call& call : healthy_calls(program.classes.front()))
    for_each_instruction(program.body(call), [&](InstructionId id, std::int32_t) {
      const Instruction& one = program.instruction(id);
      if (one.kind != Kind::collective) return;
      const Use& written = program.uses_of(one).back();
      ++counts[{one.comm.what, program.buffer(program.view(written.view).buffer).name}];
    });
  return counts;
}

Bytes bytes_of(const Program& program, Part part, Life life) {
  Bytes sum;
  for (const Buffer& buffer : program.buffers)
    if (buffer.part == part && buffer.life == life) sum += buffer.size.bound * buffer.copies;
  return sum;
}

TEST(Sharding, EveryPassGathersLayersAndEveryBackwardReducesThem) {
  const Program program = lower(sharded_job(3));
  EXPECT_EQ(check(program), std::nullopt);
  auto counts = collectives_of(program);
  EXPECT_EQ((counts[{Collective::all_gather, "layers.gathered"}]), 2 * kMicroBatches * kLayers);
  EXPECT_EQ((counts[{Collective::reduce_scatter, "layers.gradient"}]), kMicroBatches * kLayers);
  // One stage has them all, so a micro-batch's backward still has what its forward gathered outside of layers.
  EXPECT_EQ((counts[{Collective::all_gather, "head.weight.gathered"}]), kMicroBatches);
  EXPECT_EQ((counts[{Collective::reduce_scatter, "head.weight.gradient"}]), kMicroBatches);
}

Bytes bytes_of(const Program& program, std::string_view ending) {
  Bytes sum;
  for (const Buffer& buffer : program.buffers)
    if (buffer.name.ends_with(ending)) sum += buffer.size.bound * buffer.copies;
  return sum;
}

/// Gradients in 16 bits are copied for the update, all of a rank's shards in 32 (DeepSpeed).
TEST(Sharding, FlatGradientsAreShardsInTheTypeOfTheMasters) {
  for (const int zero : {1, 2, 3}) {
    workload::Job job = sharded_job(zero, false);
    EXPECT_EQ(bytes_of(lower(job), ".flat_gradient"), Bytes{});
    job.habits.flat_gradients = true;
    const Program program = lower(job);
    EXPECT_EQ(check(program), std::nullopt);
    EXPECT_EQ(bytes_of(program, ".flat_gradient"), zero < 3 ? bytes_of(program, ".master") : Bytes{});
    job.habits.gradient_type = "fp32";  // they are there as they should be
    EXPECT_EQ(bytes_of(lower(job), ".flat_gradient"), Bytes{});
  }
}

TEST(Sharding, MomentsMayBeNarrowerThanMasters) {
  workload::Job job = sharded_job(1, false);
  const Bytes wide = bytes_of(lower(job), "_moment");
  job.habits.narrow_moments = true;
  const Program program = lower(job);
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(2 * bytes_of(program, "_moment").value, wide.value);
  EXPECT_EQ(bytes_of(program, ".master").value, bytes_of(program, "_moment").value);
}

TEST(Sharding, ZeroTwoOfFsdpGathersOnceAMicroBatch) {
  auto counts = collectives_of(lower(sharded_job(2)));
  EXPECT_EQ((counts[{Collective::all_gather, "layers.gathered"}]), kMicroBatches * kLayers);
  EXPECT_EQ((counts[{Collective::reduce_scatter, "layers.gradient"}]), kMicroBatches * kLayers);
}

TEST(Sharding, ZeroTwoElsewhereKeepsWeightsWhole) {
  const Program program = lower(sharded_job(2, false));
  auto counts = collectives_of(program);
  EXPECT_EQ((counts[{Collective::all_gather, "layers.gathered"}]), 0);
  EXPECT_EQ((counts[{Collective::all_gather, "layers.weight"}]), kLayers);
  EXPECT_EQ((counts[{Collective::reduce_scatter, "layers.gradient"}]), kMicroBatches * kLayers);
}

/// Masters and moments of 4 bytes each, the sum of gradients of 4: all of them a rank's share.
TEST(Sharding, WhatLastsIsAShareOfIt) {
  const Program whole = lower(sharded_job(0)), cut = lower(sharded_job(3));
  const Bytes elements{bytes_of(whole, Part::weights, Life::run).value / size_of(DataType::bf16)};
  const auto near = [&](Bytes bytes, std::int64_t per_element) {
    const double exact = static_cast<double>(per_element * elements.value) / kRanks;
    EXPECT_GE(static_cast<double>(bytes.value), exact);
    EXPECT_LE(static_cast<double>(bytes.value), exact * 1.2);  // padded
  };
  EXPECT_EQ(bytes_of(cut, Part::weights, Life::run), Bytes{});
  near(bytes_of(cut, Part::optimizer, Life::run), 12);
  near(bytes_of(cut, Part::gradients, Life::step), 4);
}

TEST(Sharding, TwoLayersAreThereAtATime) {
  const auto expect_copies = [](const workload::Job& job, std::int32_t copies) {
    for (const Buffer& buffer : lower(job).buffers) {
      if (buffer.name != "layers.gathered" && buffer.name != "layers.own_gradient") continue;
      EXPECT_EQ(buffer.copies, copies) << buffer.name;
    }
  };
  workload::Job job = sharded_job(3);
  expect_copies(job, 2);
  job.plan.overlap = {};
  expect_copies(job, 1);
}

/// Within a group shards, across groups the same ones: those are summed once a step.
TEST(Sharding, ReplicasOfShardsAreSummedOnceAStep) {
  workload::Job job = sharded_job(3);
  job.plan.zero_group = 2;
  const Program program = lower(job);
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(program.grid.size(Axis::dp_replica), kRanks / 2);
  auto counts = collectives_of(program);
  EXPECT_EQ((counts[{Collective::all_reduce, "layers.gradient"}]), kLayers);
  EXPECT_EQ((counts[{Collective::reduce_scatter, "layers.gradient"}]), kMicroBatches * kLayers);
}

}  // namespace
}  // namespace ds::program

// Programs of every architecture: checked, with as many parameters as are counted, the same with every layer told.
#include "tests/support/architectures.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "simulator/program/walk.h"
#include "simulator/workload/parameters.h"

namespace ds::program {
namespace {

using support::Architecture;
using support::Small;

Small small(const Architecture& one) {
  return {.family = one.family,
          .layers = 7,
          .hidden = 16,
          .heads = 4,
          .kv_heads = one.family == workload::Family::llama ? 2 : 4,
          .ffn = 24,
          .vocab = 12,
          .sequence = 6,
          .change = one.change};
}

/// Trained elements of all stages of one data-parallel rank; a table that both ends hold counts once.
std::int64_t trained(const Program& program) {
  std::int64_t sum = 0;
  for (const RankClass& ranks : program.classes) {
    const bool last_of_many = &ranks != &program.classes.front();
    for_each_tensor(program, ranks, [&](const TrainedTensor& tensor, std::int32_t, const std::string& name) {
      if (last_of_many && name == "embedding.tokens") return;
      sum += graph::logical_shape(tensor.shape, tensor.cut).elements();
    });
  }
  return sum;
}

void expect_checked(const Small& small) {
  const Program program = lower(support::small_job(small));
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(check(unroll(program)), std::nullopt);
}

TEST(Architectures, PassTheCheckerUnderEveryKindOfPlan) {
  for (const Architecture& one : support::architectures())
    for (const std::int64_t tp : {1, 2})
      for (const bool sequence_parallel : {true, false})
        for (const bool full : {true, false}) {
          SCOPED_TRACE(one.name);
          Small s = small(one);
          s.tp = tp, s.pp = 2, s.dp = 2, s.micro_batches = 3;
          s.sequence_parallel = sequence_parallel;
          s.full_recompute = full, s.selective_recompute = !full;
          s.overlap = {.grad_reduce = true, .param_gather = true, .p2p = true};
          expect_checked(s);
          s.schedule = workload::Schedule::zb_h1;
          expect_checked(s);
        }
}

TEST(Architectures, HaveAsManyParametersAsAreCounted) {
  for (const Architecture& one : support::architectures())
    for (const std::int64_t tp : {1, 2})
      for (const std::int64_t pp : {1, 3}) {
        SCOPED_TRACE(one.name);
        Small s = small(one);
        s.tp = tp, s.pp = pp;
        const workload::Job job = support::small_job(s);
        EXPECT_EQ(trained(lower(job)), workload::parameters(job.model, s.sequence));
      }
}

/// Two layers with a window and a full one, over and over: seven layers are two rounds and one more.
TEST(Architectures, LayersOfAFewKindsThatComeAgainAreOneBlock) {
  const auto gemma = [](std::int64_t layers) {
    Small s = small(support::architectures()[10]);
    s.layers = layers;
    return lower(support::small_job(s));
  };
  const Program seven = gemma(7), many = gemma(61);
  EXPECT_EQ(seven.instructions.size(), many.instructions.size());
  EXPECT_EQ(seven.buffers.size(), many.buffers.size());
  std::vector<std::int32_t> times;
  for (const Block& block : many.templates.front().blocks) times.push_back(block.times);
  EXPECT_EQ(times, (std::vector<std::int32_t>{1, 20, 1}));  // embedding; 60 layers; one more, and the head
}

TEST(Architectures, NamesCountLayersThroughBlocksOfSeveral) {
  const Program program = lower(support::small_job(small(support::architectures()[10])));
  std::set<std::string> names;
  for_each_tensor(program, program.classes.front(),
                  [&](const TrainedTensor&, std::int32_t, const std::string& name) {
                    if (name.ends_with("mlp.up.weight")) names.insert(name);
                  });
  std::set<std::string> expected;
  for (int layer = 0; layer < 7; ++layer)
    expected.insert("layers." + std::to_string(layer) + ".mlp.up.weight");
  EXPECT_EQ(names, expected);
}

}  // namespace
}  // namespace ds::program

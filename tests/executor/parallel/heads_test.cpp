// More tensor-parallel ranks than heads of keys and values: several ranks have the same ones, and loss, gradients and weights
// are those of one process.
#include <fmt/format.h>

#include "simulator/program/program.h"
#include "tests/executor/parallel/plans.h"

namespace ds::support {
namespace {

using workload::Model;

struct Case {
  const char* name;
  std::int64_t tp, kv_heads;
  std::int64_t pp{1}, dp{1}, cp{1};
  int zero{1};
  void (*change)(Model&){};
};

constexpr Case kCases[] = {
    {"one head of two ranks", 2, 1},
    {"two heads of four ranks", 4, 2},
    {"one head of four ranks", 4, 1},
    {"with stages", 2, 1, 2},
    {"with shards of optimizer states", 4, 2, 1, 2},
    {"with whole states", 2, 1, 1, 2, 1, 0},
    {"with sequences shared out", 2, 1, 1, 1, 2},
    {"with biases", 4, 2, 1, 2, 1, 1, [](Model& m) { m.qkv_bias = true; }},
    {"with gains that heads share", 4, 2, 1, 1, 1, 1, [](Model& m) { m.qk_norm = workload::QkNorm::shared; }},
    {"with a gain a head", 4, 2, 1, 2, 1, 1, [](Model& m) { m.qk_norm = workload::QkNorm::per_head; }},
};

Small with(const Case& one) {
  Small s{.family = workload::Family::llama,
          .layers = 2,
          .hidden = 16,
          .heads = 4,
          .kv_heads = one.kv_heads,
          .ffn = 24,
          .vocab = 16,
          .sequence = 16,
          .micro_batch = 1,
          .micro_batches = 2,
          .tied = false};
  s.tp = one.tp, s.pp = one.pp, s.dp = one.dp, s.cp = one.cp, s.zero = one.zero, s.change = one.change;
  return s;
}

class HeadsInCopies : public testing::TestWithParam<Case> {};

TEST_P(HeadsInCopies, TrainAsOnOneRank) {
  for (const bool tokens_cut : {true, false})
    for (const bool separate : {true, false}) {
      SCOPED_TRACE(fmt::format("{}, {}", tokens_cut ? "tokens cut" : "tokens whole",
                               separate ? "three products" : "one product"));
      Small s = with(GetParam());
      s.sequence_parallel = tokens_cut;
      workload::Job many = small_job(s), single = small_job(on_one_rank(s));
      many.habits.separate_products = single.habits.separate_products = separate;
      Team team(many), alone(single);
      const double loss = alone.step(0).loss;
      EXPECT_NEAR(team.step(0).loss, loss, 1e-12 * loss);
      expect_same(team.weights(), alone.weights(), 1e-10);
      const executor::StepResult expected = alone.step(1, false), got = team.step(1, false);
      EXPECT_NEAR(got.loss, expected.loss, 1e-12 * expected.loss);
      EXPECT_NEAR(got.grad_norm, expected.grad_norm, 1e-10 * expected.grad_norm);
      expect_same(team.gradients(), alone.gradients(), 1e-10);
    }
}

INSTANTIATE_TEST_SUITE_P(Plans, HeadsInCopies, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& one) {
                           std::string name = one.param.name;
                           std::ranges::replace(name, ' ', '_');
                           return name;
                         });

/// Rows that a rank has of queries, keys and values: of eight heads with two of keys over four ranks, 2 + 1 + 1.
TEST(HeadsInCopies, AreOneOfKeysOnEachRank) {
  Small s = with({"", 4, 2});
  s.heads = 8, s.hidden = 32;
  for (const program::TrainedTensor& tensor : program::lower(small_job(s)).tensors) {
    if (tensor.name != "attention.qkv.weight") continue;
    EXPECT_EQ(tensor.shape.size[0], (2 + 1 + 1) * 4);
    EXPECT_EQ(graph::logical_shape(tensor.shape, tensor.cut).size[0], (8 + 2 + 2) * 4);
  }
}

}  // namespace
}  // namespace ds::support

// Training on many ranks is training on one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/executor/parallel/team.h"

namespace ds::support {
namespace {

struct Axes {
  const char* name;
  std::int64_t tp, pp, dp, vpp;
  std::vector<std::vector<std::int64_t>> stage_layers;
};

const std::vector<Axes>& plans() {
  static const std::vector<Axes> all{
      {"tp 2", 2, 1, 1, 1, {}},
      {"pp 2", 1, 2, 1, 1, {}},
      {"dp 2", 1, 1, 2, 1, {}},
      {"tp 2 x pp 2", 2, 2, 1, 1, {}},
      {"tp 2 x dp 2", 2, 1, 2, 1, {}},
      {"pp 2 x dp 2", 1, 2, 2, 1, {}},
      {"pp 2 interleaved", 1, 2, 1, 2, {}},
      {"pp 4 uneven", 1, 4, 1, 1, {{1}, {2}, {1}, {1}}},
      {"tp 2 x pp 2 x dp 2", 2, 2, 2, 1, {}},
  };
  return all;
}

/// Four micro-batches in all, whatever the number of ranks; two where interleaving does not ask for more.
Small small(const Axes& axes, workload::Family family, bool tied) {
  Small s{.family = family,
          .layers = axes.stage_layers.empty() ? 4 : 5,
          .hidden = 16,
          .heads = 4,
          .kv_heads = family == workload::Family::llama ? 2 : 4,
          .ffn = 24,
          .vocab = 13,
          .sequence = 6,
          .micro_batch = 1,
          .micro_batches = 4 / axes.dp,
          .tied = tied};
  s.tp = axes.tp, s.pp = axes.pp, s.dp = axes.dp, s.vpp = axes.vpp;
  s.stage_layers = axes.stage_layers;
  if (axes.vpp > 1) s.schedule = workload::Schedule::interleaved;
  return s;
}

Small on_one_rank(Small s) {
  s.micro_batches *= s.dp;
  s.tp = s.pp = s.dp = s.vpp = 1;
  s.stage_layers.clear();
  s.schedule = workload::Schedule::one_f_one_b;
  return s;
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double v : values) most = std::max(most, std::abs(v));
  return most;
}

void expect_same(const Tensors& many, const Tensors& one, double tolerance) {
  ASSERT_EQ(many.size(), one.size());
  for (const auto& [name, expected] : one) {
    ASSERT_TRUE(many.contains(name)) << name;
    const std::vector<double>& got = many.at(name);
    // Rows that pad the vocabulary to equal parts come last.
    const bool padded = name == "embedding.tokens" || name == "head.weight";
    ASSERT_TRUE(got.size() == expected.size() || (padded && got.size() > expected.size())) << name;
    double off = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) off = std::max(off, std::abs(got[i] - expected[i]));
    // The key's bias has no gradient under learned positions; the tensor that holds it has others.
    EXPECT_LE(off, tolerance * largest(expected)) << name;
  }
}

class Equivalence : public testing::TestWithParam<std::tuple<std::size_t, workload::Family, bool>> {
 protected:
  const Axes& axes() const { return plans()[std::get<0>(GetParam())]; }
  Small many() const { return small(axes(), std::get<1>(GetParam()), std::get<2>(GetParam())); }
};

TEST_P(Equivalence, LossAndGradientsOfOneProcessInDoublePrecision) {
  Team team(small_job(many())), alone(small_job(on_one_rank(many())));
  for (std::int64_t step = 0; step < 2; ++step) {
    const double loss = alone.step(step).loss;
    EXPECT_NEAR(team.step(step).loss, loss, 1e-12 * loss);
  }
  const auto expected = alone.step(2, false), got = team.step(2, false);
  EXPECT_NEAR(got.loss, expected.loss, 1e-12 * expected.loss);
  EXPECT_NEAR(got.grad_norm, expected.grad_norm, 1e-10 * expected.grad_norm);
  expect_same(team.gradients(), alone.gradients(), 1e-10);
  expect_same(team.weights(), alone.weights(), 1e-10);
}

TEST_P(Equivalence, ArenasAreAsLargeAsPredicted) {
  Team team(small_job(many()));
  team.step(0);
  for (std::int32_t rank = 0; rank < team.ranks(); ++rank)
    EXPECT_EQ(team.highest_byte(rank), team.predicted(rank)) << "rank " << rank;
}

std::string name_of(const testing::TestParamInfo<Equivalence::ParamType>& info) {
  std::string name = plans()[std::get<0>(info.param)].name;
  std::ranges::replace(name, ' ', '_');
  name += std::get<1>(info.param) == workload::Family::gpt ? "_gpt" : "_llama";
  return name + (std::get<2>(info.param) ? "_tied" : "_untied");
}

INSTANTIATE_TEST_SUITE_P(Plans, Equivalence,
                         testing::Combine(testing::Range<std::size_t>(0, 9),
                                          testing::Values(workload::Family::gpt, workload::Family::llama),
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace ds::support

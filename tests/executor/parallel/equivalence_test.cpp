// Training on many ranks is training on one, in double precision.
#include "tests/executor/parallel/plans.h"
#include "tests/support/architectures.h"
#include "tests/support/sanitizer.h"

namespace ds::support {
namespace {

class Equivalence : public testing::TestWithParam<Drawn> {
 protected:
  static Small many() { return small(GetParam()); }
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

INSTANTIATE_TEST_SUITE_P(Plans, Equivalence, every_plan(), name_of);

void expect_as_on_one_rank(const Small& many) {
  Team team(small_job(many)), alone(small_job(on_one_rank(many)));
  const double loss = alone.step(0).loss;
  EXPECT_NEAR(team.step(0).loss, loss, 1e-12 * loss);
  const auto expected = alone.step(1, false), got = team.step(1, false);
  EXPECT_NEAR(got.loss, expected.loss, 1e-12 * expected.loss);
  EXPECT_NEAR(got.grad_norm, expected.grad_norm, 1e-10 * expected.grad_norm);
  expect_same(team.gradients(), alone.gradients(), 1e-10);
}

/// With and without sequence parallelism: gradients that meet before and behind a sum over ranks.
TEST(Architectures, TrainOnManyRanksAsOnOne) {
  support::Sample sample;
  for (const Architecture& one : architectures())
    for (const Axes& axes : plans())
      for (const bool sequence_parallel : {true, false}) {
        if (!one.on_cpus || (axes.tp == 1 && !sequence_parallel) || !sample.takes()) continue;
        SCOPED_TRACE(std::string(one.name) + ", " + axes.name + (sequence_parallel ? "" : ", tokens whole"));
        Small s = small(axes, one.family, false);
        s.change = one.change;
        s.sequence_parallel = sequence_parallel;
        expect_as_on_one_rank(s);
      }
}

/// Stages whose ranks all hold the same activations may send a share each and gather them where they arrive.
TEST(SendsInShares, ComputeTheSame) {
  for (const bool overlap : {false, true}) {
    Small s = small(plans().back(), workload::Family::gpt, true);
    ASSERT_TRUE(s.tp > 1 && s.pp > 1);
    s.sequence_parallel = false;
    s.overlap.p2p = overlap;
    workload::Job shares = small_job(s);
    shares.habits.pipeline_scatter_gather = true;
    Team team(shares), whole(small_job(s));
    for (std::int64_t step = 0; step < 2; ++step) EXPECT_EQ(team.step(step).loss, whole.step(step).loss);
    expect_same(team.gradients(), whole.gradients(), 0);
    expect_same(team.weights(), whole.weights(), 0);
    const auto shifted = [](const program::Program& p) {
      std::int64_t bytes = 0;
      for (const program::Instruction& i : p.instructions)
        if (i.kind == program::Kind::send) bytes = std::max(bytes, i.comm.bytes.bound.value);
      return bytes;
    };
    EXPECT_EQ(shifted(program::lower(shares)) * s.tp, shifted(program::lower(small_job(s))));
  }
}

}  // namespace
}  // namespace ds::support

// Training on many ranks is training on one, in double precision.
#include "tests/executor/parallel/plans.h"

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

}  // namespace
}  // namespace ds::support

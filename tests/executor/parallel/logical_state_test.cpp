// Trained state passes to another program, and training goes on as if nothing had changed.
#include "executor/logical_state.h"

#include <gtest/gtest.h>

#include "simulator/base/error.h"
#include "tests/executor/parallel/team.h"

namespace ds::support {
namespace {

using workload::Family;
using workload::Precision;

constexpr std::int64_t kBefore = 2, kAfter = 2;  // steps

/// A global batch of four sequences. 13 tokens: two tensor-parallel ranks pad them to 14.
Small model(Family family, bool tied) {
  return {.family = family,
          .layers = 4,
          .hidden = 16,
          .heads = 4,
          .kv_heads = family == Family::llama ? 2 : 4,
          .ffn = 24,
          .vocab = 13,
          .sequence = 6,
          .micro_batch = 1,
          .micro_batches = 4,
          .tied = tied};
}

Small on(Small s, std::int64_t tp, std::int64_t pp, std::int64_t dp, int zero) {
  s.tp = tp, s.pp = pp, s.dp = dp, s.zero = zero;
  s.micro_batches = 4 / dp;
  return s;
}

Small interleaved(Small s) {
  s = on(s, 1, 2, 1, 0);
  s.vpp = 2;
  s.schedule = workload::Schedule::interleaved;
  return s;
}

void train(Team& team) {
  for (std::int64_t step = 0; step < kBefore; ++step) team.step(step);
}

/// Steps of a team that goes on, and of one that has adopted its state.
void expect_same_steps(Team& going_on, Team& adopted, double tolerance) {
  for (std::int64_t step = kBefore; step < kBefore + kAfter; ++step) {
    const executor::StepResult expected = going_on.step(step), got = adopted.step(step);
    EXPECT_NEAR(got.loss, expected.loss, tolerance * expected.loss);
    EXPECT_NEAR(got.grad_norm, expected.grad_norm, 100 * tolerance * expected.grad_norm);
  }
}

class Adopt : public testing::TestWithParam<std::tuple<Family, bool>> {
 protected:
  Small of_all() const { return model(std::get<0>(GetParam()), std::get<1>(GetParam())); }
  Small spread() const { return on(of_all(), 2, 2, 2, 1); }
};

TEST_P(Adopt, TrainingGoesOnUnderAnyOtherPlan) {
  Team before(small_job(spread()));
  train(before);
  const executor::Logical state = before.state();
  for (const Small& plan : {on(of_all(), 1, 1, 1, 0), on(of_all(), 1, 1, 2, 0), interleaved(of_all()),
                            on(of_all(), 2, 1, 1, 0), on(of_all(), 1, 1, 4, 1)}) {
    SCOPED_TRACE("tp " + std::to_string(plan.tp) + " pp " + std::to_string(plan.pp) + " dp " +
                 std::to_string(plan.dp));
    // Whoever goes on begins from the same two steps each time.
    Team going_on(small_job(spread())), adopted(small_job(plan));
    train(going_on);
    adopted.load_state(state);
    expect_same_steps(going_on, adopted, 1e-12);
  }
}

TEST_P(Adopt, ASpreadPlanGoesOnFromOneProcess) {
  Team alone(small_job(of_all())), spread_out(small_job(spread()));
  train(alone);
  spread_out.load_state(alone.state());
  expect_same_steps(alone, spread_out, 1e-12);
}

TEST_P(Adopt, AnotherProgramOfOneRankGoesOnBitForBit) {
  Small plain = of_all();
  plain.precision = Precision::fp32;
  Small recomputing = plain;
  recomputing.full_recompute = true;
  recomputing.schedule = workload::Schedule::gpipe;
  Team going_on(small_job(plain)), adopted(small_job(recomputing));
  train(going_on);
  adopted.load_state(going_on.state());
  expect_same_steps(going_on, adopted, 0);
}

TEST_P(Adopt, SinglePrecisionComesBackBitForBitThroughDoublePrecisionAndOtherAxes) {
  Small narrow = spread();
  narrow.precision = Precision::fp32;
  Team before(small_job(narrow)), wide(small_job(of_all())), after(small_job(narrow));
  train(before);
  const executor::Logical state = before.state();
  wide.load_state(state);
  after.load_state(wide.state());
  const executor::Logical back = after.state();
  ASSERT_EQ(back.size(), state.size());
  for (const auto& [name, tensor] : state)
    for (std::size_t s = 0; s < tensor.states.size(); ++s)
      EXPECT_EQ(back.at(name).states[s].values, tensor.states[s].values) << name;
}

TEST_P(Adopt, StateThatLacksATensorIsRefused) {
  Team one(small_job(of_all()));
  executor::Logical state = one.state();
  EXPECT_NO_THROW(one.load_state(state));
  state.erase("layers.3.attention.qkv.weight");
  EXPECT_THROW(one.load_state(state), InputError);
}

TEST_P(Adopt, StateOfAnotherShapeIsRefused) {
  Team one(small_job(of_all()));
  executor::Logical state = one.state();
  auto& size = state.at("embedding.tokens").shape.size;
  std::swap(size[0], size[1]);  // as large, but not the same
  EXPECT_THROW(one.load_state(state), InputError);
}

TEST_P(Adopt, StateOfSomeRanksAloneIsRefused) {
  Team one(small_job(of_all())), spread_out(small_job(spread()));
  executor::Logical state;
  for (std::int32_t rank = 0; rank + 1 < spread_out.ranks(); ++rank) spread_out.gather_state(rank, state);
  EXPECT_THROW(one.load_state(state), InputError);
  spread_out.gather_state(spread_out.ranks() - 1, state);
  EXPECT_NO_THROW(one.load_state(state));
}

TEST_P(Adopt, EveryElementIsMissingUntilItsRankHasGiven) {
  Team team(small_job(spread()));
  executor::Logical state;
  for (std::int32_t rank = 0; rank < team.ranks(); ++rank) {
    if (rank > 0) {
      std::int64_t missing = 0;
      for (const auto& [name, tensor] : state)
        for (const executor::LogicalState& values : tensor.states) missing += values.missing;
      EXPECT_TRUE(missing > 0 || state.size() < team.weights().size()) << "before rank " << rank;
    }
    team.gather_state(rank, state);
  }
  for (const auto& [name, tensor] : state)
    for (const executor::LogicalState& values : tensor.states) EXPECT_EQ(values.missing, 0) << name;
}

INSTANTIATE_TEST_SUITE_P(Models, Adopt,
                         testing::Combine(testing::Values(Family::gpt, Family::llama), testing::Bool()),
                         [](const auto& drawn) {
                           return std::string(std::get<0>(drawn.param) == Family::gpt ? "gpt" : "llama") +
                                  (std::get<1>(drawn.param) ? "_tied" : "_untied");
                         });

}  // namespace
}  // namespace ds::support

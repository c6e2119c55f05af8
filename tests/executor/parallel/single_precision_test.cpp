// Training on many ranks in single precision: bit for bit what one process computes wherever sums keep their order, and
// close to it everywhere.
#include "tests/executor/parallel/plans.h"

namespace ds::support {
namespace {

constexpr int kSteps = 3;

Small in_single_precision(Small s) {
  s.precision = workload::Precision::fp32;
  return s;
}

/// Loss, norm, gradients and weights after some steps.
struct Trained {
  std::vector<double> losses;
  double grad_norm{};
  Tensors gradients, weights;
};

Trained train(const Small& s) {
  Team team(small_job(s));
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) trained.losses.push_back(team.step(step).loss);
  const auto last = team.step(kSteps, false);
  trained.losses.push_back(last.loss);
  trained.grad_norm = last.grad_norm;
  trained.gradients = team.gradients();
  trained.weights = team.weights();
  return trained;
}

void expect_equal_bits(const Small& a, const Small& b) {
  const Trained got = train(in_single_precision(a)), expected = train(in_single_precision(b));
  EXPECT_EQ(got.losses, expected.losses);
  EXPECT_EQ(got.grad_norm, expected.grad_norm);
  expect_same(got.gradients, expected.gradients, 0);
  expect_same(got.weights, expected.weights, 0);
}

class SinglePrecision : public testing::TestWithParam<Drawn> {
 protected:
  static Small many() { return in_single_precision(small(GetParam())); }
};

TEST_P(SinglePrecision, LossOfTenStepsOfOneProcess) {
  Team team(small_job(many())), alone(small_job(on_one_rank(many())));
  for (std::int64_t step = 0; step < 10; ++step) {
    const double loss = alone.step(step).loss;
    EXPECT_NEAR(team.step(step).loss, loss, 1e-5 * loss) << "step " << step;
  }
}

/// What overlaps is the same sum in the same order, only earlier.
TEST_P(SinglePrecision, OverlapChangesNoBit) {
  const Small plain = many();
  for (const workload::Overlap& overlap :
       {workload::Overlap{.grad_reduce = true}, workload::Overlap{.param_gather = true},
        workload::Overlap{.p2p = true},
        workload::Overlap{.grad_reduce = true, .param_gather = true, .p2p = true}}) {
    SCOPED_TRACE(testing::Message() << "grad_reduce " << overlap.grad_reduce << " param_gather "
                                    << overlap.param_gather << " p2p " << overlap.p2p);
    Small s = plain;
    s.overlap = overlap;
    expect_equal_bits(s, plain);
  }
}

INSTANTIATE_TEST_SUITE_P(Plans, SinglePrecision, every_plan(), name_of);

/// A family, tied or not.
class Bits : public testing::TestWithParam<std::tuple<workload::Family, bool>> {
 protected:
  static Small with(const Axes& axes) {
    return small(axes, std::get<0>(GetParam()), std::get<1>(GetParam()));
  }
};

TEST_P(Bits, StagesAreOneProcess) {
  for (const Axes& axes : plans()) {
    if (axes.tp > 1 || axes.dp > 1) continue;
    SCOPED_TRACE(axes.name);
    expect_equal_bits(with(axes), on_one_rank(with(axes)));
  }
}

/// A backward in two parts does the same sums, some of them later.
TEST_P(Bits, GradientsOfWeightsMayComeLate) {
  for (const Axes& axes : plans()) {
    if (axes.pp == 1 || axes.vpp > 1) continue;
    SCOPED_TRACE(axes.name);
    Small split = with(axes);
    split.schedule = workload::Schedule::zb_h1;
    expect_equal_bits(split, with(axes));
  }
}

TEST_P(Bits, ShardedOptimizerStatesAreWholeOnes) {
  for (const Axes& axes : plans()) {
    if (axes.dp == 1) continue;
    SCOPED_TRACE(axes.name);
    Small whole = with(axes);
    whole.zero = 0;
    expect_equal_bits(with(axes), whole);
  }
}

/// Where each rank has one micro-batch and sums go in rank order, a rank's gradient is what one process adds to the sum
/// of those before. Larger micro-batches would differ: BLAS itself then adds block by block to what stands there.
TEST_P(Bits, DataParallelRanksWithOneMicroBatchAreOneProcess) {
  for (const std::int64_t tokens : {6, 128}) {
    SCOPED_TRACE(testing::Message() << tokens << " tokens");
    Small s = with({"dp 2", 1, 1, 2, 1, {}});
    s.micro_batches = 1;
    s.sequence = tokens;
    expect_equal_bits(s, on_one_rank(s));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Bits,
                         testing::Combine(testing::Values(workload::Family::gpt, workload::Family::llama),
                                          testing::Bool()),
                         [](const auto& drawn) {
                           return std::string(std::get<0>(drawn.param) == workload::Family::gpt ? "gpt"
                                                                                                : "llama") +
                                  (std::get<1>(drawn.param) ? "_tied" : "_untied");
                         });

}  // namespace
}  // namespace ds::support

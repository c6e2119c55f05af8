// Gradients of whole models against finite differences of their loss.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/executor/trainer.h"
#include "tests/support/architectures.h"

namespace ds::executor {
namespace {

using support::Small;
using support::Trainer;

constexpr double kStep = 1e-4;
// Of a tensor, elements that are compared: first, last, and some between.
constexpr std::size_t kElements = 12;

/// Five points: (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12 h; the error is of order h^4.
double slope(Trainer& trainer, Trainer::Place tensor, std::size_t element) {
  const double start = trainer.values(tensor)[element];
  const auto set = [&](double value) {
    trainer.set_values(tensor, static_cast<std::int64_t>(element), {&value, 1});
  };
  const auto at = [&](double offset) {
    set(start + offset);
    return trainer.forward();
  };
  const double result = (at(-2 * kStep) - 8 * at(-kStep) + 8 * at(kStep) - at(2 * kStep)) / (12 * kStep);
  set(start);
  return result;
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (double v : values) most = std::max(most, std::abs(v));
  return most;
}

void expect_gradients_of_finite_differences(const workload::Job& job) {
  Trainer trainer(job);
  trainer.step(0, 0.05);  // away from the start values: gains are not one, biases not zero any more
  trainer.gradients_only(1);
  std::vector<std::vector<double>> gradients;
  const std::vector<Trainer::Tensor> tensors = trainer.tensors();
  for (const Trainer::Tensor& tensor : tensors) gradients.push_back(trainer.values(tensor.gradient));
  trainer.write_tokens(1);
  for (std::size_t t = 0; t < gradients.size(); ++t) {
    const Trainer::Place weight = tensors[t].weight;
    const double scale = largest(gradients[t]);
    EXPECT_GT(scale, 0) << tensors[t].name;
    for (std::size_t k = 0; k < kElements; ++k) {
      const std::size_t i = k * (gradients[t].size() - 1) / (kElements - 1);
      EXPECT_NEAR(gradients[t][i], slope(trainer, weight, i), 1e-6 * scale)
          << tensors[t].name << "[" << i << "]";
    }
  }
}

TEST(WholeModel, GradientsEqualFiniteDifferences) {
  for (const Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    expect_gradients_of_finite_differences(support::small_job(small));
  }
}

TEST(WholeModel, GradientsEqualFiniteDifferencesInEveryArchitecture) {
  for (const support::Architecture& one : support::architectures())
    for (const bool full : {false, true}) {
      if (!one.on_cpus) continue;
      SCOPED_TRACE(one.name);
      const Small small{.family = one.family, .layers = 4, .full_recompute = full, .change = one.change};
      expect_gradients_of_finite_differences(support::small_job(small));
    }
}

TEST(WholeModel, TheTiedTableHasTheSumOfBothUsesGradients) {
  Small small;
  Trainer tied(support::small_job(small));
  small.tied = false;
  Trainer untied(support::small_job(small));
  const auto tensor = [](const Trainer& t, std::string_view name) { return t.tensor(name); };
  // The untied head starts as a copy of the table: then both models compute the same function.
  untied.set_values(tensor(untied, "head.weight").weight, 0,
                    untied.values(tensor(untied, "embedding.tokens").weight));
  EXPECT_EQ(tied.gradients_only(0).loss, untied.gradients_only(0).loss);
  const auto sum = tied.values(tensor(tied, "embedding.tokens").gradient);
  const auto table = untied.values(tensor(untied, "embedding.tokens").gradient);
  const auto head = untied.values(tensor(untied, "head.weight").gradient);
  for (std::size_t i = 0; i < sum.size(); ++i) EXPECT_NEAR(sum[i], table[i] + head[i], 1e-13);
}

/// Softmax does not see what all scores of a row have in common, and a key's bias adds the same to all of them (learned
/// positions do not rotate it), so its gradient is zero.
TEST(WholeModel, TheKeyBiasHasNoGradientUnderLearnedPositions) {
  const Small small;
  Trainer trainer(support::small_job(small));
  trainer.step(0, 0.05);
  trainer.gradients_only(1);
  const Trainer::Tensor bias = trainer.tensor("layers.0.attention.qkv.bias");
  const std::vector<double> gradient = trainer.values(bias.gradient);
  const auto width = static_cast<std::size_t>(small.hidden);
  for (std::size_t i = width; i < 2 * width; ++i) EXPECT_NEAR(gradient[i], 0, 1e-12 * largest(gradient));
}

}  // namespace
}  // namespace ds::executor

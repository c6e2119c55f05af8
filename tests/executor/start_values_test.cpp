// Where weights start.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/executor/trainer.h"

namespace ds::executor {
namespace {

using support::Trainer;

std::vector<double> weight(Trainer& trainer, std::string_view name) {
  return trainer.values(trainer.tensor(name).weight);
}

TEST(StartValues, DependOnTheTensorsNameAndNotOnWhatElseThereIs) {
  Trainer two(support::small_job({.layers = 2})), three(support::small_job({.layers = 3, .tied = false}));
  for (const char* name : {"embedding.tokens", "layers.0.attention.qkv.weight", "layers.1.mlp.up.weight"})
    EXPECT_EQ(weight(two, name), weight(three, name)) << name;
}

TEST(StartValues, OfEqualTensorsWithOtherNamesDiffer) {
  Trainer trainer(support::small_job({}));
  EXPECT_NE(weight(trainer, "layers.0.attention.qkv.weight"),
            weight(trainer, "layers.1.attention.qkv.weight"));
}

TEST(StartValues, HaveTheDeviationThatTheModelAsksFor) {
  Trainer trainer(support::small_job({.hidden = 64, .ffn = 256}));
  const std::vector<double> values = weight(trainer, "layers.0.mlp.up.weight");
  double squares = 0;
  for (const double v : values) squares += v * v;
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(values.size())), 0.02, 0.02 * 0.03);
  EXPECT_EQ(std::ranges::count(weight(trainer, "layers.0.attention.norm.gain"), 1.0), 64);
  EXPECT_EQ(std::ranges::count(weight(trainer, "layers.0.attention.norm.bias"), 0.0), 64);
}

}  // namespace
}  // namespace ds::executor

// What must hold of any system, over thousands that are drawn at random.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulator/maxplus/random_systems.h"
#include "tests/support/sanitizer.h"

namespace ds::maxplus {
namespace {

constexpr std::uint64_t kSystems = support::fewer(4000);

template <class Check>
void for_each_system(Check&& check) {
  for (std::uint64_t seed = 0; seed < kSystems; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const System system = RandomSystem(seed).take(seed);
    if (std::ranges::all_of(system.classes, [](const Outline& outline) { return !outline.items.empty(); }))
      check(system, seed);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Laws, AStepIsWhatAPlayerTakesItemByItem) {
  int cuts = 0, open = 0;
  for_each_system([&](const System& system, std::uint64_t) {
    const NaivePlay naive(system);
    ASSERT_TRUE(naive.finished);
    Compiled compiled(system);
    ++(compiled.cut ? cuts : open);
    EXPECT_NEAR(compiled.step(system, Skip::no), naive.step(), 1e-12 * naive.step_ends[2]);
    EXPECT_NEAR(compiled.step(system), naive.step(), 1e-12 * naive.step_ends[2]);
  });
  EXPECT_GT(cuts, support::fewer(1000));
  EXPECT_GT(open, support::fewer(1000));
}

TEST(Laws, APlanAmongEightGetsTheBitsThatItGetsAlone) {
  for_each_system([](const System& system, std::uint64_t seed) {
    Compiled compiled(system);
    Evaluation<PlanVector> eight;
    const std::span<PlanVector> weights = eight.weights(compiled.tape);
    std::array<double, kPlans> alone{};
    for (std::size_t plan = 0; plan < kPlans; ++plan) {
      const System other = RandomSystem(seed).take(seed + 17 * plan);
      const std::vector<double> own = compiled.weights(other);
      for (std::size_t w = 0; w < own.size(); ++w) weights[w][plan] = own[w];
      alone[plan] = compiled.step(other);
    }
    const PlanVector steps = eight.step(compiled.tape);
    for (std::size_t plan = 0; plan < kPlans; ++plan) EXPECT_EQ(steps[plan], alone[plan]);
  });
}

TEST(Laws, FewerWaitsTakeNoLonger) {
  int below = 0;
  for_each_system([&](const System& system, std::uint64_t) {
    Compiled compiled(system);
    if (!compiled.cut) return;
    Compiled relaxed(system, *compiled.cut);
    const double whole = compiled.step(system), bound = relaxed.step(system);
    EXPECT_LE(bound, whole * (1 + 1e-12));
    below += bound < 0.999 * whole ? 1 : 0;
  });
  EXPECT_GT(below, support::fewer(100));
}

/// Times of items are those of the player, counted from the cut's end in its second step or from its begin.
TEST(Laws, ItemsHaveTheTimesOfThePlayer) {
  for_each_system([](const System& system, std::uint64_t) {
    const NaivePlay naive(system);
    Compiled compiled(system);
    compiled.step(system, Skip::no);
    for (std::size_t c = 0; c < system.classes.size(); ++c) {
      const Outline& outline = system.classes[c];
      const std::int32_t cut = compiled.cut ? (*compiled.cut)[c] : kNone;
      const auto ends_of = [&](const std::vector<std::vector<std::int32_t>>& entries) {
        std::vector<double> ends;
        if (!entries.empty())
          for (const std::int32_t entry : entries[c])
            ends.push_back(compiled.evaluation.times()[static_cast<std::size_t>(entry)]);
        return ends;
      };
      const std::vector<ItemTime> times =
          times_of_items(outline, compiled.graphs[c], cut, system.durations[c],
                         ends_of(compiled.tape.entry_of), ends_of(compiled.tape.entry_before));
      std::vector<std::size_t> length(static_cast<std::size_t>(outline.lanes), 0), place;
      for (const Item& item : outline.items) place.push_back(length[static_cast<std::size_t>(item.lane)]++);
      const auto played = [&](std::size_t i, std::size_t step) {
        const auto lane = static_cast<std::size_t>(outline.items[i].lane);
        return naive.ends_of[c][lane][step * length[lane] + place[i]];
      };
      const double begin = cut == kNone ? 0 : played(static_cast<std::size_t>(cut), 1);
      for (std::size_t i = 0; i < outline.items.size(); ++i) {
        const double end = played(i, static_cast<std::int32_t>(i) > cut && cut != kNone ? 1 : 2) - begin;
        EXPECT_NEAR(times[i].end, end, 1e-12 * naive.step_ends[3]);
        EXPECT_LE(times[i].ready, times[i].end);
      }
    }
  });
}

TEST(Laws, StructuresFollowFromOutlinesAlone) {
  for_each_system([](const System& system, std::uint64_t seed) {
    const System again = RandomSystem(seed).take(seed + 1);
    ASSERT_EQ(system.classes, again.classes);
    const Compiled one(system), other(again);
    EXPECT_EQ(one.graphs, other.graphs);
    EXPECT_EQ(hash_of(system.classes[0]), hash_of(again.classes[0]));
  });
}

}  // namespace
}  // namespace ds::maxplus

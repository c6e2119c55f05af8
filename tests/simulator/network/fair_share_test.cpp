#include "simulator/network/fair_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <numeric>

#include "simulator/base/random.h"

// Both operators below are replaced together; where only one is inlined, g++ 12 takes them for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace {
std::int64_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ds::network {
namespace {

constexpr double kRounding = 1e-9;

struct Dice {
  RandomStream stream;
  std::uint64_t index{0};
  explicit Dice(std::uint64_t seed) : stream(seed, 0) {}
  std::uint64_t below(std::uint64_t n) { return stream.below(n, index++); }
};

struct Instance {
  std::vector<double> capacities;
  std::vector<std::vector<std::int32_t>> flows;
  std::vector<double> weights;
};

/// Between 1 and 12 links and 1 and 40 flows; capacities repeat, so that links fill at the same level too.
Instance random_instance(std::uint64_t seed) {
  Dice random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int32_t>(random.below(n)); };
  Instance instance;
  instance.capacities.resize(1 + below(12));
  for (double& capacity : instance.capacities) capacity = 1 + below(5);
  const std::int32_t flows = 1 + below(40);
  for (std::int32_t f = 0; f < flows; ++f) {
    std::vector<std::int32_t> links(instance.capacities.size());
    std::iota(links.begin(), links.end(), 0);
    for (std::size_t i = links.size(); i > 1; --i) std::swap(links[i - 1], links[below(i)]);
    links.resize(1 + below(std::min<std::size_t>(links.size(), 4)));
    instance.flows.push_back(links);
    instance.weights.push_back(1 + below(3));
  }
  return instance;
}

std::vector<double> rates(const Instance& instance) {
  FairShare share(instance.capacities);
  for (std::size_t f = 0; f < instance.flows.size(); ++f) share.add(instance.flows[f], instance.weights[f]);
  share.settle();
  std::vector<double> rates;
  for (std::size_t f = 0; f < instance.flows.size(); ++f)
    rates.push_back(share.rate(static_cast<std::int32_t>(f)));
  return rates;
}

/// Full, and no flow on it has a higher rate per weight: a flow that has such a link cannot be given more without taking
/// from one that has no more, which is what max-min fair means.
bool is_bottleneck(const Instance& instance, const std::vector<double>& rates, std::size_t flow,
                   std::int32_t link) {
  double load = 0;
  double highest = 0;
  for (std::size_t f = 0; f < rates.size(); ++f) {
    if (std::ranges::find(instance.flows[f], link) == instance.flows[f].end()) continue;
    load += rates[f];
    highest = std::max(highest, rates[f] / instance.weights[f]);
  }
  return load >= instance.capacities[link] * (1 - kRounding) &&
         rates[flow] / instance.weights[flow] >= highest * (1 - kRounding);
}

void expect_max_min_fair(const Instance& instance, const std::vector<double>& rates) {
  std::vector<double> load(instance.capacities.size());
  for (std::size_t f = 0; f < rates.size(); ++f)
    for (const std::int32_t link : instance.flows[f]) load[link] += rates[f];
  for (std::size_t link = 0; link < load.size(); ++link)
    EXPECT_LE(load[link], instance.capacities[link] * (1 + kRounding)) << "link " << link;
  for (std::size_t f = 0; f < rates.size(); ++f) {
    const auto bottleneck = [&](std::int32_t link) { return is_bottleneck(instance, rates, f, link); };
    EXPECT_TRUE(std::ranges::any_of(instance.flows[f], bottleneck)) << "flow " << f;
  }
}

TEST(FairShare, NoLinkIsOverloadedAndEveryFlowHasABottleneck) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    const Instance instance = random_instance(seed);
    expect_max_min_fair(instance, rates(instance));
  }
}

TEST(FairShare, RatesDoNotDependOnTheOrderOfFlowsNotEvenInTheLastBit) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = random_instance(seed);
    Instance reversed = instance;
    std::ranges::reverse(reversed.flows);
    std::ranges::reverse(reversed.weights);
    for (auto& links : reversed.flows) std::ranges::reverse(links);
    std::vector<double> again = rates(reversed);
    std::ranges::reverse(again);
    EXPECT_EQ(rates(instance), again) << "seed " << seed;
  }
}

TEST(FairShare, AWeightIsThatManyFlows) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    Instance apart{.capacities = instance.capacities, .flows = {}, .weights = {}};
    for (std::size_t f = 0; f < instance.flows.size(); ++f)
      for (int i = 0; i < instance.weights[f]; ++i) {
        apart.flows.push_back(instance.flows[f]);
        apart.weights.push_back(1);
      }
    const std::vector<double> together = rates(instance);
    const std::vector<double> single = rates(apart);
    std::size_t next = 0;
    for (std::size_t f = 0; f < together.size(); ++f) {
      EXPECT_DOUBLE_EQ(together[f], single[next] * instance.weights[f]);
      next += static_cast<std::size_t>(instance.weights[f]);
    }
  }
}

/// Flows come and go at random; after each `settle` the rates are bit for bit those of a solver that starts anew.
TEST(FairShare, AddingAndRemovingIsTheSameAsStartingAnew) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Instance instance = random_instance(seed);
    Dice random(seed + 1);
    FairShare share(instance.capacities);
    std::vector<std::int32_t> number(instance.flows.size(), -1);
    for (int event = 0; event < 60; ++event) {
      const std::size_t f = random.below(instance.flows.size());
      if (number[f] < 0) {
        number[f] = share.add(instance.flows[f], instance.weights[f]);
      } else {
        share.remove(number[f]);
        number[f] = -1;
      }
      share.settle();
      Instance present{.capacities = instance.capacities, .flows = {}, .weights = {}};
      std::vector<double> kept;
      for (std::size_t g = 0; g < number.size(); ++g) {
        if (number[g] < 0) continue;
        present.flows.push_back(instance.flows[g]);
        present.weights.push_back(instance.weights[g]);
        kept.push_back(share.rate(number[g]));
      }
      ASSERT_EQ(kept, rates(present)) << "seed " << seed << ", event " << event;
    }
  }
}

TEST(FairShare, LooksOnlyAtWhatIsConnectedToTheChange) {
  const double capacities[] = {1, 1, 1};
  FairShare share(capacities);
  const std::int32_t a = share.add({0, 1});
  const std::int32_t b = share.add({2});
  EXPECT_EQ(share.settle().size(), 2U);
  const std::int32_t c = share.add({1});
  const std::span<const std::int32_t> changed = share.settle();
  EXPECT_EQ((std::vector<std::int32_t>(changed.begin(), changed.end())), (std::vector{a, c}));
  EXPECT_EQ(share.rate(b), 1);
  EXPECT_EQ(share.rate(a), 0.5);
  EXPECT_EQ(share.load(1), 1);
  share.remove(c);
  EXPECT_EQ(share.settle().size(), 1U);
  EXPECT_EQ(share.rate(a), 1);
  EXPECT_TRUE(share.settle().empty());
}

/// A round of an event loop: every flow goes and comes back.
TEST(FairShare, DoesNotAllocateOnceItHasSeenItsFlows) {
  const Instance instance = random_instance(7);
  FairShare share(instance.capacities);
  std::vector<std::int32_t> numbers;
  for (const auto& links : instance.flows) numbers.push_back(share.add(links));
  const auto round = [&] {
    for (std::size_t f = 0; f < numbers.size(); ++f) {
      share.remove(numbers[f]);
      share.settle();
      numbers[f] = share.add(instance.flows[f]);
      share.settle();
    }
  };
  round();
  const std::int64_t before = allocations;
  round();
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace ds::network

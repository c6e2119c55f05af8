// Laws of the split and of the rules, over random worlds.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

TEST(SplitLaws, EveryLayerIsPlacedOnceAndPartsDifferByAtMostOne) {
  EXPECT_TRUE(rc::check("split", [] {
    const std::int64_t layers = *rc::gen::inRange<std::int64_t>(1, 300);
    const std::int64_t pp = *rc::gen::inRange<std::int64_t>(1, 40);
    const std::int64_t vpp = *rc::gen::inRange<std::int64_t>(1, 8);
    const auto split = split_layers(layers, pp, vpp);
    std::vector<std::int64_t> stages;
    for (const auto& chunks : split) {
      stages.push_back(std::accumulate(chunks.begin(), chunks.end(), std::int64_t{0}));
      const auto [least, most] = std::ranges::minmax_element(chunks);
      RC_ASSERT(*most - *least <= 1);
    }
    const auto [least, most] = std::ranges::minmax_element(stages);
    RC_ASSERT(*most - *least <= 1);
    RC_ASSERT(stages.back() <= stages.front());
    RC_ASSERT(std::accumulate(stages.begin(), stages.end(), std::int64_t{0}) == layers);
  }));
}

TEST(SplitLaws, EndsTakeNothingAway) {
  EXPECT_TRUE(rc::check("ends", [] {
    const std::int64_t layers = *rc::gen::inRange<std::int64_t>(1, 300);
    const std::int64_t pp = *rc::gen::inRange<std::int64_t>(1, 40);
    const std::int64_t vpp = *rc::gen::inRange<std::int64_t>(1, 8);
    const Ends ends{*rc::gen::inRange<std::int64_t>(0, 9), *rc::gen::inRange<std::int64_t>(0, 9),
                    *rc::gen::arbitrary<bool>()};
    std::int64_t sum = 0;
    for (const auto& chunks : split_layers(layers, pp, vpp, ends))
      sum = std::accumulate(chunks.begin(), chunks.end(), sum);
    RC_ASSERT(sum == layers);
  }));
}

TEST(RuleLaws, AProposedValueKeepsTheRule) {
  EXPECT_TRUE(rc::check("proposals", [] {
    Job job = small_job();
    job.plan.tp = *rc::gen::inRange<std::int64_t>(1, 20);
    job.plan.pp = *rc::gen::inRange<std::int64_t>(1, 12);
    job.plan.dp = *rc::gen::inRange<std::int64_t>(1, 20);
    job.plan.micro_batch = *rc::gen::inRange<std::int64_t>(1, 9);
    job.train.global_batch = *rc::gen::inRange<std::int64_t>(1, 200);
    job.plan.stage_layers_given = false;
    job.plan.embedding_as_layers = *rc::gen::inRange<std::int64_t>(0, 3);
    job.plan.head_as_layers = *rc::gen::inRange<std::int64_t>(0, 3);
    const auto violation = first_violation(job);
    if (!violation) return;
    const InputError error = as_error(*violation, job);
    RC_ASSERT(!error.path().empty());
    const Rule& rule = blamed(*violation, job);
    if (rule.key == nullptr || error.hint().empty()) return;
    rule.key(job) = std::stoll(error.hint());  // the hint begins with a value
    RC_ASSERT(rule.keeps(job));
  }));
}

TEST(RuleLaws, AJobThatIsReadKeepsThem) {
  EXPECT_TRUE(rc::check("read", [] {
    const std::string tp = "plan.tp=" + std::to_string(1 << *rc::gen::inRange(0, 4));
    const std::string pp = "plan.pp=" + std::to_string(1 << *rc::gen::inRange(0, 4));
    const std::string batch = "train.global_batch=" + std::to_string(*rc::gen::inRange(1, 100));
    try {
      const Job job = small_job({tp, pp, batch});
      RC_ASSERT(!first_violation(job));
      RC_ASSERT(job.plan.tp * job.plan.pp * job.plan.dp == job.cluster.ranks());
      RC_ASSERT(job.micro_batches() * job.plan.dp * job.plan.micro_batch == job.train.global_batch);
    } catch (const InputError& error) {
      RC_ASSERT(error.file() == "job.json");
    }
  }));
}

}  // namespace
}  // namespace ds::workload

// A whole run: what is taken where the job leaves it out, and its time, money and energy.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "simulator/run/power.h"
#include "simulator/run/published.h"
#include "simulator/run/run.h"
#include "tests/simulator/workload/jobs.h"

namespace ds::run {
namespace {

using Overrides = std::vector<std::string_view>;

/// 1e6 tokens a second in steps of 10 s, in which ranks always compute; a save copies 6.3 GB.
constexpr StepFacts kStep{.time = {10}, .tokens_per_s = 1e6, .busy = 1, .state = {6'300'000'000}};

WholeRun run_of(const Overrides& overrides, const StepFacts& step = kStep) {
  const workload::Job job = workload::small_job(overrides);
  check_supported(job);
  return whole_run(job, step).value();
}

std::string assumed(const WholeRun& run, std::string_view path) {
  for (const workload::Assumption& a : run.assumptions)
    if (a.path == path) return a.value;
  return "(not assumed)";
}

TEST(WholeRun, IsAskedForByTokensOrByFailures) {
  EXPECT_FALSE(whole_run(workload::small_job(), kStep));
  const WholeRun quiet = run_of({"train.tokens=8.64e10"});
  EXPECT_NEAR(quiet.length->wall.value, 86400, 1e-6);
  EXPECT_NEAR(quiet.length->gpu_hours, 24 * 16, 1e-9);  // two nodes of eight
  EXPECT_EQ(quiet.goodput.typical, 1);
  EXPECT_FALSE(quiet.goodput_is_band);
  EXPECT_EQ(assumed(quiet, "simulate.failures"), "none");
  const WholeRun short_one = run_of({"simulate.failures={}"});
  EXPECT_FALSE(short_one.length);
  EXPECT_LT(short_one.goodput.typical, 1);
}

/// Of what the job leaves out published figures are taken, and each is listed.
TEST(WholeRun, DefaultsArePublishedFiguresAndListed) {
  const WholeRun run = run_of({"simulate.failures={}"});
  const PublishedFailures& published = published_failures();
  EXPECT_NEAR(run.stops->failures.between.value, kSecondsPerDay / (2 * published.per_node_day.typical), 1e-6);
  EXPECT_EQ(run.stops->failures.restart.value, published.restart_s.value);
  for (const char* key : {"per_node_day", "job_failures_per_day", "detection_s", "restart_s",
                          "checkpoint_write_s", "checkpoint_interval_s"})
    EXPECT_NE(assumed(run, std::string("simulate.failures.") + key), "(not assumed)") << key;
  EXPECT_TRUE(run.goodput_is_band);
  EXPECT_LT(run.goodput.low, run.goodput.typical);
  EXPECT_LT(run.goodput.typical, run.goodput.high);
}

TEST(WholeRun, WhatTheJobSaysIsTaken) {
  const WholeRun run =
      run_of({R"(simulate.failures={"per_node_day": 0.5, "job_failures_per_day": 2, "detection_s": 30,
      "restart_s": 270, "checkpoint_write_s": 20, "checkpoint_interval_s": 600, "restart_can_fail": true})"});
  EXPECT_NEAR(run.stops->failures.between.value, 86400 / 3.0, 1e-9);
  EXPECT_EQ(run.stops->failures.restart.value, 300);
  EXPECT_EQ(run.stops->failures.saving->write.value, 20);
  EXPECT_EQ(run.stops->interval.value, 600);
  EXPECT_TRUE(run.stops->failures.restart_can_fail);
  EXPECT_TRUE(run.assumptions.empty());
  EXPECT_FALSE(run.goodput_is_band);
  EXPECT_EQ(run.goodput.low, run.goodput.high);
  EXPECT_NEAR(run.goodput.typical, goodput(run.stops->failures), 1e-15);
}

/// A save stops training until a rank's states are on the host: 6.3 GB at the rate of the GPU's link.
TEST(WholeRun, ASaveCopiesStatesToTheHost) {
  const workload::Job job = workload::small_job();
  const double link = workload::host_link_bytes_per_s(job.cluster.groups.front().node);
  const WholeRun run = run_of({"simulate.failures={}"});
  EXPECT_NEAR(run.stops->failures.saving->write.value, 6.3e9 / link, 1e-9);
}

TEST(WholeRun, NobodySavesInTheMiddleOfAStep) {
  StepFacts slow = kStep;
  slow.time = {5000};
  EXPECT_EQ(run_of({"simulate.failures={}"}, slow).stops->interval.value, 5000);
  EXPECT_GT(run_of({"simulate.failures={}"}).stops->interval.value, 10);
}

/// Published rates are of nodes of eight GPUs.
TEST(WholeRun, RatesGrowWithTheGpusOfANode) {
  const auto between = [](const char* node) {
    return run_of({node, "simulate.failures={}"}).stops->failures.between.value;
  };
  EXPECT_NEAR(between("cluster.node=dgx-a100-80g") / between("cluster.node=dgx-2"), 2, 1e-9);
}

TEST(WholeRun, WallTimeIsUsefulTimeOverGoodput) {
  const WholeRun run = run_of({"train.tokens=1e12", "simulate.failures.per_node_day=5"});
  EXPECT_NEAR(run.length->useful.value, 1e6, 1e-6);
  EXPECT_NEAR(run.length->wall.value * run.goodput.typical, 1e6, 1e-3);
  EXPECT_NEAR(*run.length->failures, failures_in(run.stops->failures, run.length->wall), 1e-9);
}

TEST(WholeRun, SpareNodesArePaidAndWait) {
  const Overrides without = {"train.tokens=8.64e10", "simulate.failures.per_node_day=0"};
  Overrides with = without;
  with.emplace_back("simulate.failures.spare_nodes=1");
  const WholeRun two = run_of(without), three = run_of(with);
  EXPECT_NEAR(three.length->gpu_hours / two.length->gpu_hours, 1.5, 1e-12);
  const auto power = power_of(workload::small_job().cluster.groups.front().node);
  EXPECT_NEAR(*three.length->energy_kwh - *two.length->energy_kwh,
              power->waiting_w * three.length->wall.value / 3.6e6, 1e-6);
}

TEST(WholeRun, MoneyIsThatOfGpusAndOfEnergy) {
  const Overrides run = {"train.tokens=8.64e10"};
  const auto length = [&](const Overrides& more) {
    Overrides all = run;
    all.insert(all.end(), more.begin(), more.end());
    return *run_of(all).length;
  };
  EXPECT_FALSE(length({}).cost_usd);
  EXPECT_NEAR(*length({"prices.gpu_hour_usd=2"}).cost_usd, 24 * 16 * 2, 1e-9);
  const Length energy = length({"prices.kwh_usd=0.1"});
  EXPECT_NEAR(*energy.cost_usd, *energy.energy_kwh * 0.1, 1e-9);
  const Length both = length({"prices.gpu_hour_usd=2", "prices.kwh_usd=0.1", "prices.pue=1.5"});
  EXPECT_NEAR(*both.energy_kwh, *energy.energy_kwh * 1.5, 1e-9);
  EXPECT_NEAR(*both.cost_usd, *both.gpus_usd + *both.energy_usd, 1e-9);
}

/// 8.4 kW of a node that is rated at 10.2 (arXiv 2412.08602), and 76 % of that over trainings that keep it busy (2506.14551).
TEST(Power, AnH100NodeDrawsWhatWasMeasured) {
  const workload::Job job = workload::small_job({"cluster.node=dgx-h100"});
  const Power power = power_of(job.cluster.groups.front().node).value();
  EXPECT_NEAR(power.at_work_w, 8400, 10);
  const Duty duty{.nodes = 1, .shares = {.useful = 1}, .busy = 0.9};
  EXPECT_NEAR(energy_kwh(power, duty, {3600}, 1), 0.76 * 10.2, 0.2);
  // Nothing but GPUs falls while they wait.
  EXPECT_NEAR(power.waiting_w, 8400 - 5600 * 0.86, 10);
}

TEST(Power, ANodeWithoutARatingFollowsItsGpus) {
  workload::Node node = workload::small_job({"cluster.node=dgx-h100"}).cluster.groups.front().node;
  const double rated = power_of(node)->at_work_w;
  node.max_node_w = 0;
  EXPECT_NEAR(power_of(node)->at_work_w / rated, 1, 0.01);
  node.accelerator.tdp_w = 0;
  EXPECT_FALSE(power_of(node));
  node.accelerator.tdp_w = 1e6;  // a rating that is too low for its GPUs
  node.max_node_w = 1000;
  EXPECT_GE(power_of(node)->waiting_w, 0);
}

TEST(WholeRun, ARunThatNeverEndsSaysSo) {
  const WholeRun run = run_of({"train.tokens=1e12", "simulate.failures.per_node_day=1e8"});
  EXPECT_TRUE(run.never_ends);
  EXPECT_FALSE(run.length);
  EXPECT_EQ(run.goodput.typical, 0);
}

/// More failures never make a run shorter or cheaper.
TEST(WholeRun, MoreFailuresNeverHelp) {
  double wall = 0, cost = 0;
  for (const char* rate : {"0", "0.001", "0.01", "0.1", "1", "10"}) {
    const std::string per_node = std::string("simulate.failures.per_node_day=") + rate;
    const WholeRun run = run_of({"train.tokens=1e12", "prices.gpu_hour_usd=2", per_node});
    EXPECT_GE(run.length->wall.value, wall) << rate;
    EXPECT_GE(*run.length->cost_usd, cost) << rate;
    wall = run.length->wall.value;
    cost = *run.length->cost_usd;
  }
}

TEST(WholeRun, WhatNobodyKnowsIsAskedFor) {
  const auto refused = [](const Overrides& overrides) -> std::string {
    try {
      check_supported(workload::read_job_text(
          R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
              "train": {"sequence_length": 128, "global_batch": 8, "tokens": 1e9}, "plan": {"micro_batch": 4}})",
          "job.json", overrides));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refused({}), "");
  EXPECT_NE(refused({"prices.kwh_usd=0.1"}).find("prices.kwh_usd"), std::string::npos);
  EXPECT_NE(refused({"simulate.failures={}"}).find("simulate.failures.per_node_day"), std::string::npos);
  EXPECT_NE(refused({"simulate.failures.per_node_day=1"}).find("checkpoint_write_s"), std::string::npos);
  EXPECT_EQ(refused({"simulate.failures.per_node_day=1", "simulate.failures.checkpoint_write_s=1"}), "");
}

}  // namespace
}  // namespace ds::run

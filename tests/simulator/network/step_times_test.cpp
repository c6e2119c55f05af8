#include "simulator/network/step_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace ds::network {
namespace {

using collective::Algorithm;
using collective::Collective;

/// Links of one dimension, as docs/collective.md defines their kinds.
Wires wires(const std::string& kind, std::int32_t ranks, double rate, double latency_s) {
  Wires wires;
  const bool full = kind == "fully_connected";
  wires.capacities.assign(full ? ranks * ranks : 2 * ranks, rate);
  for (std::int32_t from = 0; from < ranks; ++from)
    for (std::int32_t to = 0; to < ranks; ++to) {
      Route& route = wires.routes.emplace_back();
      route.latency = Seconds{kind == "switch" ? 2 * latency_s : latency_s};
      if (full) {
        route.add(from * ranks + to);
      } else if (kind == "switch") {
        route.add(from);
        route.add(ranks + to);
      } else {  // a ring, of which only the way to the next rank is there
        route.add(from);
      }
    }
  return wires;
}

Seconds last(const std::vector<Seconds>& ends) { return *std::ranges::max_element(ends); }

/// Latency 1, rate 1, chunks of 4: a step of one message takes 5. On a switch two messages to one receiver share its way
/// down: 1 + 8.
TEST(StepTimes, CountLatencyOncePerMessageAndShareLinks) {
  const Wires ring = wires("ring", 4, 1, 1);
  const auto steps = collective::steps(Collective::all_gather, Algorithm::ring, 4);
  EXPECT_EQ(last(step_times(steps, 4, ring)).value, 3 * 5);
  const Wires star = wires("switch", 3, 1, 0.5);
  const auto direct = collective::steps(Collective::all_gather, Algorithm::direct, 3);
  EXPECT_EQ(last(step_times(direct, 4, star)).value, 1 + 8);
}

/// Over a chain of three, ranks end as soon as their own part has: rank 1 of a tree's broadcast over four is a leaf that
/// hears in the second step, rank 2 hears in the first and sends in the second.
TEST(StepTimes, ThereIsNoBarrierBetweenSteps) {
  const auto tree = collective::steps(Collective::broadcast, Algorithm::binomial_tree, 4);
  Wires wire = wires("fully_connected", 4, 1, 0);
  wire.capacities[2 * 4 + 3] = 0.1;  // from 2 to 3
  const std::vector<Seconds> ends = step_times(tree, 1, wire);
  EXPECT_EQ(ends[0].value, 2);
  EXPECT_EQ(ends[1].value, 2);
  EXPECT_EQ(ends[2].value, 11);
  EXPECT_EQ(ends[3].value, 11);
}

/// Rank 3 hears from rank 2 at 10 in the first step. What rank 0 sends it in the second is there at 1, before rank 3 has
/// come so far; its own message of the third step waits for both.
TEST(StepTimes, WhatArrivesEarlyDoesNotSkipAStep) {
  Wires wire = wires("fully_connected", 4, 1, 0);
  wire.capacities[2 * 4 + 3] = 0.1;
  collective::Steps plan{.ranks = 4, .chunks = 1, .steps = {}};
  for (const auto& [from, to] : {std::pair(2, 3), std::pair(0, 3), std::pair(3, 1)})
    plan.steps.push_back({{{.from = from, .to = to, .first = 0, .count = 1}}});
  const std::vector<Seconds> ends = step_times(plan, 1, wire);
  EXPECT_EQ(ends[0].value, 1);
  EXPECT_EQ(ends[1].value, 11);
}

/// A slow link holds up a ring by its own delay in every step, and nothing more.
TEST(StepTimes, ARingGoesAtThePaceOfItsSlowestLink) {
  Wires wire = wires("ring", 6, 1, 0);
  wire.capacities[3] = 0.25;
  const auto plan = collective::steps(Collective::all_reduce, Algorithm::ring, 6);
  EXPECT_DOUBLE_EQ(last(step_times(plan, 1, wire)).value, 10 * 4);
}

}  // namespace
}  // namespace ds::network

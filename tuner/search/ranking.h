#pragma once
// How a ranking of plans holds where costs are off: a list that a few percent turn round says less than one that they do not.
//
//   const RankingHolds holds = ranking_holds(steps, 0.1, seed);   // costs off by 10 %
//   holds.stays_best                                              // the first stays the fastest of them, in that share of cases

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/program/timeline.h"

namespace ds::tuner {

struct RankingHolds {
  double off{};                 // standard deviation of each cost, relative
  double stays_best{};          // share of cases in which the first is the fastest
  double mean_regret{};         // by how much the first is slower than the fastest, relative
  double p95_regret{};          // in 19 of 20 cases not more
  std::vector<double> is_best;  // share of cases, by plan
};

/// `steps`: of each plan, what its step is made of, the chosen one first; they are not none. Computing and each kind of
/// communication take longer or shorter by a factor of their own, drawn anew for each case (log-normal) and the same for all
/// plans, since what a model gets wrong it gets wrong for all of them; a bubble is as long as what it waits for, by its mean.
RankingHolds ranking_holds(std::span<const program::TimeParts> steps, double off, std::uint64_t seed);

}  // namespace ds::tuner

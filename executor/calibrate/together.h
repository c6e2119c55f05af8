#pragma once
// What only several ranks at once can measure: communications, and operators while other ranks compute as well. Cores
// share caches, memory and often the units of one core.

#include <vector>

#include "executor/calibrate/calibrate.h"
#include "executor/calibrate/exchanges.h"
#include "executor/ranks/ranks.h"

namespace ds::executor {

struct TogetherTimes {
  std::int32_t ranks{};
  std::vector<ExchangeTime> exchanges;
  std::vector<OperatorTime> operators;  // empty where ranks outnumber cores
};

/// How many ranks to measure with, one after the other: 2, 4, ... up to the cores, and 2 in any case.
std::vector<std::int32_t> rank_counts();

/// How long measure_together takes, counted in rounds of measure_operators: for an estimate of the whole.
double length_in_rounds(std::int32_t ranks, int rounds);

/// Starts that many ranks as processes of this program. Nothing where `launch.stop` asked them to stop. Throws
/// MachineError where one of them fails.
TogetherTimes measure_together(std::int32_t ranks, Launch launch, const Progress& progress);

/// What each of these processes does.
int measure_as_rank(const RankEnvironment& environment, int rounds);

}  // namespace ds::executor

#pragma once
// What training a policy and comparing methods come to, as plain values; and the files that say so.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/session/session.h"
#include "tuner/bench/race.h"
#include "tuner/policy/network.h"

namespace ds::cli {

/// How a policy came about.
struct TrainingRecord {
  std::uint64_t seed{};
  std::size_t lessons{}, plans{};
  struct Point {
    double share{}, figure{};
  };
  std::vector<Point> imitation, reinforcement;  // loss; mean regret over the choices
  struct Scores {
    tuner::Network::Score train, held_out;
  };
  Scores imitated, reinforced;
};
std::string training_record(const TrainingRecord& record, const report::Provenance& origin);

/// How methods came near the best plans.
struct Comparison {
  std::vector<std::string> instances;
  std::vector<double> best_known;   // seconds; infinite where nobody found a plan
  std::vector<std::int64_t> looks;  // after so many evaluations
  struct Look {
    tuner::Interval regret;
    double nine_in_ten{};
    std::vector<double> by_instance;  // mean over seeds
  };
  struct Row {
    std::string name;
    std::vector<double> parameters;
    std::vector<Look> looks;
    double seconds{};  // of all its searches, evaluations that others had asked for before left out
  };
  std::vector<Row> rows;
  std::int64_t seeds{};
};
std::string comparison_report(const Comparison& comparison, const report::Provenance& origin);

}  // namespace ds::cli

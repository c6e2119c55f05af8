#pragma once
// What others have published of failures and of power: profiles/failures.json and profiles/power.json, each number with its source.

#include <string>

namespace ds::run {

struct Rate {
  double low{}, typical{}, high{};
  std::string source;
};
struct Figure {
  double value{};
  std::string source;
};

struct PublishedFailures {
  double gpus_per_node{};  // that rates are of
  Rate per_node_day;
  Figure restart_s;  // noticing the failure included
};

struct PublishedPower {
  Figure at_work_of_rated;  // of a node in training
  Figure rated_of_gpus;     // of a node, over the tdp_w of its GPUs, where nobody says what it is rated at
  Figure idle_of_tdp;       // of a GPU that waits
};

/// Read once. Throw InputError where a file is missing or says something else.
const PublishedFailures& published_failures();
const PublishedPower& published_power();

}  // namespace ds::run

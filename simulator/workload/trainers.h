#pragma once
// Plans that can be predicted, and that the trainer whose habits a step follows would refuse all the same.

#include <string>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::workload {

struct Warning {
  std::string path;  // plan.vpp
  std::string text;  // which trainer refuses what, and what it takes instead
};

/// Of a settled job.
std::vector<Warning> trainer_warnings(const Job& job);

}  // namespace ds::workload

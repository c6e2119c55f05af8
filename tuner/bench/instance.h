#pragma once
// Searches that methods are compared on, and that a policy learns from: jobs with their spaces, as a file lists them.
//
//   for (const Instance& one : read_instances(file)) const Space space = one.space();

#include <filesystem>
#include <string>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"
#include "tuner/space/space.h"

namespace ds::tuner {

/// What an instance is for.
enum class Tier {
  train,   // a policy learns from it
  tuning,  // parameters of all methods are chosen by it
  d,       // models, machines and scales that nothing has learned from
  e        // the same with experts, slow networks and larger scales
};
std::string_view name_of(Tier tier);

struct Instance {
  std::string name;
  Tier tier{};
  workload::Job job;
  std::string space_name;  // as after --space

  Space space() const { return read_space(job, {.file = space_name}); }
};

/// Throws InputError, with file and JSON path.
std::vector<Instance> read_instances(const std::filesystem::path& file);
/// Those that are shipped.
std::filesystem::path default_instances();

}  // namespace ds::tuner

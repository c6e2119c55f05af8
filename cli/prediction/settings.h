#pragma once
// Which keys of several jobs differ, after defaults: what `compare` and `diff` say of their inputs.
//
//   for (const Difference& d : differences(outcomes))   // {"plan.tp", {"8", "4"}}

#include <string>
#include <vector>

#include "cli/prediction/prediction.h"

namespace ds::cli {

/// Values are JSON, by job; "" for a job that has no such key.
struct Difference {
  std::string path;
  std::vector<std::string> values;
};
/// Of the jobs that could be read; the others have no values. Presets count by what is in them; their names are named beside.
std::vector<Difference> differences(const std::vector<Outcome>& outcomes);

}  // namespace ds::cli

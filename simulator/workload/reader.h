#pragma once
// Private to the job reader: one function per top-level key, and the list of what was assumed.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::workload {

/// Reads a member if it is there; where it is not, takes the default and writes down that it did.
class Defaults {
 public:
  explicit Defaults(std::vector<Assumption>& assumptions) : assumptions_(&assumptions) {}
  void assume(std::string path, std::string value, std::string why) const {
    assumptions_->push_back({std::move(path), std::move(value), std::move(why)});
  }

 private:
  std::vector<Assumption>* assumptions_;
};

/// Text that stands for a file and not for a preset: it has a slash or ends in .json.
bool names_a_file(std::string_view text);

Model read_model(const Cursor& at, const std::filesystem::path& folder, const Defaults& defaults);
/// The object form, in a job or in a preset.
Model read_model_object(const Cursor& at, const Defaults& defaults);

Cluster read_cluster(const Cursor& at, const std::filesystem::path& folder, const Defaults& defaults);

Train read_train(const Cursor& at, const Defaults& defaults);
/// The keys of the hyper-parameter policy, as `train` has them, with their values.
std::vector<std::pair<std::string_view, double>> policy_of(const HyperParameters& hyper);
/// `at`: the plan, if one was given. Needs model, cluster and habits in `job`.
Plan read_plan(const std::optional<Cursor>& at, const Job& job, const Defaults& defaults);

Simulate read_simulate(const Cursor& at, const Defaults& defaults);
Prices read_prices(const Cursor& at);
Execute read_execute(const Cursor& at, const std::filesystem::path& folder);
Tune read_tune(const Cursor& at, const Defaults& defaults);

}  // namespace ds::workload

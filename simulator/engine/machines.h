#pragma once
// The machine of a job as its plans see it: operators may take other times, communications do not.

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "simulator/cost/machine.h"
#include "simulator/workload/job.h"

namespace ds::engine {

/// Any number of threads may ask.
class Machines {
 public:
  /// `profile` serves jobs on CPUs and has to outlive it.
  explicit Machines(const cost::Profile& profile) : profile_(profile) {}

  struct Numbered {
    std::size_t number{};
    const cost::Machine* machine{};
  };
  /// Equal numbers, equal machines. `job`: settled (workload::settle).
  Numbered of(const workload::Job& job) {
    const workload::Plan& plan = job.plan;
    const std::scoped_lock hold(lock_);
    const Key key{plan.precision,  plan.attention,         plan.dropout,
                  plan.fp8_recipe, plan.exchanges_apart(), plan.ep > 1,
                  plan.dispatch,   plan.cuda_graphs,       job.cluster.cpu() ? job.cluster.ranks() : 0};
    std::unique_ptr<cost::Machine>& found = machines_[key];
    if (!found) {
      if (job.cluster.cpu() || !any_)
        found = std::make_unique<cost::Machine>(job, profile_);
      else
        found = std::make_unique<cost::Machine>(job, *any_);
      if (!any_) any_ = found.get();
      numbers_[key] = machines_.size() - 1;
    }
    return {numbers_[key], found.get()};
  }

 private:
  // What cost::Machine reads of a plan; on CPUs also how many ranks there are.
  using Key = std::tuple<workload::Precision, workload::Attention, double, std::string, bool, bool,
                         workload::Dispatch, workload::CudaGraphs, std::int64_t>;

  const cost::Profile& profile_;
  const cost::Machine* any_{};  // whose communications and products all share
  std::map<Key, std::unique_ptr<cost::Machine>> machines_;
  std::map<Key, std::size_t> numbers_;
  std::mutex lock_;
};

}  // namespace ds::engine

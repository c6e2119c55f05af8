#pragma once
// What passes and updates take, by the few keys of a plan that they depend on. Small programs are lowered for them, once each.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/cost/machine.h"
#include "simulator/workload/job.h"
#include "tuner/estimate/pass_model.h"
#include "tuner/estimate/update_model.h"

namespace ds::tuner {

/// The machine as plans of several precisions see it.
class Machines {
 public:
  explicit Machines(const workload::Job& base) : base_(base) {}
  const cost::Machine& of(const workload::Plan& plan);

 private:
  const workload::Job& base_;
  cost::Profile no_profile_;
  Memo<std::monostate, cost::Machine> any_;
  Memo<std::tuple<workload::Precision, workload::Attention, double>, cost::Machine> all_;
};

/// What probes have said, by the keys of a plan that it depends on.
class Models {
 public:
  Models(const workload::Job& base, std::shared_ptr<Machines> machines)
      : base_(base),
        per_node_(base.cluster.groups.front().node.gpus_per_node),
        machines_(std::move(machines)) {}

  /// `numbers`: all of the model that a pipeline's way depends on, the same list for models that are alike.
  struct Passes {
    std::optional<PassModel> model;
    const std::vector<double>* numbers{};
  };
  const Passes& passes_of(const workload::Plan& plan, std::int64_t micro_batches);

  const std::optional<UpdateModel>& updates_of(const workload::Plan& plan);

  /// The loss's sum over micro-batches, which the probe has few of.
  double more_losses(const workload::Plan& plan, std::int64_t micro_batches);

 private:
  /// One probe of a pipeline, or two of a single stage.
  class Probes {
   public:
    Probes() = default;
    Probes(const workload::Job& job, bool pipeline, std::int64_t micro_batches) {
      probes_.emplace_back(job, pipeline ? kPipelineLayers : kOneLayer, micro_batches);
      if (!pipeline) probes_.emplace_back(job, kTwoLayers, micro_batches);
    }
    template <class Model>
    std::optional<Model> read(std::int64_t micro_batch, const program::Grid& grid,
                              const cost::Machine& machine, Zeroes zeroes) {
      for (Probe& probe : probes_) probe.price(micro_batch, grid, machine, zeroes);
      return Model::read(probes_.front(), probes_.size() > 1 ? &probes_.back() : nullptr);
    }

   private:
    std::vector<Probe> probes_;
  };

  /// tp, no pipeline, sequence parallel, recompute, precision, attention, dropout, tp_comm, one micro-batch,
  /// reduced late.
  using PassProbeKey = std::tuple<std::int64_t, bool, bool, workload::Recompute, workload::Precision,
                                  workload::Attention, double, bool, bool, bool>;
  using PassKey = std::tuple<PassProbeKey, std::int64_t, std::int64_t>;  // and micro-batch, neighbours
  /// tp, data-parallel ranks, no pipeline, sequence parallel, precision, dropout, zero, grad_reduce,
  /// param_gather.
  using UpdateProbeKey =
      std::tuple<std::int64_t, std::int64_t, bool, bool, workload::Precision, double, int, bool, bool>;
  using UpdateKey = std::tuple<UpdateProbeKey, std::int64_t, std::int64_t>;  // and dp, pp

  static UpdateProbeKey update_probe_key(const workload::Plan& plan, std::int64_t ranks);

  /// What of the other axes a pass's communications depend on: how many tensor-parallel groups share a node, where stages
  /// fill whole nodes; else all of it.
  std::int64_t neighbours(const workload::Plan& plan) const;

  const workload::Job& base_;
  std::int64_t per_node_;
  std::shared_ptr<Machines> machines_;
  std::map<PassProbeKey, Probes> pass_probes_;
  std::map<UpdateProbeKey, Probes> update_probes_;
  std::map<PassKey, Passes> passes_;
  std::set<std::vector<double>> pass_numbers_;
  std::map<UpdateKey, std::optional<UpdateModel>> updates_;
  std::map<std::pair<std::int64_t, workload::Precision>, double> losses_;
};

}  // namespace ds::tuner

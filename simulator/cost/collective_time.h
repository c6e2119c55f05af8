#pragma once
// Seconds of a communication that is alone on GPUs, which means: with the groups beside it doing the same (eight
// data-parallel groups that share the network cards of a node, say), and nothing else.
//
//   const CommunicationModel model(cluster);
//   const network::Group dp = network::group_over(plan.placement, axes, {"dp"}, {"pp"});
//   model.collective(Collective::all_reduce, Algorithm::automatic, dp, Bytes{64 << 20}).estimate.seconds
//   model.point_to_point({.first = 0, .members = {{2, 64}}, .siblings = {{8, 1}}}, Bytes{1 << 20})
//
// Bytes are those of the whole: what a rank ends with (all_gather), starts with (all other), or the message. The traffic
// of an algorithm is played once over one node that stands for all, and remembered: a further size costs nanoseconds.
// Any number of threads may ask.
//
// Processes on CPUs are not served here: there a communication is the rank's own work, which a calibrated profile knows.

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "simulator/collective/collective.h"
#include "simulator/cost/cost.h"
#include "simulator/network/group.h"
#include "simulator/ops/ops.h"
#include "simulator/workload/job.h"

namespace ds::cost {

using collective::Algorithm;

struct CommunicationTime {
  Estimate estimate;
  Algorithm algorithm{};      // the one taken where it was automatic
  std::string_view protocol;  // of the library: "ll", "ll128", "simple"; "" for a group of one
};

class CommunicationModel {
 public:
  /// A cluster of GPUs. Reads profiles/networks.
  explicit CommunicationModel(const workload::Cluster& cluster);
  ~CommunicationModel();
  CommunicationModel(CommunicationModel&&) noexcept;
  CommunicationModel& operator=(CommunicationModel&&) noexcept;

  /// Whether the group can do it that way: a double tree for all_reduce and broadcast, nvls for all_reduce where the
  /// switches of its nodes add, any other algorithm where its steps are in the catalogue and alike on all ranks.
  bool has(collective::Collective what, Algorithm algorithm, const network::Group& group) const;
  /// Fails (ensure) where `has` is false.
  CommunicationTime collective(collective::Collective what, Algorithm algorithm, const network::Group& group,
                               Bytes bytes) const;
  /// Rows that are sent to the ranks of their experts, or what is made of them sent back, each token once to each node. `bytes`: of
  /// all rows, `top_k` a token. Priced as DeepEP reaches it (profiles/networks).
  CommunicationTime dispatch(const ops::RowExchange& rows, const network::Group& group, Bytes bytes) const;
  /// One message from the first of two members to the second.
  CommunicationTime point_to_point(const network::Group& pair, Bytes bytes) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ds::cost

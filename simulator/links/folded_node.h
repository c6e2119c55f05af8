#pragma once
// The one node that stands for all of a cluster: its links, and messages over them. All nodes do the same at the same time, so that
// what it sends to another comes in again where it would arrive there.

#include "simulator/links/played.h"
#include "simulator/network/message_times.h"

namespace ds::links {

using Index = std::int32_t;

class FoldedNode {
 public:
  /// The cluster must outlive it.
  explicit FoldedNode(const Cluster& cluster);

  Index gpus() const { return gpus_; }
  network::Messages& messages() { return all_; }

  /// Ways, for messages. Each call makes a new one.
  Index inside(Index from, Index to);
  Index across(Index from, Index to) { return across(from, to, nic_of(from), nic_of(to)); }
  Index across(Index from, Index to, Index nic_out, Index nic_in);
  /// A message that is a moment: it has come when all that it waits for has.
  Index junction();

  Played play(std::int64_t steps) const;

 private:
  /// The card of GPU `gpu`, where nothing else is said.
  Index nic_of(Index gpu) const { return static_cast<Index>(std::int64_t{gpu} * c_.nics / c_.gpus); }
  Index up() const { return 2 * (gpus_ + nics_); }
  Index add_way(network::Way way);
  LinkLoad load_of(const char* what, const std::vector<double>& carried, Index first, Index links) const;

  const Cluster& c_;
  Index gpus_, nics_, nowhere_{-1};
  network::Messages all_;
};

}  // namespace ds::links

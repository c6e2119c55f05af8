#pragma once
// One collective, or a few flows, over links of stated speed: what a file says of links is all there is to them, no GPU and no
// library. `ds-sim collective` shows such a collective; `ds-sim validate` holds both kinds against what others have found.
//
//   const Spec spec = read_spec(document.root());   // {"collective": "all_reduce", "bytes": 1e9, "algorithm": "ring", ...}
//   time_of(spec).value                             // seconds until the last rank has ended
//   explain(spec).loads                             // what each kind of link carried
//   finish_times(read_flow_set(document.root()))    // seconds, flow by flow
//
// What the words mean is docs/collective.md. All ranks start at 0; a message shares its links max-min fair with all that are on
// them at that moment; adding up costs nothing. Bytes are what nccl-tests calls size: what a rank ends with (all_gather), or
// starts with (all others), or the message.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/base/units.h"
#include "simulator/collective/collective.h"
#include "simulator/network/flow_times.h"

namespace ds::links {

using collective::Collective;

enum class Algorithm : std::uint8_t { ring, halving_doubling, direct, relay, grid2d };
std::string_view name_of(Algorithm algorithm);
/// As specs spell it: a shift is send_recv.
std::string_view spelling(Collective what);

enum class Kind : std::uint8_t { ring, switched, fully_connected };
std::string_view name_of(Kind kind);

/// Links between the ranks that differ in one coordinate alone.
struct Dimension {
  Kind kind{};
  std::int64_t size{};
  double bytes_per_s{};  // of a link, in one direction
  Seconds latency;       // of a link
};

/// Equal nodes of equal GPUs. Each GPU has one link out and one in, each node `nics` out and as many in.
struct Cluster {
  std::int64_t nodes{}, gpus{}, nics{};
  double gpu_bytes_per_s{}, nic_bytes_per_s{};
  Seconds node_latency, fabric_latency;  // of a whole way
  double oversubscription{1};            // of what a node's NICs can do together

  std::int64_t ranks() const { return nodes * gpus; }
  /// Of a node's way into the fabric, in one direction.
  double fabric_bytes_per_s() const { return static_cast<double>(nics) * nic_bytes_per_s / oversubscription; }
};

struct Spec {
  Collective what{};  // shift: send_recv
  double bytes{};
  std::vector<Algorithm> algorithms;  // one a dimension; one on a cluster
  std::int64_t rings{1};
  std::vector<Dimension> dimensions;  // the innermost first; none on a cluster
  std::optional<Cluster> cluster;

  std::int64_t ranks() const;
};

/// Throws InputError where it is no spec, where the collective or the topology has no such algorithm, and where it would take too
/// long. Keys that it does not know are notes, but for those that look like a slip of one that is missing.
Spec read_spec(const Cursor& at);

Seconds time_of(const Spec& spec);

/// What the links of one kind carried.
struct LinkLoad {
  std::string what;  // "dimension 0", "gpu", "nic", "fabric"
  double bytes{};    // over all of them; through a switch, or from one GPU or NIC to another, counted once
  double busiest_bytes{};  // over one of them
  double bytes_per_s{};    // of one, in one direction
  Seconds time;            // along that dimension; of all on a cluster
  std::int64_t steps{};    // along that dimension; of all on a cluster

  /// Share of that time in which the busiest could have carried what it did.
  double busy() const { return time.value > 0 ? busiest_bytes / bytes_per_s / time.value : 0; }
};

struct Explained {
  Seconds time;
  Seconds bare;  // without any latency
  std::int64_t ranks{},
      steps{};  // steps: messages of which each waits for the one before, on the longest way
  std::vector<LinkLoad> loads;
  std::optional<double> algorithm_bytes_per_s,
      bus_bytes_per_s;    // as nccl-tests has them; where it takes time
  std::size_t slowest{};  // of the loads: the dimension that takes longest, the links that are fullest
};
Explained explain(const Spec& spec);

/// Flows with names over links with names.
struct FlowSet {
  std::vector<double> capacities;
  std::vector<network::TimedFlow> flows;
  std::vector<std::string> names;  // of the flows
};

/// Throws InputError where a flow names no link, or one that is not there, or where it would take too long.
FlowSet read_flow_set(const Cursor& at);

/// Seconds at which each flow ends.
std::vector<double> finish_times(const FlowSet& set);

}  // namespace ds::links

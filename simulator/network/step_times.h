#pragma once
// How long the steps of a collective take over a network, message by message: the exact meaning of collective.h, against
// which shorter ways are proven. A message starts when its sender begins the step, is under way for its latency, and
// then shares its links; a rank's next step begins when all that it sends and receives in this one has arrived.

#include <span>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/collective/collective.h"
#include "simulator/network/network.h"

namespace ds::network {

/// Links, and the route of every ordered pair of ranks: routes[from * ranks + to].
struct Wires {
  std::vector<double> capacities;  // bytes per second
  std::vector<Route> routes;
};

/// When each rank has ended; all begin at 0 with chunks of `chunk_bytes`.
std::vector<Seconds> step_times(const collective::Steps& plan, double chunk_bytes, const Wires& wires);

}  // namespace ds::network

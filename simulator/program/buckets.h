#pragma once
// Which parameters share a bucket: one buffer of weights, one of gradients, one of each optimizer state.

#include <string>
#include <vector>

#include "simulator/graph/graph.h"

namespace ds::program {

/// Parameters one after another without gaps, those that decay first, so that one AdamW and one norm serve them all.
struct Bucket {
  struct Member {
    graph::ParameterIndex parameter{};
    std::int64_t first_element{};
  };
  std::string name;
  std::vector<Member> members;
  std::int64_t elements{}, decayed{};
  bool tied{false};  // the parameter has a second use, whose gradient has a buffer of its own
};

/// A bucket per layer; outside the layers one per matrix, and one for all gains and biases together.
std::vector<Bucket> make_buckets(const graph::Stage& stage);

}  // namespace ds::program

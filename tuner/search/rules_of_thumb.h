#pragma once
// Plans as practitioners write them down first: where most methods of search begin.

#include <cstddef>
#include <vector>

#include "tuner/space/outlook.h"
#include "tuner/space/space.h"

namespace ds::tuner {

/// At most `most` legal plans of the space that may fit, likeliest first. The rules are those of Narayanan et al. 2021
/// ("Efficient large-scale language model training on GPU clusters using Megatron-LM", section 3): as little model parallelism
/// as memory allows, tensor parallelism within a node, experts within a node, pipelines beyond it; no recomputation where it
/// can be done without; many micro-batches a pipeline. For each way to divide the ranks there is one plan; once these are through, one that
/// takes little memory.
std::vector<Candidate> plans_by_rule_of_thumb(const Space& space, Outlook& outlook, std::size_t most);

}  // namespace ds::tuner

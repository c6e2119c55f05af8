// The whole split of layers into stages and chunks, by the rule of split.h.
#include "simulator/workload/split.h"

namespace ds::workload {

std::vector<std::vector<std::int64_t>> split_layers(std::int64_t layers, std::int64_t pp, std::int64_t vpp,
                                                    const Ends& ends) {
  std::vector<std::vector<std::int64_t>> split(static_cast<std::size_t>(pp));
  for (std::int64_t stage = 0; stage < pp; ++stage)
    for (std::int64_t chunk = 0; chunk < vpp; ++chunk)
      split[static_cast<std::size_t>(stage)].push_back(layers_of_chunk(layers, pp, vpp, ends, stage, chunk));
  return split;
}

}  // namespace ds::workload

#pragma once
// A class's step as points where classes meet and longest ways between them. Private to step_form.cpp.

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "simulator/engine/stage_outline.h"
#include "simulator/engine/step_form.h"
#include "simulator/maxplus/maxplus.h"

namespace ds::engine {

/// Numbers of channels, given out as they are asked for.
class ChannelNumbers {
 public:
  std::int32_t of(const program::Group& group, std::int32_t shift, std::int32_t from) {
    return numbers_.try_emplace({group, shift, from}, static_cast<std::int32_t>(numbers_.size()))
        .first->second;
  }

 private:
  std::map<std::tuple<program::Group, std::int32_t, std::int32_t>, std::int32_t> numbers_;
};

struct ClassGraph {
  maxplus::SyncGraph graph;             // from cut to cut
  std::vector<DurationPart> durations;  // by the graph's weights
};

ClassGraph class_graph(const StepOrder& order, std::int32_t stage, const StageOutline& outline,
                       ChannelNumbers& channels);

}  // namespace ds::engine

// How many slots the buffers of a stage have: as many as micro-batches need them at once.
#include <map>

#include "simulator/base/error.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {

/// From the leg of the chunk that makes it to the last one of the other, whose backward comes first and whose forward second.
SlotRule StageLowering::handed_over_rule(graph::TensorIndex t, const Chunk& chunk) const {
  const graph::Stage &first = *chunks_.front().graph, &second = *chunks_.back().graph;
  const bool gradient = t == chunk.graph->output_gradient || t == chunk.graph->input_gradient;
  const auto touched = [&](const Chunk& one, graph::TensorIndex tensor) {
    return one.touched[static_cast<std::size_t>(tensor)];
  };
  const int here = touched(chunks_.front(), gradient ? first.output_gradient : first.output);
  const int there = touched(chunks_.back(), gradient ? second.input_gradient : second.input);
  ensure((gradient ? there : here) == bit(gradient ? Leg::inputs : Leg::forward),
         "who hands something over is done with it");
  return {.kind = SlotRule::Kind::in_flight,
          .chunk = gradient ? 1 : 0,
          .from = gradient ? Leg::inputs : Leg::forward,
          .to = last_of(gradient ? here : there),
          .to_chunk = gradient ? 0 : 1};
}

std::int32_t slots_of(const SlotRule& rule, const std::vector<ScheduledPass>& order,
                      std::int32_t micro_batches) {
  switch (rule.kind) {
    case SlotRule::Kind::one: return 1;
    case SlotRule::Kind::every_micro_batch: return micro_batches;
    case SlotRule::Kind::in_flight: break;
  }
  const std::int32_t to_chunk = rule.to_chunk < 0 ? rule.chunk : rule.to_chunk;
  const bool passes = rule.from != rule.to || to_chunk != rule.chunk;
  const std::int32_t in_flight =
      passes ? most_in_flight(order, {rule.chunk, rule.from}, {to_chunk, rule.to}) : 1;
  return slots_for(in_flight, rule.lanes_share, micro_batches);
}

std::vector<std::int32_t> StageLowering::slots(const std::vector<ScheduledPass>& order) const {
  std::vector<std::int32_t> list;
  list.reserve(slot_rules_.size());
  std::map<SlotRule, std::int32_t> known;
  for (const SlotRule& rule : slot_rules_) {
    const auto [found, is_new] = known.try_emplace(rule, 0);
    if (is_new) found->second = slots_of(rule, order, micro_batches());
    list.push_back(found->second);
  }
  return list;
}

}  // namespace ds::program

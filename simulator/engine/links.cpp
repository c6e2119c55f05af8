// Which links a class could ask too much of, and the flows that its communications become there.
#include "simulator/engine/links.h"

#include <algorithm>

#include "simulator/program/walk.h"

namespace ds::engine {

using program::index;
using program::Kind;

RankLinks::RankLinks(const program::Program& program, const Durations& durations, bool shared)
    : program_(program),
      durations_(durations),
      narrow_(program.classes.size()),
      capacities_(program.classes.size() * kLinks, 1.0) {
  if (!shared || durations.loads.empty()) return;
  for (std::size_t c = 0; c < program.classes.size(); ++c) {
    std::vector<Use> most(program.lanes.size());
    for (const program::TemplateId body : program::templates_of(program, program.classes[c]))
      program::for_each_distinct(program.templates[index(body)],
                                 [&](program::InstructionId id, std::int32_t) {
                                   const Use use = use_of(c, id);
                                   Use& lane = most[index(program.instruction(id).lane)];
                                   for (std::size_t l = 0; l < kLinks; ++l)
                                     lane[l] = std::max(lane[l], use[l]);
                                 });
    for (std::size_t l = 0; l < kLinks; ++l) {
      double sum = 0, largest = 0;
      for (const Use& lane : most) {
        sum += lane[l];
        largest = std::max(largest, lane[l]);
      }
      narrow_[c][l] = sum > 1 + 1e-9 && sum > largest;
    }
  }
}

RankLinks::Use RankLinks::use_of(std::size_t rank_class, program::InstructionId id) const {
  const Load load = durations_.load(rank_class, id);
  switch (program_.instruction(id).kind) {
    case Kind::send: return {load.card, 0, load.link, 0};
    case Kind::receive: return {0, load.card, 0, load.link};
    case Kind::collective: return {load.card, load.card, load.link, load.link};
    case Kind::compute:
    case Kind::optimizer:
    case Kind::copy:
    case Kind::launches: break;
  }
  return {};
}

bool RankLinks::contends(std::size_t rank_class, program::InstructionId id) const {
  const std::array<bool, kLinks>& narrow = narrow_[rank_class];
  if (std::ranges::none_of(narrow, [](bool one) { return one; })) return false;
  const Use use = use_of(rank_class, id);
  for (std::size_t l = 0; l < kLinks; ++l)
    if (narrow[l] && use[l] > 0) return true;
  return false;
}

/// Each flow has a link of its own that lets no more through than it takes alone.
std::vector<RankLinks::Flow> RankLinks::flows(std::size_t rank_class, program::InstructionId id) {
  std::vector<Flow> flows;
  if (!contends(rank_class, id)) return flows;
  const Use use = use_of(rank_class, id);
  for (std::size_t out = 0; out < kLinks; out += 2) {
    Flow flow{.rate = std::max(use[out], use[out + 1])};
    for (const std::size_t l : {out, out + 1})
      if (narrow_[rank_class][l] && use[l] > 0)
        flow.links[static_cast<std::size_t>(flow.count++)] =
            static_cast<std::int32_t>(rank_class * kLinks + l);
    if (flow.count == 0) continue;
    flow.links[static_cast<std::size_t>(flow.count++)] = static_cast<std::int32_t>(capacities_.size());
    capacities_.push_back(flow.rate);
    flows.push_back(flow);
  }
  return flows;
}

}  // namespace ds::engine

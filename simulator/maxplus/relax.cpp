// A class with fewer waits, for the bound.
#include "simulator/maxplus/sync_graph.h"
#include "simulator/maxplus/window.h"

namespace ds::maxplus {
namespace {

/// Messages of a channel that are neither its first nor its last of the step.
std::vector<bool> messages_between(const Outline& outline, std::int32_t cut) {
  const Window window(outline, cut);
  std::vector<std::int32_t> first, last;  // by channel, nodes
  for (std::int32_t v = 0; v < window.size; ++v) {
    const std::int32_t channel = outline.items[static_cast<std::size_t>(window.item(v))].channel;
    if (channel == kNone) continue;
    const auto c = static_cast<std::size_t>(channel);
    if (c >= first.size()) {
      first.resize(c + 1, kNone);
      last.resize(c + 1, kNone);
    }
    if (first[c] == kNone) first[c] = v;
    last[c] = v;
  }
  std::vector<bool> between(outline.items.size(), false);
  for (std::int32_t v = 0; v < window.size; ++v) {
    const auto i = static_cast<std::size_t>(window.item(v));
    if (outline.items[i].channel == kNone) continue;
    const auto c = static_cast<std::size_t>(outline.items[i].channel);
    between[i] = v != first[c] && v != last[c];
  }
  return between;
}

}  // namespace

Outline relax(const Outline& outline, std::int32_t cut) {
  const std::vector<bool> between = messages_between(outline, cut);
  const LaneItems lanes(outline);
  Outline relaxed{.lanes = outline.lanes, .items = {}, .waits = {}};
  relaxed.items.reserve(outline.items.size());
  std::vector<Wait> waits;
  for (std::size_t i = 0; i < outline.items.size(); ++i) {
    Item item = outline.items[i];
    waits.clear();
    if (between[i]) {
      item.channel = kNone;
    } else {
      for (const Wait& wait : outline.waits_of(item)) {
        const std::int32_t target = lanes.target(wait);
        if (target != kNone && !between[static_cast<std::size_t>(target)]) waits.push_back(wait);
      }
    }
    relaxed.add(item, waits);
  }
  return relaxed;
}

}  // namespace ds::maxplus

#include "tuner/estimate/peak_schedule.h"

#include <algorithm>
#include <ranges>

#include "simulator/base/error.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/workload/split.h"

namespace ds::tuner {
namespace {

using program::ScheduledPass;
using workload::Schedule;

// Micro-batches from which on a step only repeats itself, see `shortened`: of 1f1b beyond one a stage, of interleaved for
// each stage.
constexpr std::int32_t kBeyondStages = 3, kForEachStage = 4;

bool all_at_least(const PerGroup& a, const PerGroup& b) {
  bool all = true;
  for (std::size_t g = 0; g < kGroups; ++g) all = all && a[g] >= b[g];
  return all;
}

/// Whether `a` needs at least as much as `b` whatever the sizes are.
bool tops(const Moment& a, const Moment& b) {
  if (a.pass != b.pass || a.group != b.group || (a.first && !b.first)) return false;
  if ((b.ids && !a.ids) || (b.targets && !a.targets) || (b.losses && !a.losses)) return false;
  PerGroup summed = b.summed;
  if (b.pass == Moment::Pass::backward && b.first && !a.first) ++summed[b.group];  // at its end
  return all_at_least(a.in_flight, b.in_flight) && all_at_least(a.summed, summed) &&
         all_at_least(a.kept_slots, b.kept_slots) && all_at_least(a.sent_slots, b.sent_slots);
}

/// Adds what none of `kept` tops, the latest being the likeliest to, and drops what it tops.
void keep_highest(std::vector<Moment>& kept, const Moment& one) {
  if (std::ranges::any_of(std::views::reverse(kept), [&](const Moment& other) { return tops(other, one); }))
    return;
  std::erase_if(kept, [&](const Moment& other) { return tops(one, other); });
  kept.push_back(one);
}

/// Walks through one stage's step.
class Walk {
 public:
  Walk(const Shape& key, std::int32_t stage, const std::vector<std::int64_t>& layers) : key_(key) {
    for (std::int32_t chunk = 0; chunk < key.chunks; ++chunk) {
      const bool first = stage == 0 && chunk == 0;
      const bool last = stage + 1 == key.stages && chunk + 1 == key.chunks;
      const Place place = first && last ? Place::both
                          : first       ? Place::first
                          : last        ? Place::last
                                        : Place::middle;
      const Group group{place, static_cast<std::int32_t>(layers[static_cast<std::size_t>(chunk)]), 1};
      add(group, first, last);
    }
  }

  const std::vector<Group>& groups() const { return groups_; }

  /// `later`: those of an earlier stage with equal chunks are kept already. It runs more forwards ahead, so at the same
  /// backward it holds as much or more; and until this stage's first backward both do the same. What is left are forwards
  /// before which this one has summed more gradients.
  void moments(const std::vector<ScheduledPass>& order, std::vector<Moment>& kept, bool later) const {
    Moment now = start_of(order);
    std::vector<std::int32_t> forwards(chunks_.size(), 0), backwards(chunks_.size(), 0);
    bool any_backward = false;
    for (const ScheduledPass& pass : order) {
      const auto c = static_cast<std::size_t>(pass.chunk);
      const Chunk& chunk = chunks_[c];
      const std::int32_t passed = (pass.forward ? forwards : backwards)[c]++;
      now.group = chunk.group;
      if (pass.forward) {
        now.pass = Moment::Pass::forward;
        now.first = chunk.last && passed == 0;
        if (!later || any_backward) keep_highest(kept, now);
        ++now.in_flight[chunk.group];
        if (chunk.last) now.losses = true;
        if (chunk.last && passed + 1 == key_.micro_batches) now.targets = false;
      } else {
        now.pass = Moment::Pass::backward;
        now.first = passed == 0;
        --now.in_flight[chunk.group];
        any_backward = true;
        if (!later) keep_highest(kept, now);
        if (now.first) ++now.summed[chunk.group];
        if (chunk.first && passed + 1 == key_.micro_batches) now.ids = false;
      }
    }
    if (later) return;
    now.pass = Moment::Pass::rest;
    now.group = chunks_.front().group;
    now.first = true;
    --now.summed[now.group];  // those of the chunk that stands for the pass
    keep_highest(kept, now);
  }

 private:
  struct Chunk {
    std::uint8_t group{};
    bool first{}, last{};
  };

  /// Before the first pass: slots are there already, and what the host has written.
  Moment start_of(const std::vector<ScheduledPass>& order) const {
    Moment start{.ids = has_first_, .targets = has_last_};
    const auto slots = [&](std::int32_t in_flight) {
      return program::slots_for(in_flight, true, key_.micro_batches);
    };
    for (std::size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      const std::size_t group = chunks_[chunk].group;
      start.kept_slots[group] += slots(program::most_in_flight(order, static_cast<std::int32_t>(chunk)));
      start.sent_slots[group] += slots(1);
    }
    return start;
  }

  void add(const Group& group, bool first, bool last) {
    auto found = std::ranges::find_if(
        groups_, [&](const Group& g) { return g.place == group.place && g.layers == group.layers; });
    if (found == groups_.end()) {
      groups_.push_back(group);
      found = groups_.end() - 1;
      ensure(groups_.size() <= kGroups, "chunks of a stage have two sizes");
    } else {
      ++found->chunks;
    }
    chunks_.push_back({static_cast<std::uint8_t>(found - groups_.begin()), first, last});
    has_first_ |= first;
    has_last_ |= last;
  }

  Shape key_;
  std::vector<Group> groups_;
  std::vector<Chunk> chunks_;
  bool has_first_{}, has_last_{};
};

/// Whether each stage has a steady state with all gradients before its last forwards. Then of stages with equal chunks the
/// first one holds as much as any at every point of it. All stages of gpipe do the same.
bool steady(const Shape& key) {
  switch (key.schedule) {
    case Schedule::gpipe: return true;
    case Schedule::one_f_one_b: return key.micro_batches >= key.stages + kBeyondStages;
    default: return key.micro_batches >= kForEachStage * key.stages;
  }
}

}  // namespace

/// A stage of 1f1b warms up with at most stages - 1 micro-batches, one of interleaved with less than two rounds of
/// `stages` micro-batches through all chunks. Then it repeats one micro-batch, or one round; all gradients are there after
/// the first, and in the last tokens are read for the last time.
Shape shortened(Shape key) {
  if (key.schedule == Schedule::one_f_one_b)
    key.micro_batches = std::min(key.micro_batches, key.stages + kBeyondStages);
  if (key.schedule == Schedule::interleaved)
    key.micro_batches = std::min(key.micro_batches, kForEachStage * key.stages);
  return key;
}

std::vector<StageShape> stage_shapes(const Shape& key, std::int64_t layers) {
  const std::vector<std::vector<std::int64_t>> split = workload::split_layers(layers, key.stages, key.chunks);
  const bool first_needs_most = steady(key);
  std::vector<StageShape> shapes;
  for (std::int32_t stage = 0; stage < key.stages; ++stage) {
    const Walk walk(key, stage, split[static_cast<std::size_t>(stage)]);
    auto shape = std::ranges::find(shapes, walk.groups(), &StageShape::groups);
    const bool later = shape != shapes.end();
    if (later && first_needs_most) continue;
    if (!later) shape = shapes.insert(shapes.end(), {walk.groups(), {}});
    walk.moments(program::order_of(key.schedule, key.stages, stage, key.micro_batches, key.chunks),
                 shape->moments, later);
  }
  return shapes;
}

}  // namespace ds::tuner

// The law of lanes: what an item follows.
#include "simulator/maxplus/outline.h"

#include "simulator/base/error.h"
#include "simulator/base/random.h"

namespace ds::maxplus {

void Outline::add(Item item, std::span<const Wait> until) {
  item.first_wait = static_cast<std::int32_t>(waits.size());
  item.waits = static_cast<std::int32_t>(until.size());
  waits.insert(waits.end(), until.begin(), until.end());
  items.push_back(item);
}

std::size_t hash_of(const Outline& outline) {
  std::uint64_t hash = mix(static_cast<std::uint64_t>(outline.lanes));
  const auto add = [&](std::int32_t high, std::int32_t low) {
    hash = mix(hash ^ (static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32U |
                       static_cast<std::uint32_t>(low)));
  };
  for (const Item& item : outline.items) {
    add(item.lane, item.duration);
    add(item.call, item.channel);
    add(item.first_wait, item.waits);
  }
  for (const Wait& wait : outline.waits) add(wait.lane, wait.count);
  return hash;
}

LaneItems::LaneItems(const Outline& outline)
    : begins_(static_cast<std::size_t>(outline.lanes) + 1, 0), list_(outline.items.size()) {
  for (const Item& item : outline.items) ++begins_[static_cast<std::size_t>(item.lane) + 1];
  for (std::size_t lane = 1; lane < begins_.size(); ++lane) begins_[lane] += begins_[lane - 1];
  std::vector<std::size_t> next = begins_;
  for (std::size_t i = 0; i < outline.items.size(); ++i)
    list_[next[static_cast<std::size_t>(outline.items[i].lane)]++] = static_cast<std::int32_t>(i);
}

std::int32_t LaneItems::target(const Wait& wait) const {
  const std::span<const std::int32_t> items = of(wait.lane);
  const std::int64_t count = wait.count > 0 ? wait.count : wait.count + std::ssize(items);
  ensure(count <= std::ssize(items), "a wait is for what the lane has");
  return count > 0 ? items[static_cast<std::size_t>(count) - 1] : kNone;
}

Predecessors::Predecessors(const Outline& outline) {
  const LaneItems lanes(outline);
  std::vector<std::int32_t> before(static_cast<std::size_t>(outline.lanes),
                                   kNone);  // by lane, the item just issued
  begins_.reserve(outline.items.size() + 1);
  list_.reserve(outline.items.size() + outline.waits.size());
  for (std::int32_t i = 0; i < std::ssize(outline.items); ++i) {
    const Item& item = outline.items[static_cast<std::size_t>(i)];
    begins_.push_back(list_.size());
    std::int32_t& last = before[static_cast<std::size_t>(item.lane)];
    list_.push_back(last == kNone ? Predecessor{lanes.of(item.lane).back(), true} : Predecessor{last, false});
    last = i;
    for (const Wait& wait : outline.waits_of(item)) {
      if (wait.lane == item.lane) continue;  // a lane is in order
      const std::int32_t target = lanes.target(wait);
      if (target == kNone) continue;
      ensure(wait.count <= 0 || target < i, "what an item waits for is issued before it");
      list_.push_back({target, wait.count <= 0});
    }
  }
  begins_.push_back(list_.size());
}

}  // namespace ds::maxplus

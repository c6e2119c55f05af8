// Offsets in the arena: what is never alive at once may lie at the same place.
#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "simulator/memory/lifetimes.h"
#include "simulator/memory/memory.h"
#include "simulator/program/walk.h"

namespace ds::memory {
namespace {

// Pairs of so many instances take 12 MB of bits and about a second; a model of 100 layers has some 2,000.
constexpr std::size_t kMostPairwise = 10'000;
constexpr std::int64_t kEndless = std::int64_t{1} << 62;

/// Births and deaths of instances in issue order.
struct Event {
  std::int32_t position{};
  bool birth{};
  std::size_t instance{};
};

/// By position; there deaths first, since what ended before it frees its bytes for what begins at it; then by instance.
/// Positions are few and events many, so they are counted into place.
std::vector<Event> events_of(const Lifetimes& lives) {
  std::vector<std::size_t> next(2 * (static_cast<std::size_t>(lives.end) + 2) + 1, 0);
  const auto key = [](std::int32_t position, bool birth) {
    return 2 * static_cast<std::size_t>(position) + (birth ? 1 : 0);
  };
  for (const std::vector<Interval>& alive : lives.alive)
    for (const Interval& interval : alive) {
      ++next[key(interval.begin, true) + 1];
      ++next[key(interval.end + 1, false) + 1];
    }
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<Event> events(next.back());
  for (std::size_t i = 0; i < lives.instances.size(); ++i)
    for (const Interval& interval : lives.alive[i]) {
      events[next[key(interval.begin, true)]++] = {interval.begin, true, i};
      events[next[key(interval.end + 1, false)]++] = {interval.end + 1, false, i};
    }
  return events;
}

/// Which instances are ever alive together: a symmetric matrix of bits.
class Conflicts {
 public:
  Conflicts(const Lifetimes& lives, const std::vector<Event>& events)
      : words_((lives.instances.size() + 63) / 64), bits_(lives.instances.size() * words_, 0) {
    std::vector<std::uint64_t> alive(words_, 0);
    for (const Event& event : events) {
      std::uint64_t& word = alive[event.instance / 64];
      const std::uint64_t bit = std::uint64_t{1} << (event.instance % 64);
      if (event.birth) {
        word |= bit;
        for (std::size_t w = 0; w < words_; ++w) bits_[event.instance * words_ + w] |= alive[w];
      } else {
        word &= ~bit;
      }
    }
  }
  bool together(std::size_t a, std::size_t b) const { return bit(a, b) || bit(b, a); }

 private:
  bool bit(std::size_t a, std::size_t b) const { return (bits_[a * words_ + b / 64] >> (b % 64) & 1U) != 0; }
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

struct Placed {
  std::size_t instance{};
  std::int64_t begin{}, end{};
};

/// Instances in the order in which they are placed.
struct Order {
  std::vector<std::size_t> instances;
  std::size_t always{};  // so many of them, the first ones, live through the whole step
};

/// First fit in the given order: the lowest aligned offset at which an instance meets none of those that are placed and
/// ever alive together with it. Returns the offset of every instance; nothing where they would reach `limit`.
std::vector<std::int64_t> place(const Lifetimes& lives, const Conflicts& conflicts, const Order& order,
                                std::int64_t limit) {
  std::vector<std::int64_t> offset(lives.instances.size(), 0);
  std::int64_t bottom = 0;     // above all that live always
  std::vector<Placed> placed;  // of the others, sorted by begin
  for (std::size_t number = 0; number < order.instances.size(); ++number) {
    const std::size_t i = order.instances[number];
    const std::int64_t bytes = lives.instances[i].bytes;
    std::int64_t at = bottom;
    for (const Placed& other : placed) {
      if (other.begin >= at + bytes) break;
      if (other.end > at && conflicts.together(i, other.instance)) at = round_up(other.end, kAlignment);
    }
    if (at + bytes >= limit) return {};
    offset[i] = at;
    if (number < order.always) {
      bottom = round_up(at + bytes, kAlignment);
      continue;
    }
    const Placed block{i, at, at + bytes};
    placed.insert(std::ranges::upper_bound(
                      placed, block, [](const Placed& a, const Placed& b) { return a.begin < b.begin; }),
                  block);
  }
  return offset;
}

/// For programs so large that pairs cannot be asked one by one: instances in the order of their birth, each alive from its
/// first birth to its last death, first fit among those alive. Sound, and looser than `place`.
std::vector<std::int64_t> place_by_birth(const Lifetimes& lives) {
  std::vector<std::int64_t> offset(lives.instances.size(), 0);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < lives.instances.size(); ++i)
    if (!lives.alive[i].empty()) order.push_back(i);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return lives.alive[a].front().begin < lives.alive[b].front().begin;
  });
  std::multimap<std::int32_t, std::map<std::int64_t, std::int64_t>::iterator> deaths;
  std::map<std::int64_t, std::int64_t> taken,
      gaps{{0, kEndless}};  // begin -> end, of blocks and of what is free
  const auto release = [&](std::map<std::int64_t, std::int64_t>::iterator block) {
    std::int64_t begin = block->first, end = block->second;
    taken.erase(block);
    auto after = gaps.lower_bound(begin);
    if (after != gaps.end() && after->first == end) end = after->second, after = gaps.erase(after);
    if (after != gaps.begin() && std::prev(after)->second == begin) begin = std::prev(after)->first;
    gaps[begin] = end;
  };
  for (const std::size_t i : order) {
    while (!deaths.empty() && deaths.begin()->first < lives.alive[i].front().begin) {
      release(deaths.begin()->second);
      deaths.erase(deaths.begin());
    }
    const std::int64_t bytes = round_up(std::max<std::int64_t>(lives.instances[i].bytes, 1), kAlignment);
    auto gap = gaps.begin();
    while (gap->second - gap->first < bytes) ++gap;
    offset[i] = gap->first;
    const std::int64_t end = gap->second;
    gaps.erase(gap);
    if (offset[i] + bytes < end) gaps[offset[i] + bytes] = end;
    deaths.emplace(lives.alive[i].back().end, taken.emplace(offset[i], offset[i] + bytes).first);
  }
  return offset;
}

std::int64_t top_of(const Lifetimes& lives, const std::vector<std::int64_t>& offsets) {
  std::int64_t top = 0;
  for (std::size_t i = 0; i < offsets.size(); ++i) top = std::max(top, offsets[i] + lives.instances[i].bytes);
  return top;
}

bool alive_always(const Lifetimes& lives, std::size_t i) {
  return lives.alive[i].size() == 1 && lives.alive[i][0].begin == 0 && lives.alive[i][0].end == lives.end;
}

std::int32_t time_alive(const Lifetimes& lives, std::size_t i) {
  std::int32_t sum = 0;
  for (const Interval& interval : lives.alive[i]) sum += interval.end - interval.begin + 1;
  return sum;
}

/// What lives through the whole step goes to the bottom; the others by size, or by how long they live. Neither order is
/// better everywhere, so both are tried and the smaller arena is kept.
std::vector<std::int64_t> best_offsets(const Lifetimes& lives, const std::vector<Event>& events) {
  if (lives.instances.size() > kMostPairwise) return place_by_birth(lives);
  const Conflicts conflicts(lives, events);
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < lives.instances.size(); ++i)
    if (!lives.alive[i].empty()) used.push_back(i);
  const auto middle =
      std::ranges::stable_partition(used, [&](std::size_t i) { return alive_always(lives, i); });
  const auto always = used.size() - middle.size();
  const auto ordered = [&](auto key, std::int64_t limit) {
    std::vector<std::pair<std::int64_t, std::size_t>> others;
    for (const std::size_t i : middle) others.emplace_back(key(i), i);
    std::ranges::stable_sort(others, std::greater<>{}, &std::pair<std::int64_t, std::size_t>::first);
    Order order{{used.begin(), middle.begin()}, always};
    for (const auto& [_, i] : others) order.instances.push_back(i);
    return place(lives, conflicts, order, limit);
  };
  std::vector<std::int64_t> by_size =
      ordered([&](std::size_t i) { return lives.instances[i].bytes; }, kEndless);
  std::vector<std::int64_t> by_life =
      ordered([&](std::size_t i) { return std::int64_t{time_alive(lives, i)}; }, top_of(lives, by_size));
  return by_life.empty() ? by_size : by_life;
}

Bytes& part_of(Parts& parts, program::Part part) {
  switch (part) {
    case program::Part::weights: return parts.weights;
    case program::Part::gradients: return parts.gradients;
    case program::Part::optimizer: return parts.optimizer;
    case program::Part::activations: return parts.activations;
    case program::Part::buffers: return parts.buffers;
    case program::Part::other: break;
  }
  return parts.other;
}

/// Walks through births and deaths; keeps the parts of the first highest point.
void find_peak(const program::Program& program, const Lifetimes& lives, const std::vector<Event>& events,
               Layout& layout) {
  Parts now{};
  std::int64_t alive = 0;
  for (const Event& event : events) {
    const Instance& instance = lives.instances[event.instance];
    const std::int64_t change = event.birth ? instance.bytes : -instance.bytes;
    alive += change;
    part_of(now, program.buffer(instance.buffer).part) += Bytes{change};
    if (alive > layout.live_peak.value) {
      layout.live_peak = {alive};
      layout.parts = now;
    }
  }
  layout.parts.other += layout.arena - layout.live_peak;
}

}  // namespace

Layout layout(const program::Program& program, std::size_t rank_class) {
  const Lifetimes lives = lifetimes(program, rank_class);
  const std::vector<Event> events = events_of(lives);
  const std::vector<std::int64_t> offsets = best_offsets(lives, events);

  Layout result;
  const program::RankClass& ranks = program.classes[rank_class];
  result.offsets.resize(static_cast<std::size_t>(ranks.buffers.count));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Instance& one = lives.instances[i];
    const program::Buffer& buffer = program.buffer(one.buffer);
    const std::int32_t in_copy =
        buffer.life == program::Life::step ? 1 : program::slots_of(ranks, one.buffer);
    std::vector<Bytes>& of_buffer =
        result.offsets[program::index(one.buffer) - static_cast<std::size_t>(ranks.buffers.first)];
    of_buffer.resize(static_cast<std::size_t>(buffer.copies * in_copy));
    of_buffer[static_cast<std::size_t>(one.copy * in_copy + one.slot)] = {offsets[i]};
  }
  result.arena = {round_up(top_of(lives, offsets), kAlignment)};
  find_peak(program, lives, events, result);
  return result;
}

}  // namespace ds::memory

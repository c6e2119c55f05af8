#include "tuner/estimate/turns.h"

#include <algorithm>
#include <iterator>

namespace ds::tuner {
namespace {

/// The stage and chunk that come behind these in the model, or before.
struct Neighbour {
  std::int32_t stage{}, chunk{};
  bool exists(const Shape& shape) const { return chunk >= 0 && chunk < shape.chunks; }
};
Neighbour neighbour(const Shape& shape, std::int32_t stage, std::int32_t chunk, bool behind) {
  const std::int32_t last = shape.stages - 1;
  if (behind) return stage < last ? Neighbour{stage + 1, chunk} : Neighbour{0, chunk + 1};
  return stage > 0 ? Neighbour{stage - 1, chunk} : Neighbour{last, chunk - 1};
}

/// All but those at the model's end do.
bool takes_message(const Shape& shape, const Turn& turn) {
  return turn.cell != (turn.forward ? 0 : shape.stages * shape.chunks - 1);
}

Turn turn_of(const Shape& shape, std::int32_t stage, const program::ScheduledPass& pass) {
  const Neighbour to = neighbour(shape, stage, pass.chunk, pass.forward);
  Turn turn{.cell = stage * shape.chunks + pass.chunk,
            .to = to.exists(shape) ? to.stage * shape.chunks + to.chunk : shape.stages * shape.chunks,
            .micro = pass.micro,
            .stage = static_cast<std::uint16_t>(stage),
            .forward = pass.forward,
            .kind = Turn::Kind::other};
  if (takes_message(shape, turn) && turn.micro > 0 && turn.micro + 1 < shape.micro_batches)
    turn.kind = turn.forward ? Turn::Kind::plain_forward : Turn::Kind::plain_backward;
  return turn;
}

/// Beat by beat, each stage that can makes a pass. Those of one beat do not depend on each other and stand side by side in
/// the list, so that a processor need not wait for one before it begins the next.
class Sweep {
 public:
  Sweep(const Shape& shape, const std::vector<std::vector<program::ScheduledPass>>& orders)
      : shape_(shape),
        orders_(orders),
        next_(orders.size(), 0),
        forward_(orders.size() * static_cast<std::size_t>(shape.chunks)),
        backward_(forward_) {}

  bool run(std::vector<Turn>& list) {
    std::size_t open = 0;
    for (const auto& order : orders_) open += order.size();
    list.reserve(open);
    std::vector<Turn> now;
    while (open > 0) {
      now.clear();
      for (std::size_t s = 0; s < orders_.size(); ++s)
        if (next_[s] < orders_[s].size() && ready(s, orders_[s][next_[s]]))
          now.push_back(turn_of(shape_, static_cast<std::int32_t>(s), orders_[s][next_[s]]));
      if (now.empty()) return false;
      open -= now.size();
      // Those of one kind side by side, in the same way at the step's ends: a processor guesses better what comes next.
      const auto place = [&](const Turn& one) {
        return (takes_message(shape_, one) ? 0 : 2) + (one.forward ? 0 : 1);
      };
      for (const int next : {0, 1, 2, 3})
        std::ranges::copy_if(now, std::back_inserter(list),
                             [&](const Turn& one) { return place(one) == next; });
      for (const Turn& turn : now) {
        ++next_[turn.stage];
        (turn.forward ? forward_ : backward_)[static_cast<std::size_t>(turn.cell)] = turn.micro + 1;
      }
    }
    return true;
  }

 private:
  /// Whether the message is there, and the memory for the one that the pass sends: two micro-batches ago its receiver
  /// has taken the last one there.
  bool ready(std::size_t s, const program::ScheduledPass& pass) const {
    const std::vector<std::int32_t>& done = pass.forward ? forward_ : backward_;
    const auto has_done = [&](bool behind, std::int32_t passes) {
      const Neighbour other = neighbour(shape_, static_cast<std::int32_t>(s), pass.chunk, behind);
      return !other.exists(shape_) ||
             done[static_cast<std::size_t>(other.stage * shape_.chunks + other.chunk)] >= passes;
    };
    return has_done(!pass.forward, pass.micro + 1) && has_done(pass.forward, pass.micro - 1);
  }

  const Shape& shape_;
  const std::vector<std::vector<program::ScheduledPass>>& orders_;
  std::vector<std::size_t> next_;
  std::vector<std::int32_t> forward_, backward_;  // passes done, by cell
};

}  // namespace

Turns::Turns(const Shape& shape) {
  std::vector<std::vector<program::ScheduledPass>> orders;
  for (std::int32_t s = 0; s < shape.stages; ++s) {
    orders.push_back(program::order_of(shape.schedule, shape.stages, s, shape.micro_batches, shape.chunks));
    for (std::int32_t c = 0; c < shape.chunks; ++c)
      slots_.push_back(
          program::slots_for(program::most_in_flight(orders.back(), c), true, shape.micro_batches));
  }
  for (std::size_t s = 0; s < orders.size(); ++s) find_history(shape, s, orders[s]);
  possible_ = Sweep(shape, orders).run(list_);
  if (possible_) find_repeats(shape);
}

void Turns::find_history(const Shape& shape, std::size_t stage,
                         const std::vector<program::ScheduledPass>& order) {
  std::vector<std::int32_t> backwards(static_cast<std::size_t>(shape.chunks), 0);
  std::int32_t most = 0;
  for (const program::ScheduledPass& pass : order) {
    const auto chunk = static_cast<std::size_t>(pass.chunk);
    const std::int32_t freed_by = pass.micro - slots_[stage * backwards.size() + chunk];
    if (!pass.forward)
      ++backwards[chunk];
    else if (freed_by >= 0)
      most = std::max(most, backwards[chunk] - freed_by);
  }
  while (history_ <= most) history_ *= 2;
}

namespace {

/// Micro-batches of a period: one; interleaved, one for each stage.
std::int32_t period_of(const Shape& shape) {
  return shape.schedule == workload::Schedule::interleaved && shape.chunks > 1 ? shape.stages : 1;
}

// Times that a part has to come: its first, its last, and one between them that can be repeated.
constexpr std::size_t kFewest = 3;

}  // namespace

Shape Turns::shortened(const Shape& shape) {
  // The pipeline is full after a micro-batch for each stage, interleaved after two: such a stage makes twice as many
  // forwards before its first backward.
  const std::int32_t period = period_of(shape);
  const std::int32_t rounds = shape.schedule == workload::Schedule::interleaved ? 2 : 1;
  const std::int32_t enough = rounds * shape.stages + static_cast<std::int32_t>(kFewest) * period;
  Shape fewer = shape;
  if (shape.micro_batches > enough) fewer.micro_batches = enough + (shape.micro_batches - enough) % period;
  return fewer;
}

/// Runs of turns that are those of one period before, a period's micro-batches later.
void Turns::find_repeats(const Shape& shape) {
  const bool apart = shape.schedule == workload::Schedule::gpipe;  // forwards and backwards do not mix
  const std::int32_t micro_batches = period_of(shape);
  const std::size_t length = static_cast<std::size_t>(shape.stages * shape.chunks) *
                             static_cast<std::size_t>(micro_batches) * (apart ? 1 : 2);
  std::size_t run = 0;
  const auto close = [&](std::size_t end) {
    const std::size_t times = run / length + 1;
    if (times >= kFewest)
      repeats_.push_back(
          {.first = end - times * length, .length = length, .times = times, .micro_batches = micro_batches});
    run = 0;
  };
  for (std::size_t i = length; i < list_.size(); ++i) {
    const Turn &now = list_[i], &before = list_[i - length];
    const bool same =
        now.cell == before.cell && now.forward == before.forward && now.micro == before.micro + micro_batches;
    if (same)
      ++run;
    else
      close(i);
  }
  close(list_.size());
}

}  // namespace ds::tuner

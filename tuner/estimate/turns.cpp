#include "tuner/estimate/turns.h"

#include <algorithm>

namespace ds::tuner {
namespace {

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
    std::vector<std::size_t> now;
    while (open > 0) {
      now.clear();
      for (std::size_t s = 0; s < orders_.size(); ++s)
        if (next_[s] < orders_[s].size() && ready(s, orders_[s][next_[s]])) now.push_back(s);
      if (now.empty()) return false;
      open -= now.size();
      // Forwards and backwards apart: a processor guesses better what comes next.
      for (const bool forward : {true, false})
        for (const std::size_t s : now) {
          const program::ScheduledPass& pass = orders_[s][next_[s]];
          if (pass.forward != forward) continue;
          list.push_back(
              {static_cast<std::uint16_t>(s), static_cast<std::uint16_t>(pass.chunk), pass.micro, forward});
        }
      for (const std::size_t s : now) {
        const program::ScheduledPass& pass = orders_[s][next_[s]++];
        (pass.forward ? forward_ : backward_)[cell(s, pass.chunk)] = pass.micro + 1;
      }
    }
    return true;
  }

 private:
  std::size_t cell(std::size_t stage, std::int32_t chunk) const {
    return stage * static_cast<std::size_t>(shape_.chunks) + static_cast<std::size_t>(chunk);
  }

  /// Whether the message is there, and the memory for the one that the pass sends: two micro-batches ago its receiver
  /// has taken the last one there.
  bool ready(std::size_t s, const program::ScheduledPass& pass) const {
    const std::vector<std::int32_t>& done = pass.forward ? forward_ : backward_;
    const std::size_t last = orders_.size() - 1;
    const auto done_at = [&](int step) {  // of the stage before or behind; -1: there is none
      std::int32_t chunk = pass.chunk;
      std::size_t stage = s;
      if (step < 0 && s == 0)
        --chunk, stage = last;
      else if (step > 0 && s == last)
        ++chunk, stage = 0;
      else
        stage = step < 0 ? s - 1 : s + 1;
      return chunk < 0 || chunk >= shape_.chunks ? -1 : done[cell(stage, chunk)];
    };
    const int towards = pass.forward ? 1 : -1;
    const std::int32_t sent = done_at(-towards), taken = done_at(towards);
    return (sent < 0 || sent > pass.micro) && (taken < 0 || taken > pass.micro - 2);
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

constexpr std::size_t kFewest = 5;  // times: less is not worth looking at

}  // namespace

Shape Turns::shortened(const Shape& shape) {
  // The pipeline fills and drains within two rounds of all stages; interleaved, within as many periods.
  const std::int32_t period = period_of(shape);
  const std::int32_t enough =
      (period > 1 ? 4 * period : 2 * shape.stages) + (static_cast<std::int32_t>(kFewest) + 1) * period;
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
    const bool same = now.stage == before.stage && now.chunk == before.chunk &&
                      now.forward == before.forward && now.micro == before.micro + micro_batches;
    if (same)
      ++run;
    else
      close(i);
  }
  close(list_.size());
}

}  // namespace ds::tuner

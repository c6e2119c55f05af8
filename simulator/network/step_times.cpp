// Plays the steps of a collective as events: a message begins, arrives, and lets its ranks go on.
#include "simulator/network/step_times.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

#include "simulator/network/moving.h"

namespace ds::network {
namespace {

using collective::Steps;
using collective::Transfer;

class Playback {
 public:
  Playback(const Steps& plan, double chunk_bytes, const Wires& wires)
      : plan_(plan), chunk_bytes_(chunk_bytes), wires_(wires), moving_(wires.capacities), ends_(plan.ranks) {
    at_.assign(plan.ranks, 0);
    for (std::size_t s = 0; s < plan.steps.size(); ++s) {
      open_.emplace_back(plan.ranks);
      first_.push_back(static_cast<std::int32_t>(messages_.size()));
      for (const Transfer& t : plan.steps[s].transfers) {
        messages_.push_back({.transfer = &t, .step = s});
        ++open_[s][t.from];
        ++open_[s][t.to];
      }
    }
  }

  std::vector<Seconds> run() {
    for (std::int32_t rank = 0; rank < plan_.ranks; ++rank) enter(rank, 0);
    while (true) {
      const double end = moving_.next_end();
      if (starts_.empty() && !(end < kNever)) return ends_;
      const double to = starts_.empty() ? end : std::min(end, std::get<0>(starts_.top()));
      for (const std::int32_t message : moving_.advance(to)) arrive(message, to);
      while (!starts_.empty() && std::get<0>(starts_.top()) <= to) {
        const std::int32_t message = std::get<1>(starts_.top());
        starts_.pop();
        const Transfer& t = *messages_[message].transfer;
        moving_.begin(message, route(t).links(), chunk_bytes_ * t.count);
      }
    }
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct TimedTransfer {
    const Transfer* transfer;
    std::size_t step;
  };
  using Start = std::tuple<double, std::int32_t>;  // when, which message

  const Route& route(const Transfer& t) const { return wires_.routes[t.from * plan_.ranks + t.to]; }

  /// The rank begins step at_[rank]; steps of which nothing is open, all of it early or none its own, are passed over.
  void enter(std::int32_t rank, double now) {
    std::size_t& step = at_[rank];
    while (step < plan_.steps.size() && open_[step][rank] == 0) ++step;
    if (step == plan_.steps.size()) {
      ends_[rank] = Seconds{now};
      return;
    }
    std::int32_t message = first_[step];
    for (const Transfer& t : plan_.steps[step].transfers) {
      if (t.from == rank) starts_.emplace(now + route(t).latency.value, message);
      ++message;
    }
  }

  void arrive(std::int32_t number, double now) {
    const TimedTransfer& message = messages_[number];
    for (const std::int32_t rank : {message.transfer->from, message.transfer->to}) {
      if (--open_[message.step][rank] > 0 || at_[rank] != message.step) continue;
      ++at_[rank];
      enter(rank, now);
    }
  }

  const Steps& plan_;
  double chunk_bytes_;
  const Wires& wires_;
  Moving moving_;
  std::vector<Seconds> ends_;
  std::vector<std::size_t> at_;                  // step of each rank
  std::vector<std::vector<std::int32_t>> open_;  // [step][rank]: messages of its own that have not arrived
  std::vector<TimedTransfer> messages_;          // step after step
  std::vector<std::int32_t> first_;              // message of each step
  std::priority_queue<Start, std::vector<Start>, std::greater<>> starts_;
};

}  // namespace

std::vector<Seconds> step_times(const Steps& plan, double chunk_bytes, const Wires& wires) {
  return Playback(plan, chunk_bytes, wires).run();
}

}  // namespace ds::network

// Plays messages as events: one arrives, and those that waited for it set out.
#include "simulator/network/message_times.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/network/moving.h"

namespace ds::network {
namespace {

class Play {
 public:
  explicit Play(const Messages& all)
      : all_(all),
        moving_(all.capacities),
        waits_(all.messages.size()),
        first_(all.messages.size() + 1),
        later_(all.orders.size()),
        ends_(all.messages.size(), kNever) {
    for (const Messages::Order& order : all.orders) {
      ++waits_[order.later];
      ++first_[order.earlier + 1];
    }
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
    std::vector<std::int32_t> next(first_.begin(), first_.end() - 1);
    for (const Messages::Order& order : all.orders) later_[next[order.earlier]++] = order.later;
  }

  std::vector<double> run() {
    for (std::int32_t m = 0; m < std::ssize(all_.messages); ++m)
      if (waits_[m] == 0) set_out(m, 0);
    while (true) {
      const double end = moving_.next_end();
      if (starts_.empty() && !(end < kNever)) break;
      const double to = starts_.empty() ? end : std::min(end, starts_.top().first);
      for (const std::int32_t message : moving_.advance(to)) arrive(message, to);
      while (!starts_.empty() && starts_.top().first <= to) {
        const std::int32_t message = starts_.top().second;
        starts_.pop();
        const Messages::Message& m = all_.messages[message];
        if (m.bytes > 0)
          moving_.begin(message, all_.ways[m.way].links, m.bytes, m.weight);
        else
          arrive(message, to);
      }
    }
    ensure(std::ranges::none_of(ends_, [](double end) { return end == kNever; }),
           "no messages wait for each other in a circle");
    return std::move(ends_);
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  using Start = std::pair<double, std::int32_t>;  // when, which message

  void set_out(std::int32_t message, double now) {
    starts_.emplace(now + all_.ways[all_.messages[message].way].latency.value, message);
  }
  void arrive(std::int32_t message, double now) {
    ends_[message] = now;
    for (std::int32_t i = first_[message]; i < first_[message + 1]; ++i)
      if (--waits_[later_[i]] == 0) set_out(later_[i], now);
  }

  const Messages& all_;
  Moving moving_;
  std::vector<std::int32_t> waits_;          // for so many others
  std::vector<std::int32_t> first_, later_;  // later_[first_[m]] to later_[first_[m + 1]] wait for m
  std::vector<double> ends_;
  std::priority_queue<Start, std::vector<Start>, std::greater<>> starts_;
};

}  // namespace

std::vector<double> message_times(const Messages& all) { return Play(all).run(); }

}  // namespace ds::network

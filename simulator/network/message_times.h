#pragma once
// Messages that wait for one another and share links: each starts as soon as all that it waits for has arrived, is under way for
// its latency, and then shares its links max-min fair.
//
//   Messages all{.capacities = {100}, .ways = {{Seconds{1e-6}, {0}}}};
//   const std::int32_t first = all.add(0, 1000), second = all.add(0, 1000);
//   all.order(first, second);                       // the second waits for the first
//   message_times(all)[second]                      // 20.000002

#include <cstdint>
#include <vector>

#include "simulator/base/units.h"

namespace ds::network {

/// From one place to another. The latency is that of the whole way and occupies no link. Each link at most once.
struct Way {
  Seconds latency;
  std::vector<std::int32_t> links;
};

struct Messages {
  struct Message {
    std::int32_t way{};
    double bytes{};   // may be 0: there after its latency
    double weight{};  // as many equal messages in one; `bytes` is their sum
  };
  struct Order {
    std::int32_t earlier{}, later{};
  };
  std::vector<double> capacities;  // bytes per second
  std::vector<Way> ways;
  std::vector<Message> messages;
  std::vector<Order> orders;

  /// Returns the message's number.
  std::int32_t add(std::int32_t way, double bytes, double weight = 1) {
    messages.push_back({way, bytes, weight});
    return static_cast<std::int32_t>(messages.size()) - 1;
  }
  void order(std::int32_t earlier, std::int32_t later) { orders.push_back({earlier, later}); }
};

/// Seconds at which each has arrived; those that wait for nobody start at 0. Fails (ensure) where messages wait in a circle.
std::vector<double> message_times(const Messages& all);

}  // namespace ds::network

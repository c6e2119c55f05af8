#pragma once
// What is known of a candidate at once, in microseconds, before anybody asks for its peak or its step time: searchers look at
// it to decide what to ask for.

#include <optional>
#include <span>
#include <vector>

#include "simulator/base/units.h"
#include "tuner/space/space.h"

namespace ds::tuner {

struct Glance {
  std::optional<Rejection> rejection;  // then there is nothing else
  Seconds work_bound;                  // no step of it is below
  double share_of_memory{};            // nor its peak below this share of what a rank can use
};

class Outlook {
 public:
  Outlook() = default;
  Outlook(const Outlook&) = delete;
  Outlook& operator=(const Outlook&) = delete;
  virtual ~Outlook() = default;

  /// One for each, in their order.
  virtual std::vector<Glance> look(std::span<const Candidate> candidates) = 0;
};

}  // namespace ds::tuner

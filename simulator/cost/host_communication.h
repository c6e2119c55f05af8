#pragma once
// Seconds of a communication between processes of one host, from what was measured there.

#include <vector>

#include "simulator/cost/cost.h"

namespace ds::cost {

class HostCommunication {
 public:
  /// `profile` has to outlive it.
  explicit HostCommunication(const Profile& profile);

  /// A collective over `ranks`, or a message between two. `bytes` are of the whole.
  Estimate time(bool message, collective::Collective what, std::int64_t ranks, Bytes bytes) const;

 private:
  /// One kind on one number of ranks, by rising size.
  struct Series {
    bool message{};
    collective::Collective what{};
    std::int64_t ranks{};
    std::vector<CommunicationPoint> points;
    double sigma{};  // spread of a typical point over the rounds
  };
  const Series* nearest(bool message, collective::Collective what, std::int64_t ranks) const;

  const Profile& profile_;
  std::vector<Series> series_;
};

}  // namespace ds::cost

#pragma once
// How long a search will still take, by what it took so far. Work is not even: most of a batch is settled by bounds in no time, and
// what is not takes milliseconds each. So what counts is how many of the batch are still open, and not how many are left.

#include <cstdint>
#include <optional>

#include "simulator/base/units.h"

namespace ds::tuner {

class Remaining {
 public:
  /// A batch of so many candidates has begun.
  void begin(std::int64_t candidates, Seconds now);
  /// Of these so many were judged that bounds did not settle, and so many are open that they do not settle as of now.
  void judged(std::int64_t count, std::int64_t open, Seconds now);
  void end(Seconds now);

  /// `candidates`: that come after this batch. They take what those so far took. Nothing as long as nobody knows.
  std::optional<Seconds> left(std::int64_t candidates, Seconds now) const;

 private:
  Seconds began_, first_judged_, last_judged_;
  std::int64_t candidates_{0}, judged_{0}, open_{0};
  Seconds each_;                 // of those judged, lately
  Seconds before_;               // batches so far took
  std::int64_t seen_before_{0};  // candidates of these
  bool is_running_{false}, is_known_{false};
};

}  // namespace ds::tuner

#pragma once
// Waiting between two looks: a short spin, then the core is offered to others, then the rank sleeps until a peer rings.

#include <cstdint>

#include "executor/pool/pool.h"

namespace ds::executor {

class Backoff {
 public:
  Backoff(const Pool& pool, std::int32_t rank) : pool_(pool), rank_(rank) {}
  ~Backoff() { reset(); }
  Backoff(const Backoff&) = delete;
  Backoff& operator=(const Backoff&) = delete;

  /// Call after a look that found nothing, and look again afterwards. Returns after 10 ms at the latest.
  void pause();
  /// Something was found.
  void reset();

 private:
  const Pool& pool_;
  std::int32_t rank_;
  std::int32_t looks_{0};
  bool announced_{false};  // that this rank sleeps from the next pause on
  std::uint32_t bell_{0};
};

}  // namespace ds::executor

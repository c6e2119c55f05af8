#pragma once
// How long work says how far it is, and how it is asked to stop. Libraries call, the command line draws.

#include <atomic>
#include <functional>
#include <string_view>

namespace ds {

/// Called with a share in [0, 1] and a few words on what is being done. May be empty.
using Progress = std::function<void(double share, std::string_view what)>;

/// Set from a signal handler, asked between steps. `signal` is 0 until then.
struct StopToken {
  std::atomic<int> signal{0};
  bool stop_requested() const { return signal.load(std::memory_order_relaxed) != 0; }
};

}  // namespace ds

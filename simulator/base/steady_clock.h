#pragma once
// Time that only ever goes on, for how long something takes.

#include <chrono>

#include "simulator/base/units.h"

namespace ds {

/// Since some moment that is the same for the whole process.
inline Seconds steady_now() {
  return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

}  // namespace ds

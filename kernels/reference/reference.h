#pragma once
// Plain loops, one formula a kernel, sums in double: what a suspicious reader compares the fast kernels with.
// The formulas are those of simulator/ops.

#include "kernels/arguments.h"

namespace ds::kernels::cpu::reference {

/// A finished sum goes into a weight gradient: added to what is there, or written.
template <class T>
void deliver(const ops::Op& op, T& to, double sum) {
  to = op.accumulate ? to + static_cast<T>(sum) : static_cast<T>(sum);
}

}  // namespace ds::kernels::cpu::reference

#pragma once
// Plain loops, one formula a kernel, sums in double: what a suspicious reader compares the fast kernels with.
// The formulas are those of simulator/ops.

#include <cmath>

#include "kernels/arguments.h"
#include "kernels/cpu/cpu.h"

namespace ds::kernels::cpu::reference {

/// Of operators that no fast kernel computes.
extern const KernelList kContextAttention, kExperts, kColumns, kNormsOfQueries, kLatentAttention;

template <class T>
double dot(const T* a, const T* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// A finished sum goes into a weight gradient: added to what is there, or written.
template <class T>
void deliver(const ops::Op& op, T& to, double sum) {
  to = op.accumulate ? to + static_cast<T>(sum) : static_cast<T>(sum);
}

}  // namespace ds::kernels::cpu::reference

#pragma once
// FLOPs per element that several operators share. Operators that work element by element are memory-bound everywhere, so these
// counts only feed totals of FLOPs, never a duration on their own; exp, tanh, sqrt and division count as one.

#include "simulator/ops/operator.h"

namespace ds::ops {

inline constexpr double kSoftmaxFlops = 5;

/// Of either normalisation over rows of `hidden` elements.
constexpr double norm_flops(Pass pass, std::int64_t tokens, std::int64_t hidden) {
  const double per_element = pass == Pass::forward ? 8 : pass == Pass::input_gradient ? 11 : 5;
  return per_element * real(tokens) * real(hidden);
}

}  // namespace ds::ops

#pragma once
// Operators in many shapes, odd ones first of all: the laws of kernels are tested over the whole list.

#include <vector>

#include "simulator/ops/ops.h"

namespace ds::kernels::test {

/// Every operator and every pass it has, in fp64, not accumulating; shapes from one element up to several
/// tiles.
std::vector<ops::Op> every_operator();

/// One small shape of every operator that has a backward; forward pass, fp64.
std::vector<ops::Op> differentiable_operators();

}  // namespace ds::kernels::test
